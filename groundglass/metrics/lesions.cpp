#include "groundglass/metrics/lesions.h"

#include <vector>

#include "groundglass/core/error.h"
#include "groundglass/core/text.h"
#include "groundglass/metrics/components.h"
#include "groundglass/metrics/foreground_box.h"

namespace groundglass {
namespace {

void check(const LesionOptions& options) {
  if (options.smallest < 1) {
    fail(ErrorKind::usage, "the smallest lesion is " + std::to_string(options.smallest) +
                               " pixels, expected 1 or more");
  }
  if (!(options.overlap >= 0 && options.overlap <= 1)) {
    fail(ErrorKind::usage, "the share of a lesion that must be covered is " +
                               shortest(options.overlap) + ", expected 0 to 1");
  }
}

/// For each piece how many of its pixels lie in the other mask.
std::vector<int64_t> shared_pixels(const Components& pieces, const torch::Tensor& other) {
  std::vector<int64_t> shared(pieces.sizes.size(), 0);
  const auto* label = pieces.labels.data_ptr<int32_t>();
  const auto* inside = other.data_ptr<uint8_t>();
  for (int64_t p = 0; p < other.numel(); ++p) {
    if (label[p] != 0 && inside[p] != 0) ++shared[static_cast<size_t>(label[p]) - 1];
  }
  return shared;
}

std::optional<double> share(int64_t part, int64_t whole) {
  if (whole == 0) return std::nullopt;
  return static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

LesionCounts& LesionCounts::operator+=(const LesionCounts& other) {
  reference += other.reference;
  found += other.found;
  predicted += other.predicted;
  false_positives += other.false_positives;
  return *this;
}

LesionCounts count_lesions(const torch::Tensor& prediction, const torch::Tensor& truth,
                           const LesionOptions& options) {
  check(options);
  const ForegroundBox box = foreground_box(prediction, truth);
  LesionCounts c;
  const auto count_pieces = [&](const torch::Tensor& mask, const torch::Tensor& other,
                                const auto& take) {
    const Components pieces = connected_components(mask);
    const auto shared = shared_pixels(pieces, other);
    for (size_t i = 0; i < shared.size(); ++i) {
      if (pieces.sizes[i] >= options.smallest) take(shared[i], pieces.sizes[i]);
    }
  };
  count_pieces(box.truth, box.prediction, [&](int64_t covered, int64_t size) {
    ++c.reference;
    const double needed = options.overlap * static_cast<double>(size);
    c.found += covered > 0 && static_cast<double>(covered) >= needed;
  });
  count_pieces(box.prediction, box.truth, [&](int64_t touched, int64_t) {
    ++c.predicted;
    c.false_positives += touched == 0;
  });
  return c;
}

std::optional<double> lesion_sensitivity(const LesionCounts& c) {
  return share(c.found, c.reference);
}
std::optional<double> lesion_precision(const LesionCounts& c) {
  return share(c.predicted - c.false_positives, c.predicted);
}
std::optional<double> lesion_f1(const LesionCounts& c) {
  const int64_t missed = c.reference - c.found;
  return share(2 * c.found, 2 * c.found + missed + c.false_positives);
}

}  // namespace groundglass
