#include "groundglass/io/dicom_deidentify.h"

#include <gtest/gtest.h>

#include "groundglass/core/files.h"
#include "groundglass/io/dicom_items.h"
#include "tests/cli/run_program.h"
#include "tests/complaint.h"
#include "tests/pacs/ct_files.h"
#include "tests/scratch_folder.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

constexpr const char* kPlanted = "PLANTED";

/// Changes a file's data set.
template <class Change>
void edit(const fs::path& path, Change change) {
  DcmFileFormat file;
  ASSERT_TRUE(file.loadFile(path.c_str()).good());
  file.loadAllDataIntoMemory();
  change(*file.getDataset());
  ASSERT_TRUE(file.saveFile(path.c_str(), EXS_LittleEndianExplicit).good());
}

class DeidentifyTest : public ::testing::Test {
 protected:
  DeidentifyTest() { write_ct(scratch_ / "ct/1.dcm", {}); }

  std::unique_ptr<DcmFileFormat> cleaned(const fs::path& path) {
    auto file = std::make_unique<DcmFileFormat>();
    last_ = deidentify_file(path, scratch_ / "out", options_).file;
    EXPECT_TRUE(file->loadFile(last_.c_str()).good());
    file->loadAllDataIntoMemory();
    return file;
  }

  std::string refused(const fs::path& path) {
    return complaint(ErrorKind::data, [&] { deidentify_file(path, scratch_ / "out", options_); });
  }

  ScratchFolder scratch_;
  DeidentifyOptions options_{"secret of the site", StudyDates::shift, PixelCheck::none};
  fs::path last_;
};

TEST_F(DeidentifyTest, NothingThatIsNotListedStays) {
  // A planted word in every attribute of the dictionary that takes text, at the top and nested.
  int planted = 0;
  edit(scratch_ / "ct/1.dcm", [&](DcmDataset& data) {
    DcmItem& nested = add_item(data, DCM_RequestAttributesSequence);
    DcmItem& reference = add_item(data, DCM_ReferencedImageSequence);
    put_text(reference, DCM_ReferencedSOPClassUID, UID_CTImageStorage);
    put_text(reference, DCM_ReferencedSOPInstanceUID, "1.2.3.4.9.2");
    DcmDataDictionary& dictionary = dcmDataDict.wrlock();
    for (auto entry = dictionary.normalBegin(); entry != dictionary.normalEnd(); ++entry) {
      const DcmTagKey tag = (*entry)->getKey();
      if (tag.getGroup() <= 2 || data.tagExists(tag)) continue;
      switch ((*entry)->getEVR()) {
        case EVR_LO:
        case EVR_SH:
        case EVR_PN:
        case EVR_LT:
        case EVR_ST:
        case EVR_UT:
        case EVR_UC:
        case EVR_AE:
        case EVR_CS:
        case EVR_UI:
        case EVR_DA:
        case EVR_TM:
        case EVR_DT:
        case EVR_AS:
        case EVR_DS:
        case EVR_IS:
          for (DcmItem* item : {static_cast<DcmItem*>(&data), &nested, &reference}) {
            if (!item->tagExists(tag)) item->putAndInsertString(tag, kPlanted);
          }
          ++planted;
          break;
        default:
          break;
      }
    }
    dcmDataDict.wrunlock();
    data.putAndInsertString(DcmTag(0x0009, 0x0010, EVR_LO), "PLANTED MAKER");
    data.putAndInsertString(DcmTag(0x0009, 0x1001, EVR_LO), kPlanted);
    data.putAndInsertString(DcmTag(0x6000, 0x4000, EVR_LT), kPlanted);
    data.putAndInsertString(DCM_PatientName, "PLANTED^Jane");
    data.putAndInsertString(DCM_PatientID, kPlanted);
    data.putAndInsertString(DCM_BurnedInAnnotation, "NO");
    data.putAndInsertString(DCM_Manufacturer, "MAKER");
    data.putAndInsertString(DCM_ManufacturerModelName, "MODEL");
    data.putAndInsertString(DCM_ConvolutionKernel, "B30f");
    for (const auto& free_text :
         {DCM_FilterType, DCM_ScanOptions, DCM_RescaleType, DCM_ExposureIndex, DCM_DetectorType}) {
      data.findAndDeleteElement(free_text);
    }
  });
  EXPECT_GT(planted, 1500);
  const auto file = cleaned(scratch_ / "ct/1.dcm");
  const std::string bytes = read_file(last_);
  EXPECT_EQ(last_.string().find(kPlanted), std::string::npos);
  size_t found = 0;
  DcmDataset& data = *file->getDataset();
  for (unsigned long i = 0; i < data.card(); ++i) {
    OFString value;
    data.getElement(i)->getOFStringArray(value);
    // Codes that are no more than words may hold any word; none of these can hold a name.
    if (value.find(kPlanted) == OFString_npos) continue;
    ++found;
    EXPECT_EQ(data.getElement(i)->ident(), EVR_CS)
        << DcmTag(data.getElement(i)->getTag()).getTagName();
  }
  EXPECT_LT(found, 25u);
  EXPECT_EQ(bytes.find("Jane"), std::string::npos);
  EXPECT_FALSE(data.tagExists(DcmTagKey(0x0009, 0x1001)));
  EXPECT_FALSE(data.tagExists(DcmTagKey(0x6000, 0x4000)));
  EXPECT_FALSE(data.tagExists(DCM_RequestAttributesSequence));
  DcmItem* reference = item_of(data, DCM_ReferencedImageSequence);
  ASSERT_NE(reference, nullptr);
  EXPECT_EQ(reference->card(), 2u);
  EXPECT_EQ(text_of(*reference, DCM_ReferencedSOPInstanceUID).rfind("2.25.", 0), 0u);
}

TEST_F(DeidentifyTest, TheImageStaysAndItsStudyStaysTogether) {
  CtFile second;
  second.number = 2;
  write_ct(scratch_ / "ct/2.dcm", second);
  edit(scratch_ / "ct/2.dcm", [](DcmDataset& data) {
    DcmItem& reference = add_item(data, DCM_ReferencedImageSequence);
    put_text(reference, DCM_ReferencedSOPClassUID, UID_CTImageStorage);
    put_text(reference, DCM_ReferencedSOPInstanceUID, "1.2.3.4.9.1");
  });
  const auto a = cleaned(scratch_ / "ct/1.dcm"), b = cleaned(scratch_ / "ct/2.dcm");
  DcmDataset &one = *a->getDataset(), &two = *b->getDataset();
  for (const auto& tag : {DCM_StudyInstanceUID, DCM_SeriesInstanceUID, DCM_FrameOfReferenceUID,
                          DCM_PatientID, DCM_StudyDate}) {
    EXPECT_EQ(text_of(one, tag), text_of(two, tag));
  }
  EXPECT_EQ(text_of(*item_of(two, DCM_ReferencedImageSequence), DCM_ReferencedSOPInstanceUID),
            text_of(one, DCM_SOPInstanceUID));
  EXPECT_EQ(text_of(one, DCM_PatientID).rfind("GG-", 0), 0u);
  EXPECT_EQ(text_of(one, DCM_PatientName), "");
  EXPECT_EQ(all_text_of(two, DCM_ImagePositionPatient), "0\\0\\4");
  const Uint16* pixels = nullptr;
  unsigned long count = 0;
  ASSERT_TRUE(one.findAndGetUint16Array(DCM_PixelData, pixels, &count).good());
  EXPECT_EQ(count, 256u);
  EXPECT_EQ(text_of(one, DCM_PatientIdentityRemoved), "YES");
  EXPECT_EQ(text_of(*item_of(one, DCM_DeidentificationMethodCodeSequence, 1), DCM_CodeValue),
            "113107");
  if (std::system("command -v dciodvfy > /dev/null") == 0) {
    const Outcome checked =
        run_shell("dciodvfy '" + last_.string() + "' 2>&1 | grep -a Deident", scratch_.path());
    EXPECT_EQ(checked.out.find("Error"), std::string::npos) << checked.out;
  }
}

TEST_F(DeidentifyTest, DatesOfAPatientKeepTheirDistance) {
  CtFile later;
  later.series = "1.2.3.7";
  write_ct(scratch_ / "ct/later.dcm", later);
  edit(scratch_ / "ct/later.dcm",
       [](DcmDataset& data) { data.putAndInsertString(DCM_StudyDate, "20260207"); });
  const auto a = cleaned(scratch_ / "ct/1.dcm"), b = cleaned(scratch_ / "ct/later.dcm");
  const auto days = [](DcmDataset& data) {
    const std::string date = text_of(data, DCM_StudyDate);
    OFDate parsed;
    DcmDate::getOFDateFromString(date.c_str(), parsed);
    return parsed;
  };
  const OFDate first = days(*a->getDataset()), second = days(*b->getDataset());
  EXPECT_LT(first, OFDate(2026, 1, 31));
  std::tm x{}, y{};
  x.tm_year = static_cast<int>(first.getYear()) - 1900;
  x.tm_mon = static_cast<int>(first.getMonth()) - 1;
  x.tm_mday = static_cast<int>(first.getDay());
  y.tm_year = static_cast<int>(second.getYear()) - 1900;
  y.tm_mon = static_cast<int>(second.getMonth()) - 1;
  y.tm_mday = static_cast<int>(second.getDay());
  EXPECT_EQ(timegm(&y) - timegm(&x), 7 * 86400);

  options_.dates = StudyDates::empty;
  const auto none = cleaned(scratch_ / "ct/1.dcm");
  EXPECT_EQ(text_of(*none->getDataset(), DCM_StudyDate), "");
  EXPECT_EQ(text_of(*none->getDataset(), DCM_LongitudinalTemporalInformationModified), "REMOVED");
}

TEST_F(DeidentifyTest, PseudonymsFollowFromTheKey) {
  const std::string first = text_of(*cleaned(scratch_ / "ct/1.dcm")->getDataset(), DCM_PatientID);
  EXPECT_EQ(text_of(*cleaned(scratch_ / "ct/1.dcm")->getDataset(), DCM_PatientID), first);
  options_.key = "another secret";
  EXPECT_NE(text_of(*cleaned(scratch_ / "ct/1.dcm")->getDataset(), DCM_PatientID), first);
}

TEST_F(DeidentifyTest, PixelsThatMayShowNamesNeedAPersonsLook) {
  const auto path = scratch_ / "ct/1.dcm";
  edit(path, [](DcmDataset& d) { d.putAndInsertString(DCM_BurnedInAnnotation, "YES"); });
  EXPECT_TRUE(says(refused(path), {"says BurnedInAnnotation YES", "--pixels-checked"}));
  edit(path, [](DcmDataset& d) {
    d.findAndDeleteElement(DCM_BurnedInAnnotation);
    d.putAndInsertString(DCM_SOPClassUID, UID_ComputedRadiographyImageStorage);
  });
  EXPECT_TRUE(says(refused(path), {"is an X-ray that does not say BurnedInAnnotation NO"}));
  edit(path, [](DcmDataset& d) {
    d.putAndInsertString(DCM_SOPClassUID, UID_SecondaryCaptureImageStorage);
  });
  EXPECT_TRUE(says(refused(path), {"is a secondary capture"}));
  options_.pixels = PixelCheck::by_a_person;
  cleaned(path);
  edit(path, [](DcmDataset& d) { d.putAndInsertString(DCM_SOPClassUID, UID_EnhancedSRStorage); });
  EXPECT_TRUE(says(refused(path), {"is no CT, CR or DX image"}));
  edit(path, [](DcmDataset& d) {
    d.putAndInsertString(DCM_SOPClassUID, UID_CTImageStorage);
    d.findAndDeleteElement(DCM_StudyInstanceUID);
  });
  EXPECT_TRUE(says(refused(path), {"has no StudyInstanceUID"}));
  write_file(scratch_ / "no.dcm", "no DICOM");
  EXPECT_TRUE(says(refused(scratch_ / "no.dcm"), {"cannot be read as DICOM"}));
}

TEST_F(DeidentifyTest, TheVerbListsWhatItRefused) {
  write_ct(scratch_ / "ct/2.dcm", {.number = 2});
  edit(scratch_ / "ct/2.dcm",
       [](DcmDataset& d) { d.putAndInsertString(DCM_BurnedInAnnotation, "YES"); });
  write_file(scratch_ / "key", "0123456789abcdef0123456789\n");
  fs::permissions(scratch_ / "key", fs::perms::owner_read);
  const auto some = run_shell("groundglass deidentify ct -o out --key key", scratch_.path());
  EXPECT_EQ(some.code, 4);
  EXPECT_TRUE(says(some.out, {"1 images without their patients in out"}));
  EXPECT_TRUE(says(some.err, {"1 file was not written", "BurnedInAnnotation YES"}));
  const auto odd =
      run_shell("groundglass deidentify ct -o out --key key --dates never", scratch_.path());
  EXPECT_EQ(odd.code, 2);
  EXPECT_TRUE(says(odd.err, {"--dates 'never': expected shift or empty"}));
  EXPECT_TRUE(says(run_shell("groundglass deidentify none -o out --key key", scratch_.path()).err,
                   {"there is no such file or folder"}));
}

}  // namespace
}  // namespace groundglass
