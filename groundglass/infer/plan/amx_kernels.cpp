#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#pragma GCC optimize("O3")
#pragma GCC target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,amx-tile,amx-bf16,fma")
namespace groundglass::planning {
namespace {
constexpr int kLanes = 16;
}
}  // namespace groundglass::planning
#include <cpuid.h>
#include <omp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "groundglass/infer/plan/amx_kernels.h"
#include "groundglass/infer/plan/lanes.h"

namespace groundglass::planning {
namespace {

/// The compiler does not know that tiles read and write memory.
inline void settle() {
  asm volatile("" ::: "memory");
}

/// Eight tiles of 16 rows of 64 bytes, for the thread that holds this.
class Tiles {
 public:
  Tiles() {
    alignas(64) struct {
      uint8_t palette = 1, start = 0, reserved[14] = {};
      uint16_t bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
      uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
    } config;
    settle();
    _tile_loadconfig(&config);
  }
  ~Tiles() { _tile_release(); }
  Tiles(const Tiles&) = delete;
  Tiles& operator=(const Tiles&) = delete;
};

/// How many bfloat16 numbers stand for a number of a map.
template <class S>
constexpr int kParts = sizeof(S) == 4 ? 3 : 1;

/// The first eight bits of floats; the rest, exactly, stays.
inline Halves cut_off(Lanes& x) {
  const Bits high = (Bits)x & 0xffff0000u;
  x -= (Lanes)high;
  return __builtin_convertvector(high >> 16, Halves);
}

/// One place of one block into the parts, `bytes` from each other.
inline void put_parts(const uint16_t* x, char* z, int64_t) {
  __builtin_memcpy(z, x, 32);
}
inline void put_parts(const float* x, char* z, int64_t bytes) {
  Lanes rest = load(x);
  for (int part = 0; part < 3; ++part) {
    const Halves h = cut_off(rest);
    __builtin_memcpy(z + part * bytes, &h, sizeof h);
  }
}

template <class S>
void clear(char* z, int64_t bytes, const AmxLayer& l) {
  for (int part = 0; part < kParts<S>; ++part) {
    __builtin_memset(z + part * l.copy_bytes, 0, static_cast<size_t>(bytes));
  }
}

/// The source of a strip, two blocks of channels beside each other, an odd last one by itself.
/// What is read behind it is zero: with weights of zero anything but a number would show.
template <class S>
void fill(const Surface& in, const AmxLayer& l, const AmxStrip& strip, char* copy) {
  const int64_t line = in.width * kLanes, plane = line * in.height;
  const int64_t skipped = l.left < 0 ? -l.left : 0, left = l.left < 0 ? 0 : l.left;
  const int64_t fit = l.width - left, there = in.width > skipped ? in.width - skipped : 0;
  const int64_t inside = there < fit ? there : fit;
  for (int64_t b = 0; b < in.blocks; b += 2) {
    const bool two = b + 1 < in.blocks;
    const int64_t unit = two ? 64 : 32;
    for (int64_t r = 0; r < l.rows; ++r, copy += l.width * unit) {
      const int64_t y = strip.source_row + r;
      if (y < 0 || y >= in.height) {
        clear<S>(copy, l.width * unit, l);
        continue;
      }
      clear<S>(copy, left * unit, l);
      const S* x = static_cast<const S*>(in.data) + b * plane + y * line + skipped * kLanes;
      char* z = copy + left * unit;
      for (int64_t i = 0; i < inside; ++i, x += kLanes, z += unit) {
        put_parts(x, z, l.copy_bytes);
        if (two) put_parts(x + plane, z + 32, l.copy_bytes);
      }
      clear<S>(z, (fit - inside) * unit, l);
    }
  }
  clear<S>(copy, l.beyond, l);
}

inline void put(float* z, Lanes y) {
  store(z, y);
}
inline void put(uint16_t* z, Lanes y) {
  const __m256bh half = _mm512_cvtneps_pbh((__m512)y);
  __builtin_memcpy(z, &half, sizeof half);
}

/// Sums of a tile as results of one block; `z` and `added` at the strip's first place.
template <class S>
inline void put_tile(const float* sums, Lanes bias, S* z, const S* added, const AmxTile& t,
                     const AmxLayer& l) {
  const auto one = [&](int i, int64_t place) {
    Lanes y = act(load(sums + i * kLanes) + bias, l.first);
    if (added) y += load(added + place * kLanes);
    put(z + place * kLanes, act(y, l.last));
  };
  if (t.whole) {
    for (int i = 0; i < 16; ++i) one(i, t.out[0] + i);
    return;
  }
  for (int i = 0; i < 16; ++i) {
    if (t.out[i] >= 0) one(i, t.out[i]);
  }
}

/// Two tiles of places (the second may be the first again) by `V` blocks of outputs: tiles 0 to 3
/// hold the sums, 4 and 5 places, 6 and 7 weights.
template <int V>
class Sums {
 public:
  Sums(const float* from) {
    if (!from) {
      _tile_zero(0);
      _tile_zero(1);
      _tile_zero(2);
      _tile_zero(3);
      return;
    }
    _tile_loadd(0, from, 64);
    if constexpr (V == 2) _tile_loadd(1, from + 256, 64);
    _tile_loadd(2, from + V * 256, 64);
    if constexpr (V == 2) _tile_loadd(3, from + 768, 64);
  }
  void places(const char* x0, const char* x1, int64_t stride) {
    _tile_loadd(4, x0, stride);
    _tile_loadd(5, x1, stride);
  }
  void weights(const uint16_t* w) {
    _tile_loadd(6, w, 64);
    if constexpr (V == 2) _tile_loadd(7, w + 512, 64);
  }
  void multiply() {
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(2, 5, 6);
    if constexpr (V == 2) _tile_dpbf16ps(1, 4, 7);
    if constexpr (V == 2) _tile_dpbf16ps(3, 5, 7);
  }
  /// [places' tiles][V][16][16]
  void end(float* to) {
    _tile_stored(0, to, 64);
    if constexpr (V == 2) _tile_stored(1, to + 256, 64);
    _tile_stored(2, to + V * 256, 64);
    if constexpr (V == 2) _tile_stored(3, to + 768, 64);
    settle();
  }
};

/// Parts of the weights of some steps: [steps][3][V][512].
template <int V>
void split(const float* weight, int64_t steps, uint16_t* parts) {
  for (int64_t s = 0; s < steps; ++s, parts += 3 * V * 512) {
    for (int64_t i = 0; i < V * 512; i += kLanes, weight += kLanes) {
      Lanes rest = load(weight);
      for (int part = 0; part < 3; ++part) {
        const Halves h = cut_off(rest);
        __builtin_memcpy(parts + part * V * 512 + i, &h, sizeof h);
      }
    }
  }
  settle();
}

/// What a group of `V` blocks needs for one strip.
template <class S>
struct Job {
  const AmxStrip& strip;
  const AmxLayer& layer;
  const char* copy;
  S* z;
  const S* added;  ///< null: none
  int64_t plane;   ///< numbers from a block of the result to the next
  const S* weight;
  const float* bias;
};

/// Products of steps `from` to `to` for two tiles.
template <int V>
inline void steps_of(Sums<V>& sums, const Job<uint16_t>& j, const AmxTile& t0, const AmxTile& t1,
                     int64_t from, int64_t to, const uint16_t* weight) {
  for (int64_t s = from; s < to; ++s, weight += V * 512) {
    const AmxStep& step = j.layer.steps[s];
    const char* x = j.copy + step.offset;
    sums.places(x + t0.base * step.unit, x + t1.base * step.unit, step.unit * j.layer.stride_x);
    sums.weights(weight);
    sums.multiply();
  }
}
template <int V>
inline void steps_of(Sums<V>& sums, const Job<float>& j, const AmxTile& t0, const AmxTile& t1,
                     int64_t from, int64_t to, const uint16_t* parts) {
  for (int64_t s = from; s < to; ++s, parts += 3 * V * 512) {
    const AmxStep& step = j.layer.steps[s];
    const char* x = j.copy + step.offset;
    const auto places = [&](int part) {
      const char* p = x + part * j.layer.copy_bytes;
      sums.places(p + t0.base * step.unit, p + t1.base * step.unit, step.unit * j.layer.stride_x);
    };
    const auto weights = [&](int part) { sums.weights(parts + part * V * 512); };
    places(0), weights(2), sums.multiply();
    weights(1), sums.multiply();
    places(1), sums.multiply();
    weights(0), sums.multiply();
    places(2), sums.multiply();
    places(0), sums.multiply();
  }
}

/// The steps in turns, all tiles of the strip in each.
template <int V, class S>
void group(const Job<S>& j, char* rest) {
  alignas(64) float result[1024];
  const AmxLayer& l = j.layer;
  Lanes bias[V];
  for (int v = 0; v < V; ++v) bias[v] = load(j.bias + v * kLanes);
  auto* parts = reinterpret_cast<uint16_t*>(rest);
  auto* unfinished = reinterpret_cast<float*>(rest + l.parts_bytes);
  for (int64_t from = 0; from < l.step_count; from += l.steps_at_once) {
    const int64_t left = l.step_count - from, now = left < l.steps_at_once ? left : l.steps_at_once;
    const S* weight = j.weight + from * V * 512;
    if constexpr (kParts<S> == 3) split<V>(weight, now, parts);
    for (int64_t t = 0; t < j.strip.tile_count; t += 2) {
      const bool two = t + 1 < j.strip.tile_count;
      const AmxTile& t0 = j.strip.tiles[t];
      const AmxTile& t1 = j.strip.tiles[two ? t + 1 : t];
      float* between = unfinished + t / 2 * 1024;
      Sums<V> sums(from > 0 ? between : nullptr);
      if constexpr (kParts<S> == 3) {
        steps_of<V>(sums, j, t0, t1, from, from + now, parts);
      } else {
        steps_of<V>(sums, j, t0, t1, from, from + now, weight);
      }
      if (from + now < l.step_count) {
        sums.end(between);
        continue;
      }
      sums.end(result);
      for (int v = 0; v < V; ++v) {
        const S* added = j.added ? j.added + v * j.plane : nullptr;
        put_tile(result + v * 256, bias[v], j.z + v * j.plane, added, t0, l);
        if (two) put_tile(result + (V + v) * 256, bias[v], j.z + v * j.plane, added, t1, l);
      }
    }
  }
}

template <class S>
void convolution(const Surface& in, const Surface& out, const Surface& added, const AmxLayer& l,
                 char* all_rooms) {
  const int64_t groups = (out.blocks + 1) / 2, tasks = l.strip_count * l.shares;
  const int threads = omp_get_max_threads(), rooms = static_cast<int>(l.rooms);
#pragma omp parallel for schedule(static) num_threads( \
    threads < rooms ? threads : rooms) if (numbers(out) * l.step_count > kWorthThreads)
  for (int64_t task = 0; task < tasks; ++task) {
    const AmxStrip& strip = l.strips[task / l.shares];
    const int64_t share = task % l.shares;
    char* room = all_rooms + omp_get_thread_num() * l.room_bytes;
    fill<S>(in, l, strip, room);
    const Tiles tiles;
    for (int64_t g = groups * share / l.shares; g < groups * (share + 1) / l.shares; ++g) {
      const int64_t block = g * 2;
      const Job<S> job = {strip,
                          l,
                          room,
                          row_of<S>(out, block, strip.first_row),
                          added.data ? row_of<S>(added, block, strip.first_row) : nullptr,
                          out.height * out.width * kLanes,
                          static_cast<const S*>(l.weight) + block * l.step_count * 512,
                          l.bias + block * kLanes};
      char* rest = room + kParts<S> * l.copy_bytes;
      block + 1 < out.blocks ? group<2>(job, rest) : group<1>(job, rest);
    }
  }
}

}  // namespace

AmxConvolution amx_convolution(bool bfloat16) {
  return bfloat16 ? convolution<uint16_t> : convolution<float>;
}

bool allow_amx() {
  static const bool allowed = [] {
    unsigned a = 0, b = 0, c = 0, d = 0;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return false;
    if (!(d >> 22 & 1) || !(d >> 24 & 1)) return false;  // AMX-BF16, AMX-TILE
    constexpr long kAskForState = 0x1023, kTileData = 18;
    return syscall(SYS_arch_prctl, kAskForState, kTileData) == 0;
  }();
  return allowed;
}

}  // namespace groundglass::planning
#endif
