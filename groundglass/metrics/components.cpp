#include "groundglass/metrics/components.h"

#include <sstream>

#include "groundglass/core/error.h"

namespace groundglass {
namespace {

/// Provisional numbers, each with a smaller one that it belongs to; roots belong to themselves.
class UnionFind {
 public:
  int32_t add() {
    parents_.push_back(static_cast<int32_t>(parents_.size()));
    return parents_.back();
  }

  int32_t root(int32_t x) {
    while (parents_[at(x)] != x) {
      parents_[at(x)] = parents_[at(parents_[at(x)])];  // halve the path on the way up
      x = parents_[at(x)];
    }
    return x;
  }

  int32_t join(int32_t a, int32_t b) {
    a = root(a);
    b = root(b);
    if (a > b) std::swap(a, b);
    parents_[at(b)] = a;
    return a;
  }

  /// For each provisional number its final one, 1..n in the order of the roots; 0 stays 0.
  std::vector<int32_t> final_numbers(int32_t& n) {
    std::vector<int32_t> numbers(parents_.size(), 0);
    n = 0;
    for (size_t x = 1; x < parents_.size(); ++x) {
      const int32_t r = root(static_cast<int32_t>(x));  // never above x, so it has its number
      numbers[x] = static_cast<size_t>(r) == x ? ++n : numbers[at(r)];
    }
    return numbers;
  }

 private:
  static size_t at(int32_t x) { return static_cast<size_t>(x); }
  std::vector<int32_t> parents_ = {0};  ///< number 0 is the background
};

/// Gives the pixels of row (k,j) provisional numbers, from those of the pixels before it.
class FirstPass {
 public:
  FirstPass(const uint8_t* mask, int32_t* labels, int64_t height, int64_t width, UnionFind& sets)
      : mask_(mask), labels_(labels), height_(height), width_(width), sets_(sets) {}

  void run_row(int64_t k, int64_t j) {
    const int32_t* before[4];  // the rows that hold earlier neighbours
    int count = 0;
    if (j > 0) before[count++] = row(k, j - 1);
    for (int64_t dj = -1; dj <= 1 && k > 0; ++dj) {
      if (j + dj >= 0 && j + dj < height_) before[count++] = row(k - 1, j + dj);
    }
    int32_t* here = labels_ + (k * height_ + j) * width_;
    const uint8_t* in = mask_ + (k * height_ + j) * width_;
    for (int64_t i = 0; i < width_; ++i) {
      if (in[i] == 0) continue;
      int32_t number = i > 0 ? here[i - 1] : 0;
      for (int r = 0; r < count; ++r) number = joined_with_row(before[r], i, number);
      here[i] = number != 0 ? number : sets_.add();
    }
  }

 private:
  const int32_t* row(int64_t k, int64_t j) const { return labels_ + (k * height_ + j) * width_; }

  /// The pixel above settles its two neighbours too, since they touch it.
  int32_t joined_with_row(const int32_t* above, int64_t i, int32_t number) {
    if (above[i] != 0) return joined(number, above[i]);
    if (i > 0 && above[i - 1] != 0) number = joined(number, above[i - 1]);
    if (i + 1 < width_ && above[i + 1] != 0) number = joined(number, above[i + 1]);
    return number;
  }

  int32_t joined(int32_t number, int32_t other) {
    return number == 0 || number == other ? other : sets_.join(number, other);
  }

  const uint8_t* mask_;
  int32_t* labels_;
  int64_t height_, width_;
  UnionFind& sets_;
};

}  // namespace

Components connected_components(const torch::Tensor& mask) {
  if (mask.dim() != 2 && mask.dim() != 3) {
    std::ostringstream text;
    text << "mask is " << mask.sizes() << ", expected [H,W] or [D,H,W]";
    fail(ErrorKind::usage, text.str());
  }
  const auto bytes = (mask != 0).to(torch::kUInt8).contiguous();
  const int64_t depth = mask.dim() == 3 ? mask.size(0) : 1, height = mask.size(-2);
  Components out{torch::zeros(mask.sizes(), torch::kInt32), {}};
  auto* labels = out.labels.data_ptr<int32_t>();
  UnionFind sets;
  FirstPass pass(bytes.data_ptr<uint8_t>(), labels, height, mask.size(-1), sets);
  for (int64_t k = 0; k < depth; ++k) {
    for (int64_t j = 0; j < height; ++j) pass.run_row(k, j);
  }
  int32_t n = 0;
  const auto numbers = sets.final_numbers(n);
  out.sizes.assign(static_cast<size_t>(n), 0);
  for (int64_t p = 0; p < mask.numel(); ++p) {
    if (labels[p] == 0) continue;
    labels[p] = numbers[static_cast<size_t>(labels[p])];
    ++out.sizes[static_cast<size_t>(labels[p]) - 1];
  }
  return out;
}

}  // namespace groundglass
