// The codes that stand in segmentations and reports, beside what public tables say of them.
#include <gtest/gtest.h>

#include <set>

#include "groundglass/io/dicom_items.h"
#include "groundglass/io/volume_reader.h"
#include "groundglass/predict/dicom_measurements.h"
#include "groundglass/predict/dicom_outputs.h"
#include "tests/io/dicom_object_samples.h"
#include "tests/predict/dicom_job.h"
#include "tests/predict/full_summary.h"
#include "tests/scratch_folder.h"

namespace groundglass {
namespace {

using CodeText = std::array<std::string, 3>;  // value, scheme, meaning

/// Checked against the tables of PS3.16 in pydicom 2.3 and DCMTK 3.6.7; 409774005 against PS3.16
/// CID 7159, 95436008 against OMOP's list of SNOMED concepts, 43468-8 against LOINC's displays in
/// public FHIR resources, {score} and {pixels} against the grammar of UCUM's annotations.
const std::set<CodeText>& known_codes() {
  static const std::set<CodeText> all = {
      {"109101", "DCM", "Acquisition Equipment"},
      {"109102", "DCM", "Processing Equipment"},
      {"111001", "DCM", "Algorithm Name"},
      {"111003", "DCM", "Algorithm Version"},
      {"111028", "DCM", "Image Library"},
      {"111060", "DCM", "Study Date"},
      {"112031", "DCM", "Attenuation Coefficient"},
      {"112039", "DCM", "Tracking Identifier"},
      {"112040", "DCM", "Tracking Unique Identifier"},
      {"112120", "DCM", "Ground glass opacity"},
      {"112227", "DCM", "Frame of Reference UID"},
      {"113076", "DCM", "Segmentation"},
      {"121005", "DCM", "Observer Type"},
      {"121007", "DCM", "Device"},
      {"121012", "DCM", "Device Observer UID"},
      {"121013", "DCM", "Device Observer Name"},
      {"121014", "DCM", "Device Observer Manufacturer"},
      {"121015", "DCM", "Device Observer Model Name"},
      {"121016", "DCM", "Device Observer Serial Number"},
      {"121049", "DCM", "Language of Content Item and Descendants"},
      {"121058", "DCM", "Procedure reported"},
      {"121071", "DCM", "Finding"},
      {"121139", "DCM", "Modality"},
      {"121191", "DCM", "Referenced Segment"},
      {"121214", "DCM", "Referenced Segmentation Frame"},
      {"121232", "DCM", "Source series for segmentation"},
      {"121233", "DCM", "Source image for segmentation"},
      {"121322", "DCM", "Source image for image processing operation"},
      {"121401", "DCM", "Derivation"},
      {"123014", "DCM", "Target Region"},
      {"123110", "DCM", "Artificial Intelligence"},
      {"125007", "DCM", "Measurement Group"},
      {"126000", "DCM", "Imaging Measurement Report"},
      {"126010", "DCM", "Imaging Measurements"},
      {"126200", "DCM", "Image Library Group"},
      {"CR", "DCM", "Computed Radiography"},
      {"CT", "DCM", "Computed Tomography"},
      {"118565006", "SCT", "Volume"},
      {"123037004", "SCT", "Anatomical Structure"},
      {"24028007", "SCT", "Right"},
      {"272741003", "SCT", "Laterality"},
      {"281392002", "SCT", "Upper zone of lung"},
      {"281393007", "SCT", "Middle zone of lung"},
      {"281394001", "SCT", "Lower zone of lung"},
      {"363698007", "SCT", "Finding Site"},
      {"373098007", "SCT", "Mean"},
      {"386136009", "SCT", "Standard Deviation"},
      {"39607008", "SCT", "Lung"},
      {"409774005", "SCT", "Inflammation"},
      {"42798000", "SCT", "Area"},
      {"45653009", "SCT", "Upper lobe of lung"},
      {"49755003", "SCT", "Morphologically Abnormal Structure"},
      {"51185008", "SCT", "Chest"},
      {"51440002", "SCT", "Right and left"},
      {"72481006", "SCT", "Middle lobe of right lung"},
      {"7771000", "SCT", "Left"},
      {"90572001", "SCT", "Lower lobe of lung"},
      {"95436008", "SCT", "Lung consolidation"},
      {"25045-6", "LN", "CT unspecified body region"},
      {"43468-8", "LN", "XR unspecified body region"},
      {"C0034375", "UMLS", "Qualitative Evaluations"},
      {"en-US", "RFC5646", "English (United States)"},
      {"%", "UCUM", "percent"},
      {"[hnsf'U]", "UCUM", "Hounsfield unit"},
      {"cm2", "UCUM", "square centimeter"},
      {"ml", "UCUM", "milliliter"},
      {"{pixels}", "UCUM", "pixels"},
      {"{score}", "UCUM", "score"}};
  return all;
}

/// All codes of a file but our own.
void collect(DcmItem& item, std::set<CodeText>& found) {
  if (item.tagExists(DCM_CodeValue)) {
    const CodeText code = {text_of(item, DCM_CodeValue), text_of(item, DCM_CodingSchemeDesignator),
                           text_of(item, DCM_CodeMeaning)};
    if (code[1] != "99GROUNDGLASS") found.insert(code);
  }
  for (unsigned long i = 0; i < item.card(); ++i) {
    auto* sequence = dynamic_cast<DcmSequenceOfItems*>(item.getElement(i));
    for (unsigned long k = 0; sequence != nullptr && k < sequence->card(); ++k) {
      collect(*sequence->getItem(k), found);
    }
  }
}

void collect(const std::filesystem::path& path, std::set<CodeText>& found) {
  DcmFileFormat file;
  ASSERT_TRUE(file.loadFile(path.c_str()).good()) << path;
  collect(*file.getDataset(), found);
}

TEST(DicomCodes, OfEveryObjectAreThoseOfTheTable) {
  const ScratchFolder folder;
  std::set<CodeText> found;
  auto outputs = parse_dicom_outputs("sr,lungs");
  outputs.maker = sample_maker();

  write_dicom_series(folder / "ct", chest(false));
  set_tag(folder / "ct/0001.dcm", DCM_StudyDate, "20260131");  // that objects take over
  const auto reader = open_volume(folder / "ct");
  auto summary = full_summary(12, 40);
  const auto volume = open_dicom_case(outputs, *reader, summary, {"finder", "b", 2});
  for (int k = 0; k < 12; ++k) {
    volume->add_slice(torch::ones({40, 48}, torch::kUInt8));
    volume->add_lungs(torch::ones({40, 48}, torch::kUInt8));
  }
  volume->write(folder.path(), "ct", summary);

  for (const char* spacing : {"2\\2", static_cast<const char*>(nullptr)}) {
    write_xray(folder / "xray.dcm", spacing);
    CaseSummary xray;
    xray.size = {40, 48};
    xray.acquisition = read_acquisition(folder / "xray.dcm");
    xray.severity = full_severity("two lungs", {"right lung", "left lung"});
    Image picture;
    picture.pixels = torch::zeros({1, 40, 48}, torch::kUInt8);
    const auto one = open_dicom_picture(outputs, folder / "xray.dcm", picture, xray);
    one->add_slice(torch::ones({40, 48}, torch::kUInt8));
    one->write(folder.path(), "xray", xray);
    for (const char* file :
         {"ct_seg.dcm", "ct_sr.dcm", "ct_lungs_seg.dcm", "xray_seg.dcm", "xray_sr.dcm"}) {
      collect(folder / file, found);
    }
  }
  for (const auto& code : found) {
    EXPECT_EQ(known_codes().count(code), 1U) << code[0] << " " << code[1] << " " << code[2];
  }
  for (const auto& code : known_codes()) {
    EXPECT_EQ(found.count(code), 1U) << "is written nowhere: " << code[0] << " " << code[2];
  }
}

}  // namespace
}  // namespace groundglass
