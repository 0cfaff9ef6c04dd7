// How many bytes a structured report takes.
#include <gtest/gtest.h>

#include "groundglass/io/dicom_items.h"
#include "groundglass/io/dicom_sr_reader.h"
#include "groundglass/io/volume_reader.h"
#include "groundglass/predict/dicom_outputs.h"
#include "tests/io/dicom_object_samples.h"
#include "tests/predict/full_summary.h"
#include "tests/scratch_folder.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

constexpr int64_t kManySlices = 300, kSmallSide = 8;

/// A series whose images have identifiers of 64 characters, the longest that there are.
void write_long_series(const fs::path& folder) {
  const auto air = torch::full({kManySlices, kSmallSide, kSmallSide}, -1000, torch::kInt16);
  write_dicom_series(folder, volume_in_hu(air, {}));
  for (const auto& entry : fs::directory_iterator(folder)) {
    const auto digits = "1" + entry.path().stem().string();
    edit_dicom(entry.path(), [&](DcmDataset& data) {
      const auto uid = "1." + std::string(57, '3') + digits;
      data.putAndInsertString(DCM_SOPInstanceUID, uid.c_str());
    });
  }
}

TEST(ReportSize, OfManyClassesLobesAndZonesStaysWellBelowTheLimit) {
  const ScratchFolder folder;
  write_long_series(folder / "a");
  auto outputs = parse_dicom_outputs("sr");
  outputs.maker = sample_maker();
  const auto reader = open_volume(folder / "a");
  const auto summary = full_summary(kManySlices, kSmallSide);
  const auto objects = open_dicom_case(outputs, *reader, summary, {});
  const auto all_classes = torch::arange(kSmallSide * kSmallSide).remainder(4).to(torch::kUInt8);
  for (int64_t k = 0; k < kManySlices; ++k) {
    objects->add_slice(all_classes.view({kSmallSide, kSmallSide}));
  }
  objects->write(folder.path(), "a", summary);

  const auto file = folder / "a_sr.dcm";
  EXPECT_LT(fs::file_size(file), 90000U);
  EXPECT_EQ(errors_in(file), "");
  const auto report = read_dicom_report(file);
  EXPECT_EQ(report.quantities.size(), 3 * 3 + 2 + 1 + 5 * 3 + 1 + 6 * 2);  // nothing is left out
  const auto of_lobes = std::count_if(report.quantities.begin(), report.quantities.end(),
                                      [](const auto& q) { return q.site.ends_with("lung, Left"); });
  EXPECT_EQ(of_lobes, 2 * 3 + 3 * 2);  // of the left zones as well
  EXPECT_TRUE(std::any_of(report.remarks.begin(), report.remarks.end(), [](const auto& remark) {
    return remark.starts_with("Image Library: Lists 100 of 300 images");
  }));

  DcmFileFormat loaded;
  loaded.loadFile(file.c_str());
  DcmItem& data = *loaded.getDataset();
  DcmItem* study = item_of(data, DCM_CurrentRequestedProcedureEvidenceSequence);
  DcmItem* images = item_of(*study, DCM_ReferencedSeriesSequence);
  EXPECT_NE(item_of(*images, DCM_ReferencedSOPSequence, kManySlices - 1), nullptr);
  if (is_installed("dsrdump")) {
    const auto dumped = printed_by("dsrdump '" + file.string() + "'");
    EXPECT_NE(dumped.find("Severity of a lobe, 0 to 5"), std::string::npos);
    EXPECT_EQ(dumped.find("E: "), std::string::npos) << dumped.substr(0, 2000);
  }
}

}  // namespace
}  // namespace groundglass
