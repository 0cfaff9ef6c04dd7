#include <gtest/gtest.h>

#include "groundglass/preprocess/normalise.h"
#include "groundglass/preprocess/slice.h"
#include "groundglass/preprocess/slice_lungs.h"
#include "tests/complaint.h"

namespace groundglass {
namespace {

Box whole_box(const torch::Tensor& slice) {
  return {0, 0, slice.size(0), slice.size(1)};
}

Image image_of(const torch::Tensor& pixels) {
  return {pixels.unsqueeze(0), Units::gray, 255, {}};
}

// SPEC-SHARED section 5: 16 x 16, v = 8 i + 8 j, clip 2, 2 x 2 tiles, row 5.
TEST(Clahe, GivesTheGoldenRow) {
  const auto i = torch::arange(16).view({16, 1}), j = torch::arange(16).view({1, 16});
  const auto out = clahe((8 * i + 8 * j).to(torch::kUInt8), {.clip = 2.0, .tiles = 2});
  const auto golden = torch::tensor(
      {57, 64, 76, 84, 96, 104, 108, 116, 120, 128, 134, 138, 147, 155, 167, 179}, torch::kUInt8);
  EXPECT_TRUE(torch::equal(out[5], golden)) << out[5];
}

TEST(Clahe, DoesNotChangeItsInput) {
  const auto image = torch::randint(0, 256, {64, 48}, torch::kUInt8);
  const auto before = image.clone();
  clahe(image);
  EXPECT_TRUE(torch::equal(image, before));
}

TEST(WindowHu, ClampsAndScales) {
  const auto hu = torch::tensor({-2000.0F, -1024.0F, -212.0F, 600.0F, 3000.0F});
  const auto expected =
      torch::tensor({0, 0, 128, 255, 255}, torch::kUInt8);  // 127.5 rounds to even
  EXPECT_TRUE(torch::equal(window_hu(hu, -1024, 600), expected)) << window_hu(hu, -1024, 600);
}

TEST(TissueWindow, MakesTwoWindowsOfOneSliceAlike) {
  torch::manual_seed(1);
  auto hu = torch::full({128, 128}, -1000.0F);  // air, lung, soft tissue, some bone
  hu.narrow(0, 16, 96).narrow(1, 16, 96).fill_(45);
  hu.narrow(0, 32, 64).narrow(1, 32, 64).fill_(-850);
  hu.narrow(0, 50, 20).narrow(1, 40, 20).fill_(-500);
  hu.narrow(0, 100, 8).narrow(1, 60, 8).fill_(900);
  hu += 10 * torch::randn({128, 128});
  const auto lung_window = tissue_window(window_hu(hu, -1100, 200));
  const auto wide_window = tissue_window(window_hu(hu, -1024, 1500));
  const auto lesion = [](const torch::Tensor& t) {
    return t.narrow(0, 52, 16).narrow(1, 42, 16).to(torch::kFloat32).mean().item<float>();
  };
  EXPECT_NEAR(lesion(lung_window), lesion(wide_window), 12);
  const auto raw = [&](double low, double high) { return lesion(window_hu(hu, low, high)); };
  EXPECT_GT(std::abs(raw(-1100, 200) - raw(-1024, 1500)), 40);  // without it they differ
}

TEST(TissueWindow, LeavesAFlatSliceAlone) {
  const auto flat = torch::full({32, 32}, 77, torch::kUInt8);
  EXPECT_TRUE(torch::equal(tissue_window(flat), flat));
}

TEST(ToNetworkGrid, ResizesLinearlyWithHalfPixelCentres) {
  PreprocessOptions options;
  options.contrast = Contrast::none;
  options.size = {8, 8};
  const auto ramp = (torch::arange(16).view({1, 16}) * 10).expand({16, 16}).to(torch::kUInt8);
  const auto out = to_network_grid(image_of(ramp), options).pixels;
  ASSERT_EQ(out.sizes(), (torch::IntArrayRef{1, 8, 8}));
  for (int64_t x = 0; x < 8; ++x) EXPECT_EQ(out[0][3][x].item<int>(), 20 * x + 5);
}

TEST(ToNetworkGrid, BringsEveryDepthToEightBits) {
  PreprocessOptions options;
  options.contrast = Contrast::none;
  options.size = {16, 16};
  const Image sixteen{torch::full({1, 16, 16}, 65535.0F / 2), Units::gray, 65535, {}};
  EXPECT_EQ(to_network_grid(sixteen, options).pixels[0][0][0].item<int>(), 128);
  const Image hu{torch::full({1, 16, 16}, 600.0F), Units::hu, 255, {}};
  EXPECT_EQ(to_network_grid(hu, options).pixels[0][0][0].item<int>(), 255);
}

TEST(BodyBox, LeavesOutTheTableAndTheAir) {
  auto slice = torch::full({100, 120}, 2, torch::kUInt8);
  slice.narrow(0, 20, 50).narrow(1, 30, 60).fill_(120);  // body
  slice.narrow(0, 30, 20).narrow(1, 45, 20).fill_(10);   // lung
  slice.narrow(0, 90, 3).fill_(200);                     // table
  EXPECT_EQ(body_box(slice), (Box{19, 29, 52, 62}));
  EXPECT_EQ(body_box(torch::full({40, 50}, 7, torch::kUInt8)), (Box{0, 0, 40, 50}));
  auto speck = torch::zeros({100, 100}, torch::kUInt8);
  speck.narrow(0, 50, 4).narrow(1, 50, 4).fill_(255);  // too small to be a body
  EXPECT_EQ(body_box(speck), (Box{0, 0, 100, 100}));
}

TEST(ToNetworkGrid, GoesThereAndBackThroughACrop) {
  PreprocessOptions options;
  options.contrast = Contrast::none;
  options.crop = Crop::body;
  options.size = {50, 60};
  auto slice = torch::zeros({100, 120}, torch::kUInt8);
  slice.narrow(0, 20, 50).narrow(1, 30, 60).fill_(100);
  slice.narrow(0, 40, 10).narrow(1, 50, 20).fill_(220);
  const NetworkSlice there = to_network_grid(image_of(slice), options);
  const auto mask = mask_to_network_grid((slice == 220).to(torch::kUInt8), there.box, options);
  EXPECT_TRUE(torch::equal(mask != 0, there.pixels[0] >= 160));
  const auto back = to_slice_grid(mask.to(torch::kFloat32).unsqueeze(0), there.box, 100, 120)[0];
  EXPECT_LT(((back >= 0.5) != (slice == 220)).sum().item<int64_t>(), 40);
  EXPECT_EQ(back.narrow(0, 0, 19).sum().item<float>(), 0);
}

TEST(ToNetworkGrid, RefusesUnitsThatTheRecipeDoesNotTake) {
  PreprocessOptions options;
  options.units = UnitsAsked::hu;
  EXPECT_TRUE(
      says(complaint(ErrorKind::data,
                     [&] {
                       to_network_grid(image_of(torch::zeros({16, 16}, torch::kUInt8)), options);
                     }),
           {"gray", "hu"}));
}

/// A body of 30 HU in air with two lungs of -800 HU, [1,64,64].
Image chest_in_hu() {
  auto hu = torch::full({64, 64}, -1000.0F);
  hu.narrow(0, 6, 52).narrow(1, 4, 56).fill_(30);
  hu.narrow(0, 16, 30).narrow(1, 10, 16).fill_(-800);
  hu.narrow(0, 16, 30).narrow(1, 38, 16).fill_(-800);
  return {hu.unsqueeze(0), Units::hu, 1, {}};
}

PreprocessOptions lung_options() {
  PreprocessOptions options;
  options.contrast = Contrast::none;
  options.size = {64, 64};
  options.mask = Mask::lungs;
  return options;
}

TEST(ToNetworkGrid, ShowsTheLungsOnBlack) {
  const Image image = chest_in_hu();
  const auto lungs = lungs_by_threshold(image, {});
  PreprocessOptions options = lung_options();
  const auto masked = to_network_grid(image, options).pixels[0];
  options.mask = Mask::none;
  const auto whole = to_network_grid(image, options).pixels[0];
  EXPECT_TRUE(torch::equal(masked, whole * lungs));
  EXPECT_EQ(masked[0][0].item<int>(), 0);
  EXPECT_EQ(masked[10][32].item<int>(), 0);  // soft tissue is 164 without the mask
  EXPECT_GT(masked[30][15].item<int>(), 0);
  EXPECT_GT(whole[10][32].item<int>(), 100);
}

TEST(ToNetworkGrid, TakesTheLungsThatItIsGiven) {
  const Image image = chest_in_hu();
  PreprocessOptions options = lung_options();
  options.lungs_from = LungsBy::column;
  auto given = torch::zeros({64, 64}, torch::kUInt8);
  given.narrow(0, 0, 8).fill_(2);  // every class is lung
  const auto masked = to_network_grid(image, options, given).pixels[0];
  EXPECT_EQ(masked[30][15].item<int>(), 0);
  EXPECT_GT(masked[7][32].item<int>(), 0);
  EXPECT_EQ(complaint(ErrorKind::usage, [&] { to_network_grid(image, options); }),
            "the recipe's [preprocess] needs the lungs of each image, lungs_from column, and here "
            "nobody finds them; expected lungs_from 'threshold'");
  EXPECT_EQ(
      complaint(ErrorKind::data, [&] { to_network_grid(image, options, given.narrow(0, 0, 32)); }),
      "the lung mask is 32 x 64 and its image 64 x 64 (height x width)");
}

// Paper 003 takes the z-score of HU. A z-score does not change with scale and offset, so that of
// the 8-bit picture is that of HU but for the window's ends and steps of 6.4 HU.
TEST(Normalised, ZScoreOfTheWindowedPictureIsThatOfHuWithinTheWindow) {
  at::manual_seed(5);
  const auto hu = torch::empty({1, 1, 64, 64}).uniform_(-1000, 590);
  const auto of_hu = (hu - hu.mean()) / hu.std(c10::IntArrayRef{}, /*unbiased=*/false);
  const auto of_picture = normalised(window_hu(hu, -1024, 600), Normalise::zscore);
  EXPECT_LT((of_hu - of_picture).abs().max().item<double>(), 0.01);
}

TEST(ClaheOfRegions, EqualisesEachRegionByItselfAndNothingElse) {
  at::manual_seed(6);
  const auto gray = torch::randint(60, 90, {48, 64}, torch::kInt64).to(torch::kUInt8);
  auto regions = torch::zeros({48, 64}, torch::kUInt8);
  regions.narrow(0, 8, 30).narrow(1, 4, 20).fill_(1);
  regions.narrow(0, 8, 30).narrow(1, 36, 24).fill_(2);
  regions.narrow(0, 44, 3).narrow(1, 0, 3).fill_(1);  // smaller than the tiles
  const ClaheOptions options = {.clip = 2, .tiles = 4};
  const auto out = clahe_of_regions(gray, regions, options);
  const auto left = gray.narrow(0, 8, 30).narrow(1, 4, 20).contiguous();
  EXPECT_TRUE(torch::equal(out.narrow(0, 8, 30).narrow(1, 4, 20), clahe(left, options)));
  const auto right = gray.narrow(0, 8, 30).narrow(1, 36, 24).contiguous();
  EXPECT_TRUE(torch::equal(out.narrow(0, 8, 30).narrow(1, 36, 24), clahe(right, options)));
  const auto outside = (regions == 0) | (torch::arange(48).view({48, 1}) >= 44);
  EXPECT_TRUE(torch::equal(out.masked_select(outside), gray.masked_select(outside)));
  PreprocessOptions recipe = lung_options();
  recipe.mask = Mask::none;
  recipe.contrast = Contrast::clahe;
  const auto whole = to_network_grid(chest_in_hu(), recipe).pixels;
  recipe.contrast_region = ContrastRegion::lungs;
  EXPECT_FALSE(torch::equal(to_network_grid(chest_in_hu(), recipe).pixels, whole));
}

TEST(MaskToNetworkGrid, CutsALinearResizeAtOneHalf) {
  PreprocessOptions options;
  options.size = {2, 2};
  auto mask = torch::zeros({4, 4}, torch::kUInt8);
  mask[0][0] = mask[0][1] = 1;               // half of the first cell
  mask[2][2] = mask[2][3] = mask[3][2] = 1;  // three quarters of the last
  mask[3][0] = 1;                            // a quarter of the third
  const auto expected = torch::tensor({{1, 0}, {0, 1}}, torch::kUInt8);
  EXPECT_TRUE(torch::equal(mask_to_network_grid(mask, whole_box(mask), options), expected))
      << mask_to_network_grid(mask, whole_box(mask), options);
}

TEST(MaskToNetworkGrid, NeverInventsAClass) {
  PreprocessOptions options;
  options.size = {37, 23};
  auto mask = torch::zeros({90, 70}, torch::kUInt8);
  mask.narrow(0, 20, 40).fill_(3);
  const auto values =
      std::get<0>(at::_unique(mask_to_network_grid(mask, whole_box(mask), options)));
  EXPECT_TRUE(torch::equal(values, torch::tensor({0, 3}, torch::kUInt8))) << values;
}

TEST(ToSliceGrid, GoesBackToTheSlicesOwnSize) {
  const auto p = torch::rand({2, 16, 16});
  const auto out = to_slice_grid(p, {0, 0, 33, 21}, 33, 21);
  EXPECT_EQ(out.sizes(), (torch::IntArrayRef{2, 33, 21}));
  EXPECT_LE(out.max().item<float>(), p.max().item<float>());
  EXPECT_TRUE(torch::equal(to_slice_grid(p, {0, 0, 16, 16}, 16, 16), p));
}

TEST(PreprocessOptions, RefusesWordsAndNumbersThatMeanNothing) {
  const auto refuse = [](auto change) {
    PreprocessOptions options;
    change(options);
    return complaint(ErrorKind::recipe, [&] { options.check(); });
  };
  EXPECT_TRUE(says(refuse([](auto& o) { o.window_hu = {5, 5}; }), {"window_hu", "rising"}));
  EXPECT_TRUE(says(refuse([](auto& o) { o.size = {5}; }), {"size", "height and width"}));
  EXPECT_TRUE(says(refuse([](auto& o) {
                     o.contrast = Contrast::none;
                     o.contrast_region = ContrastRegion::lungs;
                   }),
                   {"contrast_region is 'lungs'", "expected contrast 'clahe'"}));
  EXPECT_TRUE(says(refuse([](auto& o) { o.lungs_name = "lung"; }),
                   {"lungs_name", "'threshold'", "expected 'column' or 'network'"}));
}

}  // namespace
}  // namespace groundglass
