#include "groundglass/io/own_window.h"

#include <cstring>

#include <gtest/gtest.h>

#include "groundglass/core/files.h"
#include "groundglass/io/nifti.h"
#include "tests/io/dicom_samples.h"
#include "tests/scratch_folder.h"

namespace groundglass {
namespace {

TEST(OwnWindow, IsTheFirstThatADicomImageNames) {
  const ScratchFolder folder;
  write_box_series(folder / "a", {});
  const auto file = folder / "a/0001.dcm";
  const auto named = [&](const char* centre, const char* width) {
    edit_dicom(file, [&](DcmDataset& data) {
      data.putAndInsertString(DCM_WindowCenter, centre);
      data.putAndInsertString(DCM_WindowWidth, width);
    });
    return read_own_window(file);
  };
  const auto window = named("-600\\40", "1500\\400");
  ASSERT_TRUE(window);
  EXPECT_EQ(window->low, -1350);
  EXPECT_EQ(window->high, 150);
  EXPECT_FALSE(named("40", "0"));
  EXPECT_FALSE(named("", ""));
  remove_tag(file, DCM_WindowWidth);
  EXPECT_FALSE(read_own_window(file));
}

TEST(OwnWindow, IsThatOfANiftiFile) {
  const ScratchFolder folder;
  write_label_volume(folder / "a.nii", {torch::zeros({2, 3, 4}, torch::kUInt8), {}});
  EXPECT_FALSE(read_own_window(folder / "a.nii"));
  std::string bytes = read_file(folder / "a.nii");
  const float high = 250.5F, low = -900;
  std::memcpy(bytes.data() + 124, &high, 4);
  std::memcpy(bytes.data() + 128, &low, 4);
  write_file(folder / "a.nii", bytes);
  const auto window = read_own_window(folder / "a.nii");
  ASSERT_TRUE(window);
  EXPECT_EQ(window->low, -900);
  EXPECT_EQ(window->high, 250.5);
}

TEST(OwnWindow, IsNotLookedForInOtherFiles) {
  const ScratchFolder folder;
  write_file(folder / "short", "x");
  write_file(folder / "text", std::string(2000, 'x'));
  for (const char* name : {"short", "text", "nothing"}) {
    EXPECT_FALSE(read_own_window(folder / name)) << name;
  }
}

}  // namespace
}  // namespace groundglass
