#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#pragma GCC optimize("O3")
#pragma GCC target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,fma")
namespace groundglass::planning {
namespace {
constexpr int kLanes = 16;
}
}  // namespace groundglass::planning
#include "groundglass/infer/plan/int8_kernels.h"
#include "groundglass/infer/plan/lanes.h"

namespace groundglass::planning {
namespace {

typedef uint8_t OneByte __attribute__((vector_size(kLanes)));

constexpr float kRound = 12582912;         ///< 1.5 * 2^23: adding it rounds to the nearest
constexpr int kPlaces = 14;                ///< at once: with two blocks each, 28 of 32 registers
constexpr int64_t kBandBytes = 192 << 10;  ///< of the source: a part of the second-level cache

template <class S>
void quantise(const Surface& in, const Bytes& out) {
  const Lanes zero = all(static_cast<float>(out.zero)), most = all(255.0f);
  const int64_t line = out.width * kLanes, end = out.left + in.width;
#pragma omp parallel for collapse(2) schedule(static) if (numbers(in) > kWorthThreads)
  for (int64_t b = 0; b < out.blocks; ++b) {
    for (int64_t y = 0; y < out.height; ++y) {
      uint8_t* z = out.data + (b * out.height + y) * line;
      if (y < out.top || y >= out.top + in.height) {
        __builtin_memset(z, out.zero, static_cast<size_t>(line));
        continue;
      }
      const S* x = row_of<S>(in, b, y - out.top);
      __builtin_memset(z, out.zero, static_cast<size_t>(out.left * kLanes));
      for (int64_t i = 0; i < in.width; ++i) {
        Lanes v = load(x + i * kLanes) * out.per_unit + zero;
        v = v < most ? v : most;
        v = v > 0.0f ? v : all(0.0f);
        const Lanes whole = (v + kRound) - kRound;
        const OneByte bytes =
            __builtin_convertvector(__builtin_convertvector(whole, Whole), OneByte);
        __builtin_memcpy(z + (out.left + i) * kLanes, &bytes, sizeof bytes);
      }
      __builtin_memset(z + end * kLanes, out.zero, static_cast<size_t>((out.width - end) * kLanes));
    }
  }
}

/// What a group of neighbouring places of one row reads and writes.
template <class S>
struct Group {
  const uint8_t* x;
  const int8_t* weight;
  const float *scale, *bias;  ///< of the pair's first block
  S* z;
  const S* added;  ///< null: none
  int64_t block;   ///< numbers from the pair's first block to its second in `z` and `added`
};

/// `P` places of `V` blocks.
template <int P, int V, class S>
inline void places(const Group<S>& g, const Int8Layer& l) {
  __m512i sum[P][V];
  for (int i = 0; i < P; ++i) {
    for (int v = 0; v < V; ++v) sum[i][v] = _mm512_setzero_si512();
  }
  const int8_t* w = g.weight;
  const int64_t step = l.stride_x * kLanes;
  for (int64_t t = 0; t < l.tap_count; ++t) {
    const uint8_t* x = g.x + l.taps[t];
#pragma GCC unroll 4
    for (int q = 0; q < 4; ++q, w += V * 64) {
      __m512i factor[V];
      for (int v = 0; v < V; ++v) factor[v] = _mm512_loadu_si512(w + v * 64);
#pragma GCC unroll 14
      for (int i = 0; i < P; ++i) {
        int32_t four;  // neighbouring inputs
        __builtin_memcpy(&four, x + i * step + q * 4, 4);
        const __m512i repeated = _mm512_set1_epi32(four);
        for (int v = 0; v < V; ++v) sum[i][v] = _mm512_dpbusd_epi32(sum[i][v], repeated, factor[v]);
      }
    }
  }
  for (int v = 0; v < V; ++v) {
    const Lanes scale = load(g.scale + v * kLanes), bias = load(g.bias + v * kLanes);
#pragma GCC unroll 14
    for (int i = 0; i < P; ++i) {
      const int64_t at = v * g.block + i * kLanes;
      Lanes y = act(__builtin_convertvector((Whole)sum[i][v], Lanes) * scale + bias, l.first);
      if (g.added) y += load(g.added + at);
      store(g.z + at, act(y, l.last));
    }
  }
}

template <int P, int V, class S>
inline void places_of(int64_t count, const Group<S>& g, const Int8Layer& l) {
  if (count == P) return places<P, V>(g, l);
  if constexpr (P > 1) places_of<P - 1, V>(count, g, l);
}

/// A row in groups of nearly one size.
template <class S>
void row(Group<S> g, int64_t width, bool pair, const Int8Layer& l) {
  const int64_t groups = (width + kPlaces - 1) / kPlaces;
  for (int64_t k = 0; k < groups; ++k) {
    const int64_t count = width / groups + (k < width % groups ? 1 : 0);
    pair ? places_of<kPlaces, 2>(count, g, l) : places_of<kPlaces, 1>(count, g, l);
    g.x += count * l.stride_x * kLanes;
    g.z += count * kLanes;
    if (g.added) g.added += count * kLanes;
  }
}

template <class S>
void convolution(const Bytes& in, const Surface& out, const Surface& added, const Int8Layer& l) {
  const int64_t line = in.width * kLanes, pairs = (out.blocks + 1) / 2;
  const int64_t fit = kBandBytes / (line * in.blocks * l.stride_y);
  const int64_t most = (out.height + 3) / 4;
  const int64_t rows = fit < 1 ? 1 : fit < most ? fit : most;
  const int64_t bands = (out.height + rows - 1) / rows;
  const int64_t pair_bytes = l.tap_count * 4 * 2 * 64;
  // What is larger is read once: source or weights.
  const bool by_band = in.blocks * in.height * line > pairs * pair_bytes;
#pragma omp parallel for schedule(static) if (numbers(out) * l.tap_count > kWorthThreads)
  for (int64_t t = 0; t < bands * pairs; ++t) {
    const int64_t band = by_band ? t / pairs : t % bands, pair = by_band ? t % pairs : t / bands;
    const int64_t first = pair * 2 * kLanes;
    const int64_t end = (band + 1) * rows < out.height ? (band + 1) * rows : out.height;
    for (int64_t y = band * rows; y < end; ++y) {
      row<S>(
          {in.data + y * l.stride_y * line, l.weight + pair * pair_bytes, l.scale + first,
           l.bias + first, row_of<S>(out, pair * 2, y),
           added.data ? row_of<S>(added, pair * 2, y) : nullptr, out.height * out.width * kLanes},
          out.width, pair * 2 + 1 < out.blocks, l);
    }
  }
}

template <class S>
constexpr Int8Kernels kInt8Table = {quantise<S>, convolution<S>};

}  // namespace

const Int8Kernels& kernels_int8(bool bfloat16) {
  return bfloat16 ? kInt8Table<BFloat16Bits> : kInt8Table<float>;
}
}  // namespace groundglass::planning
#endif
