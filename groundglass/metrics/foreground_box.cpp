#include "groundglass/metrics/foreground_box.h"

#include <algorithm>
#include <array>
#include <sstream>

#include "groundglass/core/error.h"
#include "groundglass/core/task.h"

namespace groundglass {
namespace {

struct Range {
  int64_t low = 0, high = 0;  ///< high is one behind the last; empty where high <= low

  void take(int64_t from, int64_t to) {
    const bool empty = high <= low;
    low = empty ? from : std::min(low, from);
    high = empty ? to : std::max(high, to);
  }
};

void check_shapes(const torch::Tensor& prediction, const torch::Tensor& truth) {
  if (prediction.sizes() == truth.sizes() && (truth.dim() == 2 || truth.dim() == 3)) return;
  std::ostringstream text;
  text << "prediction is " << prediction.sizes() << " and truth is " << truth.sizes()
       << ", expected equal shapes [H,W] or [D,H,W]";
  fail(ErrorKind::usage, text.str());
}

/// Bytes 0 and 1 [D,H,W].
torch::Tensor as_bytes(const torch::Tensor& mask) {
  const auto bytes = mask.to(torch::kUInt8).contiguous();
  return bytes.dim() == 2 ? bytes.unsqueeze(0) : bytes;
}

/// Widens the ranges of slices, rows and columns to those of the mask's foreground.
bool add_extent(const torch::Tensor& mask, std::array<Range, 3>& box) {
  const int64_t rows = mask.size(1), width = mask.size(2);
  bool any = false;
  for (int64_t r = 0; r < mask.size(0) * rows; ++r) {
    const auto* row = mask.data_ptr<uint8_t>() + r * width;
    const auto* first = std::find(row, row + width, 1);
    if (first == row + width) continue;
    const auto* last = row + width - 1;
    while (*last == 0) --last;
    box[0].take(r / rows, r / rows + 1);
    box[1].take(r % rows, r % rows + 1);
    box[2].take(first - row, last - row + 1);
    any = true;
  }
  return any;
}

torch::Tensor cut(torch::Tensor mask, const std::array<Range, 3>& box) {
  for (int64_t axis = 0; axis < 3; ++axis) {
    const Range& range = box[static_cast<size_t>(axis)];
    mask = mask.narrow(axis, range.low, range.high - range.low);
  }
  return mask.contiguous();
}

}  // namespace

ForegroundBox foreground_box(const torch::Tensor& prediction, const torch::Tensor& truth) {
  check_shapes(prediction, truth);
  const auto valid = truth != kIgnoreLabel;
  const auto predicted = as_bytes((prediction != 0).logical_and_(valid));
  const auto real = as_bytes((truth != 0).logical_and_(valid));
  std::array<Range, 3> box;
  const bool any_predicted = add_extent(predicted, box), any_real = add_extent(real, box);
  return {cut(predicted, box), cut(real, box), !any_predicted, !any_real};
}

}  // namespace groundglass
