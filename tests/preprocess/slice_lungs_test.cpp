#include <gtest/gtest.h>

#include "groundglass/data/phantom.h"
#include "groundglass/metrics/counts.h"
#include "groundglass/preprocess/slice.h"
#include "groundglass/preprocess/slice_lungs.h"

namespace groundglass {
namespace {

/// A middle slice of a phantom, where both lungs are large.
Phantom::Slice middle_slice() {
  const Phantom phantom({.seed = 5, .slices = 24, .side = 192});
  return phantom.slice(12);
}

Image gray_image(const torch::Tensor& gray) {
  return {gray.unsqueeze(0), Units::gray, 255, {}};
}

TEST(LungsByThreshold, FindTheLungsOfAPhantomInHu) {
  const auto slice = middle_slice();
  const Image image{slice.hu.unsqueeze(0), Units::hu, 255, {}};
  const auto found = lungs_by_threshold(image, slice.lesions);
  EXPECT_GT(*dice(count(found, slice.lungs)), 0.93);
}

TEST(LungsByThreshold, FindThemInAPictureOfAnyWindow) {
  const auto slice = middle_slice();
  for (const auto& [low, high] : {std::pair{-1000.0, 400.0}, {-1350.0, 150.0}}) {
    const auto found =
        lungs_by_threshold(gray_image(window_hu(slice.hu, low, high)), slice.lesions);
    EXPECT_GT(*dice(count(found, slice.lungs)), 0.93) << low;
  }
}

TEST(LungsByThreshold, KeepLungsThatATightCropCuts) {
  const auto slice = middle_slice();
  const auto rows = slice.lungs.any(1).nonzero(), columns = slice.lungs.any(0).nonzero();
  const auto cropped = [&](const torch::Tensor& t) {
    return t.slice(0, rows.min().item<int64_t>() + 3, rows.max().item<int64_t>() - 2)
        .slice(1, columns.min().item<int64_t>() + 3, columns.max().item<int64_t>() - 2)
        .contiguous();
  };
  const auto found = lungs_by_threshold(gray_image(window_hu(cropped(slice.hu), -1000, 400)),
                                        cropped(slice.lesions));
  EXPECT_GT(*dice(count(found, cropped(slice.lungs))), 0.9);
}

TEST(LungsByThreshold, LeaveOutTheAirAroundTheBody) {
  auto gray = torch::full({100, 100}, 200, torch::kUInt8);
  gray.narrow(0, 0, 30).narrow(1, 0, 30).fill_(0);  // a corner
  EXPECT_EQ(lungs_by_threshold(gray_image(gray), {}).sum().item<int64_t>(), 0);
  gray.narrow(0, 45, 40).narrow(1, 30, 40).fill_(10);  // a lung
  const auto found = lungs_by_threshold(gray_image(gray), {});
  EXPECT_EQ(found[10][10].item<int64_t>(), 0);
  EXPECT_EQ(found[65][50].item<int64_t>(), 1);
}

TEST(LungBox, BringsCropsOfOneSliceToOneScale) {
  const auto slice = middle_slice();
  const auto gray = window_hu(slice.hu, -1000, 400);
  const auto box_of = [](const torch::Tensor& g) { return lung_box(gray_image(g), body_box(g)); };
  const Box whole = box_of(gray);
  const auto lungs =
      slice.lungs.narrow(0, whole.top, whole.height).narrow(1, whole.left, whole.width);
  EXPECT_EQ(lungs.sum().item<int64_t>(), slice.lungs.sum().item<int64_t>());
  EXPECT_LT(whole.width, body_box(gray).width);
  // Cropped ten pixels outside that box, the same lungs give nearly the same box.
  const int64_t top = whole.top - 10, left = whole.left - 10;
  const Box again =
      box_of(gray.narrow(0, top, whole.height + 20).narrow(1, left, whole.width + 20).contiguous());
  EXPECT_NEAR(static_cast<double>(again.top + top), static_cast<double>(whole.top), 8);
  EXPECT_NEAR(static_cast<double>(again.width), static_cast<double>(whole.width), 12);
}

TEST(LungBox, IsNeverNarrowAndTheBodysWithoutLungs) {
  auto gray = torch::zeros({100, 120}, torch::kUInt8);
  gray.narrow(0, 10, 80).narrow(1, 10, 100).fill_(200);
  const Box body = body_box(gray);
  EXPECT_EQ(lung_box(gray_image(gray), body), body);
  gray.narrow(0, 40, 10).narrow(1, 30, 12).fill_(20);  // the tip of one lung
  const Box box = lung_box(gray_image(gray), body);
  EXPECT_EQ(box.height, 3 * body.height / 5);
  EXPECT_EQ(box.width, 3 * body.width / 5);
  EXPECT_LE(box.top, 40);
  EXPECT_GE(box.top + box.height, 50);
  EXPECT_GE(box.left, 0);
}

TEST(LungsByThreshold, AddTheLesionsAndFillTheHoles) {
  auto gray = torch::full({100, 100}, 200, torch::kUInt8);
  gray.narrow(0, 20, 60).narrow(1, 20, 60).fill_(10);
  gray.narrow(0, 45, 12).narrow(1, 45, 12).fill_(200);  // a vessel, wider than the closing
  auto lesions = torch::zeros({100, 100}, torch::kUInt8);
  lesions.narrow(0, 40, 20).narrow(1, 80, 8).fill_(1);
  const auto found = lungs_by_threshold(gray_image(gray), lesions);
  EXPECT_EQ(found[50][50].item<int64_t>(), 1);
  EXPECT_EQ(found[50][84].item<int64_t>(), 1);
  EXPECT_EQ(lungs_by_threshold(gray_image(gray), {})[50][86].item<int64_t>(), 0);
}

TEST(LungsByThreshold, FindNothingInAnEmptySlice) {
  const auto flat = torch::full({64, 64}, 90, torch::kUInt8);
  EXPECT_EQ(lungs_by_threshold(gray_image(flat), {}).sum().item<int64_t>(), 0);
}

}  // namespace
}  // namespace groundglass
