#include <gtest/gtest.h>

#include "groundglass/core/files.h"
#include "groundglass/io/picture.h"
#include "groundglass/report/operator_figures.h"
#include "tests/complaint.h"
#include "tests/scratch_folder.h"

namespace groundglass {
namespace {

/// A slow wave with a bright pixel here and there, which max pooling spreads.
torch::Tensor wave() {
  const auto x = torch::arange(128).view({1, 128}), y = torch::arange(96).view({96, 1});
  auto gray = (110 + 60 * torch::sin(x / 20.0) * torch::cos(y / 15.0)).to(torch::kUInt8);
  gray.index_put_({torch::tensor({10, 50}), torch::tensor({20, 90})}, 255);
  return gray.contiguous();
}

TEST(PoolingErrors, AreThoseOfFactorsTwoToSixtyFour) {
  const auto errors = pooling_errors(wave());
  ASSERT_EQ(errors.size(), 5U);  // 96 / 64 leaves one pixel
  for (size_t i = 0; i < errors.size(); ++i) {
    EXPECT_EQ(errors[i].factor, int64_t{2} << i);
    EXPECT_LT(errors[i].spectral, errors[i].largest);
  }
  for (const auto& e : pooling_errors(torch::full({8, 8}, 90, torch::kUInt8))) {
    EXPECT_NEAR(e.largest, 0, 1e-3);
    EXPECT_NEAR(e.spectral, 0, 1e-2);
  }
  EXPECT_EQ(complaint(ErrorKind::data,
                      [] {
                        pooling_errors(torch::zeros({3, 9}, torch::kUInt8));
                      }),
            "the picture is 3 x 9, expected four pixels a side at least");
}

TEST(OperatorFigures, AreWrittenForEachPicture) {
  const ScratchFolder folder;
  write_png(folder / "a.png", wave());
  ExplainJob job;
  job.output = folder / "out";
  const std::vector<ChosenInput> inputs = {{{folder / "a.png", "a", false}, {}, {}}};
  const auto pooled = explain_pooling(inputs, job);
  ASSERT_EQ(pooled.size(), 1U);
  EXPECT_EQ(pooled[0]["pooling"].size(), 5U);
  EXPECT_EQ(read_picture(folder / "out/a_pooling.png").pixels.size(2), 6 * 128 + 5 * 6);
  PreprocessOptions options;
  const auto contrast = explain_contrast(options, inputs, job);
  EXPECT_GT(contrast[0]["deviation_after"], contrast[0]["deviation_before"]);
  EXPECT_EQ(read_picture(folder / "out/a_contrast.png").pixels.size(2), 2 * 128 + 6);
  options.contrast = Contrast::none;
  EXPECT_TRUE(says(complaint(ErrorKind::recipe, [&] { explain_contrast(options, inputs, job); }),
                   {"contrast is 'none'", "attention_unet_2026"}));
  const std::vector<ChosenInput> volume = {{{folder / "a.nii", "a", true}, {}, {}}};
  EXPECT_TRUE(says(complaint(ErrorKind::data, [&] { explain_pooling(volume, job); }),
                   {"a.nii: is a volume"}));
}

}  // namespace
}  // namespace groundglass
