#include <algorithm>
#include <cstring>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "groundglass/infer/plan/amx_kernels.h"
#include "groundglass/infer/plan/steps.h"

namespace groundglass::planning {
namespace {

/// Of each part of a strip's copy: of the second-level cache, what weights leave.
constexpr int64_t kCopyBytes = 768 << 10, kFloatCopyBytes = 384 << 10;
/// Where weights are larger than the map, reading them once is worth more.
constexpr int64_t kDeepCopyBytes = 2 << 20;
/// Weights used for all tiles in turn: some 100 KiB, with the places they meet.
constexpr int64_t kStepsAtOnce = 48, kFloatStepsAtOnce = 24;
constexpr int64_t kTile = 16;

/// What the kernel's pointers point to.
struct Amx {
  std::vector<AmxStep> steps;
  std::vector<std::vector<AmxTile>> tiles;
  std::vector<AmxStrip> strips;
  std::shared_ptr<void> weight;
  torch::Tensor bias;
  AmxLayer layer;
};

/// Two inputs of one tap, or one input at two neighbouring taps; tap -1: nothing.
struct Factor {
  int64_t input = 0, y = 0, x = -1;
};

/// The products of each step: inputs of two blocks at one tap, and of an odd last block at two
/// neighbouring taps.
class Products {
 public:
  Products(const ConvolutionSpec& s, int64_t rows, int64_t width)
      : s_(s), plane_(rows * width), width_(width) {
    const int64_t pairs = s.in.blocks / 2, ky = s.weight.size(2), kx = s.weight.size(3);
    for (int64_t p = 0; p < pairs; ++p) {
      for (int64_t y = 0; y < ky; ++y) {
        for (int64_t x = 0; x < kx; ++x) {
          add(p * plane_ * 64, y, x, 64);
          for (int64_t k = 0; k < 32; ++k) factors_.push_back({p * 32 + k, y, x});
        }
      }
    }
    if (s.in.blocks % 2 == 0) return;
    const int64_t together = s.dilation[1] == 1 ? 2 : 1;
    for (int64_t y = 0; y < ky; ++y) {
      for (int64_t x = 0; x < kx; x += together) {
        add(pairs * plane_ * 64, y, x, 32);
        for (int64_t k = 0; k < 32; ++k) {
          const int64_t tap = k < kTile ? x : together == 2 && x + 1 < kx ? x + 1 : -1;
          factors_.push_back({pairs * 32 + k % kTile, y, tap});
        }
      }
    }
  }

  const std::vector<AmxStep>& steps() const { return steps_; }

  /// As AmxLayer::weight wants them.
  template <class S>
  void pack(S* to) const {
    const auto weight = s_.weight.accessor<float, 4>();
    const auto steps = static_cast<int64_t>(steps_.size());
    for (int64_t first = 0; first < s_.out.blocks; first += 2) {
      const int64_t blocks = std::min<int64_t>(2, s_.out.blocks - first);
      for (int64_t step = 0; step < steps; ++step) {
        const Factor* f = factors_.data() + step * 32;
        for (int64_t b = first; b < first + blocks; ++b) {
          for (int64_t k = 0; k < 32; ++k) {
            S* z = to + k / 2 * 32 + k % 2;
            for (int64_t o = 0; o < kTile; ++o) {
              z[o * 2] =
                  f[k].x < 0 ? S(0.0f) : S(weight[b * kTile + o][f[k].input][f[k].y][f[k].x]);
            }
          }
          to += 512;
        }
      }
    }
  }

 private:
  void add(int64_t plane, int64_t y, int64_t x, int64_t unit) {
    const int64_t place = y * s_.dilation[0] * width_ + x * s_.dilation[1];
    steps_.push_back({plane + place * unit, unit});
  }

  const ConvolutionSpec& s_;
  int64_t plane_, width_;
  std::vector<AmxStep> steps_;
  std::vector<Factor> factors_;  ///< 32 for each step
};

/// The results of `rows` rows in sixteens: row by row, or, where rows are short, on through the
/// border between them.
std::vector<AmxTile> tiles_of(int64_t rows, int64_t out_width, int64_t width, const Pair& stride) {
  const int64_t per_row = (out_width + kTile - 1) / kTile;
  const int64_t through = (rows * width + kTile - 1) / kTile;
  const bool on = stride == Pair{1, 1} && through < rows * per_row;
  std::vector<AmxTile> tiles;
  for (int64_t t = 0; t < (on ? through : rows * per_row); ++t) {
    AmxTile tile;
    const int64_t y0 = on ? 0 : t / per_row, x0 = on ? t * kTile : t % per_row * kTile;
    tile.base = y0 * stride[0] * width + x0 * stride[1];
    tile.whole = true;
    for (int64_t i = 0; i < kTile; ++i) {
      const int64_t y = on ? (x0 + i) / width : y0, x = on ? (x0 + i) % width : x0 + i;
      const bool inside = y < rows && x < out_width;
      tile.out[i] = inside ? static_cast<int32_t>(y * out_width + x) : -1;
      tile.whole = tile.whole && inside && tile.out[i] == tile.out[0] + i;
    }
    tiles.push_back(tile);
  }
  return tiles;
}

/// Cuts the result into strips whose sources fit into the cache, at least one for each thread;
/// where weights are larger than maps, threads share the outputs instead, and read weights once.
void cut(Amx& a, const ConvolutionSpec& s, bool half) {
  AmxLayer& l = a.layer;
  const int64_t threads = std::max(1, at::get_num_threads());
  const int64_t reach_y = (s.weight.size(2) - 1) * s.dilation[0] + 1;
  const int64_t row_bytes = l.width * s.in.blocks * 32;  // of each part
  const bool deep = s.weight.numel() * 2 > row_bytes * s.in.height && s.out.blocks >= 2 * threads;
  const int64_t most = deep ? kDeepCopyBytes : half ? kCopyBytes : kFloatCopyBytes;
  const int64_t fit = (most / row_bytes - reach_y) / s.stride[0] + 1;
  int64_t count = (s.out.height + fit - 1) / std::max<int64_t>(fit, 1);
  if (deep) {
    l.shares = threads;
  } else {
    count = std::min(s.out.height, (count + threads - 1) / threads * threads);
  }
  const int64_t rows = (s.out.height + count - 1) / count;
  for (int64_t y = 0; y < s.out.height; y += rows) {
    const int64_t here = std::min(rows, s.out.height - y);
    a.tiles.push_back(tiles_of(here, s.out.width, l.width, s.stride));
    a.strips.push_back({y, y * s.stride[0] - s.before[0], a.tiles.back().data(),
                        static_cast<int64_t>(a.tiles.back().size())});
  }
  l.rows = (rows - 1) * s.stride[0] + reach_y;
  l.strips = a.strips.data();
  l.strip_count = static_cast<int64_t>(a.strips.size());
  l.rooms = std::min(threads, l.strip_count * l.shares);
  // The last tile reads on behind the last row: its results are thrown away
  l.beyond = (2 * kTile * s.stride[1] + s.weight.size(3) * s.dilation[1]) * 64;
  l.copy_bytes = (l.rows * row_bytes + l.beyond + 63) / 64 * 64;
}

}  // namespace

bool suits_amx(const Program& p, const ConvolutionSpec& s) {
  return p.amx && s.groups == 1 && !s.in.plain && !s.out.plain;
}

Bind amx_step(Program& p, const ConvolutionSpec& s, int step) {
  const auto a = std::make_shared<Amx>();
  const bool half = p.half();
  AmxLayer& l = a->layer;
  l.left = s.before[1];
  l.width = std::max(s.before[1] + s.in.width,
                     (s.out.width - 1) * s.stride[1] + (s.weight.size(3) - 1) * s.dilation[1] + 1);
  l.stride_x = s.stride[1];
  l.first = s.first;
  l.last = s.last;
  cut(*a, s, half);

  const Products products(s, l.rows, l.width);
  a->steps = products.steps();
  l.steps = a->steps.data();
  l.step_count = static_cast<int64_t>(a->steps.size());
  const auto numbers = static_cast<size_t>(s.out.blocks * l.step_count * 512);
  a->weight = pages(numbers * (half ? 2 : 4));
  half ? products.pack(static_cast<at::BFloat16*>(a->weight.get()))
       : products.pack(static_cast<float*>(a->weight.get()));
  p.weight_bytes += numbers * (half ? 2 : 4);
  l.weight = a->weight.get();
  a->bias = s.bias.defined() ? s.bias.contiguous() : torch::zeros({s.weight.size(0)});
  l.bias = a->bias.data_ptr<float>();

  l.steps_at_once = !half ? kFloatStepsAtOnce : l.shares > 1 ? kStepsAtOnce : l.step_count;
  l.steps_at_once = std::min(l.step_count, l.steps_at_once);
  l.parts_bytes = half ? 0 : l.steps_at_once * 3 * 2 * 1024;
  l.room_bytes = (half ? 1 : 3) * l.copy_bytes + l.parts_bytes;
  const auto tiles = static_cast<int64_t>(a->tiles.front().size());
  if (l.steps_at_once < l.step_count) l.room_bytes += (tiles + 1) / 2 * 4096;
  const Place rooms = p.temporary(static_cast<size_t>(l.rooms * l.room_bytes), step);
  const Located in{s.in, s.source}, out{s.out, s.target}, added{s.out, s.added};
  const bool residual = s.residual;
  return [=, run = amx_convolution(half)](Context& c) -> Work {
    const Surface other = residual ? added.in(c) : Surface{};
    return [=, x = in.in(c), y = out.in(c), copies = c.at(rooms)] {
      run(x, y, other, a->layer, copies);
    };
  };
}

}  // namespace groundglass::planning
