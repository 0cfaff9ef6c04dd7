#pragma once
// The kernels of a plan for registers of kLanes floats. Included once for each width, as
// plan_lanes.h is.
#include "groundglass/infer/plan/lanes.h"

namespace groundglass::planning {
namespace {

template <class S>
void pointwise(const Surface& in, const Surface& out, Act first, const float* scale,
               const float* shift, Act last) {
#pragma omp parallel for collapse(2) schedule(static) if (numbers(out) > kWorthThreads)
  for (int64_t b = 0; b < out.blocks; ++b) {
    for (int64_t y = 0; y < out.height; ++y) {
      if (out.plain) {
        const float k = scale ? scale[b] : 1, t = shift ? shift[b] : 0;
        const float* x = plain_row(in, b, y);
        float* z = plain_row(out, b, y);
        int64_t i = 0;
        for (; i + kLanes <= out.width; i += kLanes) {
          store(z + i, act(act(load(x + i), first) * k + t, last));
        }
        for (; i < out.width; ++i) z[i] = act(act(x[i], first) * k + t, last);
        continue;
      }
      const Lanes k = scale ? load(scale + b * kLanes) : all(1);
      const Lanes t = shift ? load(shift + b * kLanes) : all(0);
      const S* x = row_of<S>(in, b, y);
      S* z = row_of<S>(out, b, y);
      for (int64_t i = 0; i < out.width * kLanes; i += kLanes) {
        store(z + i, act(act(load(x + i), first) * k + t, last));
      }
    }
  }
}

inline Lanes combine(Lanes a, Lanes b, Arithmetic how) {
  return how == Arithmetic::add ? a + b : how == Arithmetic::subtract ? a - b : a * b;
}

template <class S>
inline Lanes at(const Operand& o, int64_t b, int64_t y, int64_t x) {
  const int64_t place = b * o.block + y * o.row + x * o.column;
  return o.lanes ? load(static_cast<const S*>(o.data) + place)
                 : all(static_cast<const float*>(o.data)[place]);
}

template <class S>
void binary(const Operand& a, const Operand& b, const Surface& out, Arithmetic how, Act last) {
#pragma omp parallel for collapse(2) schedule(static) if (numbers(out) > kWorthThreads)
  for (int64_t c = 0; c < out.blocks; ++c) {
    for (int64_t y = 0; y < out.height; ++y) {
      if (out.plain) {
        float* z = plain_row(out, c, y);
        for (int64_t x = 0; x < out.width; ++x) {
          const float u = static_cast<const float*>(a.data)[c * a.block + y * a.row + x * a.column];
          const float v = static_cast<const float*>(b.data)[c * b.block + y * b.row + x * b.column];
          z[x] = act(combine(all(u), all(v), how), last)[0];
        }
        continue;
      }
      S* z = row_of<S>(out, c, y);
      for (int64_t x = 0; x < out.width; ++x) {
        store(z + x * kLanes, act(combine(at<S>(a, c, y, x), at<S>(b, c, y, x), how), last));
      }
    }
  }
}

/// The part of [0, kernel) whose places, spread by `dilation` from `begin` on, lie in [0, size).
struct Span {
  Span(int64_t begin, int64_t kernel, int64_t dilation, int64_t size) {
    low = begin >= 0 ? 0 : (-begin + dilation - 1) / dilation;
    high = begin >= size ? 0 : (size - begin + dilation - 1) / dilation;
    if (high > kernel) high = kernel;
  }
  int64_t low, high;
};

template <class S>
void max_pool(const Surface& in, const Surface& out, const PoolWindow& w, int32_t* places) {
#pragma omp parallel for collapse(2) schedule(static) if (numbers(in) > kWorthThreads)
  for (int64_t b = 0; b < out.blocks; ++b) {
    for (int64_t y = 0; y < out.height; ++y) {
      const int64_t top = y * w.stride_y - w.top;
      const Span ys(top, w.height, w.dilation_y, in.height);
      S* z = row_of<S>(out, b, y);
      int32_t* place = places ? places + (b * out.height + y) * out.width * kLanes : nullptr;
      for (int64_t x = 0; x < out.width; ++x) {
        const int64_t left = x * w.stride_x - w.left;
        const Span xs(left, w.width, w.dilation_x, in.width);
        Lanes most = all(-__builtin_inff());
        Whole where{};
        for (int64_t ky = ys.low; ky < ys.high; ++ky) {
          const int64_t iy = top + ky * w.dilation_y;
          const S* line = row_of<S>(in, b, iy);
          for (int64_t kx = xs.low; kx < xs.high; ++kx) {
            const int64_t ix = left + kx * w.dilation_x;
            const Lanes v = load(line + ix * kLanes);
            const Whole more = (v > most) | (v != v);
            most = more ? v : most;
            if (place) where = more ? Whole{} + static_cast<int32_t>(iy * in.width + ix) : where;
          }
        }
        store(z + x * kLanes, most);
        if (place) __builtin_memcpy(place + x * kLanes, &where, sizeof where);
      }
    }
  }
}

template <class S>
void average_pool(const Surface& in, const Surface& out, const PoolWindow& w) {
#pragma omp parallel for collapse(2) schedule(static) if (numbers(in) > kWorthThreads)
  for (int64_t b = 0; b < out.blocks; ++b) {
    for (int64_t y = 0; y < out.height; ++y) {
      const int64_t top = y * w.stride_y - w.top;
      const Span ys(top, w.height, 1, in.height);
      S* z = row_of<S>(out, b, y);
      for (int64_t x = 0; x < out.width; ++x) {
        const int64_t left = x * w.stride_x - w.left;
        const Span xs(left, w.width, 1, in.width);
        Lanes sum{};
        for (int64_t ky = ys.low; ky < ys.high; ++ky) {
          const S* line = row_of<S>(in, b, top + ky);
          for (int64_t kx = xs.low; kx < xs.high; ++kx) sum += load(line + (left + kx) * kLanes);
        }
        const int64_t count =
            w.count_padding ? w.height * w.width : (ys.high - ys.low) * (xs.high - xs.low);
        store(z + x * kLanes, sum / static_cast<float>(count));
      }
    }
  }
}

template <class S>
void unpool(const Surface& in, const int32_t* places, const Surface& out) {
#pragma omp parallel for schedule(static) if (numbers(out) > kWorthThreads)
  for (int64_t b = 0; b < out.blocks; ++b) {
    S* z = row_of<S>(out, b, 0);
    __builtin_memset(z, 0, static_cast<size_t>(out.height * out.width * kLanes) * sizeof(S));
    const S* x = row_of<S>(in, b, 0);
    const int32_t* place = places + b * in.height * in.width * kLanes;
    for (int64_t i = 0; i < in.height * in.width; ++i) {
      for (int64_t k = 0; k < kLanes; ++k) {
        z[static_cast<int64_t>(place[i * kLanes + k]) * kLanes + k] = x[i * kLanes + k];
      }
    }
  }
}

template <class S>
void resize(const Surface& in, const Surface& out, const Interpolation& rows,
            const Interpolation& columns) {
#pragma omp parallel for collapse(2) schedule(static) if (numbers(out) > kWorthThreads)
  for (int64_t b = 0; b < out.blocks; ++b) {
    for (int64_t y = 0; y < out.height; ++y) {
      const int32_t *low = columns.low, *high = columns.high;
      const float v = rows.weight ? rows.weight[y] : 0, u = 1 - v;
      if (out.plain) {
        const float *p = plain_row(in, b, rows.low[y]), *q = plain_row(in, b, rows.high[y]);
        float* z = plain_row(out, b, y);
        for (int64_t x = 0; x < out.width; ++x) {
          const float s = columns.weight ? columns.weight[x] : 0, t = 1 - s;
          z[x] = u * (t * p[low[x]] + s * p[high[x]]) + v * (t * q[low[x]] + s * q[high[x]]);
        }
        continue;
      }
      const S *p = row_of<S>(in, b, rows.low[y]), *q = row_of<S>(in, b, rows.high[y]);
      S* z = row_of<S>(out, b, y);
      if (!rows.weight) {  // nearest
        for (int64_t x = 0; x < out.width; ++x) {
          __builtin_memcpy(z + x * kLanes, p + low[x] * kLanes, kLanes * sizeof(S));
        }
        continue;
      }
      for (int64_t x = 0; x < out.width; ++x) {
        const float s = columns.weight[x], t = 1 - s;
        const int64_t i = low[x] * kLanes, k = high[x] * kLanes;
        store(z + x * kLanes,
              u * (t * load(p + i) + s * load(p + k)) + v * (t * load(q + i) + s * load(q + k)));
      }
    }
  }
}

template <class S>
void interleave(const Phase* phases, int64_t stride, const Surface& out) {
#pragma omp parallel for collapse(2) schedule(static) if (numbers(out) > kWorthThreads)
  for (int64_t b = 0; b < out.blocks; ++b) {
    for (int64_t y = 0; y < out.height; ++y) {
      S* z = row_of<S>(out, b, y);
      for (int64_t c = 0; c < stride; ++c) {
        const Phase& p = phases[(y % stride) * stride + c];
        const S* x = static_cast<const S*>(p.data) +
                     ((b * p.height + p.row + y / stride) * p.width + p.column) * kLanes;
        for (int64_t i = c; i < out.width; i += stride, x += kLanes) {
          __builtin_memcpy(z + i * kLanes, x, kLanes * sizeof(S));
        }
      }
    }
  }
}

/// y[r] = sum over k of packed[k * m + r] * x[k], for `V` registers beside each other.
template <int V, class S>
inline void product_strip(const S* x, int64_t x_stride, S* y, int64_t y_stride, const float* packed,
                          int64_t n, int64_t m) {
  constexpr int kRows = V == 1 ? 16 : 6;
  for (int64_t first = 0; first < m; first += kRows) {
    const int64_t rows = m - first < kRows ? m - first : kRows;
    Lanes sum[kRows][V] = {};
    if (rows == kRows) {
      for (int64_t k = 0; k < n; ++k) {
        const float* w = packed + k * m + first;
        Lanes v[V];
        for (int j = 0; j < V; ++j) v[j] = load(x + k * x_stride + j * kLanes);
#pragma GCC unroll 16
        for (int r = 0; r < kRows; ++r) {
          for (int j = 0; j < V; ++j) sum[r][j] += w[r] * v[j];
        }
      }
    } else {
      for (int64_t k = 0; k < n; ++k) {
        const float* w = packed + k * m + first;
        for (int64_t r = 0; r < rows; ++r) {
          for (int j = 0; j < V; ++j) sum[r][j] += w[r] * load(x + k * x_stride + j * kLanes);
        }
      }
    }
    for (int64_t r = 0; r < rows; ++r) {
      for (int j = 0; j < V; ++j) store(y + (first + r) * y_stride + j * kLanes, sum[r][j]);
    }
  }
}

template <class S>
void product(const Surface& in, const Surface& out, const float* matrix, bool along_height) {
  const bool threads = numbers(in) > kWorthThreads;
  if (!along_height) {
#pragma omp parallel for collapse(2) schedule(static) if (threads)
    for (int64_t b = 0; b < in.blocks; ++b) {
      for (int64_t y = 0; y < in.height; ++y) {
        product_strip<1>(row_of<S>(in, b, y), kLanes, row_of<S>(out, b, y), kLanes, matrix,
                         in.width, out.width);
      }
    }
    return;
  }
  constexpr int64_t kWide = 4;
  const int64_t strips = (in.width + kWide - 1) / kWide, line = in.width * kLanes;
#pragma omp parallel for collapse(2) schedule(static) if (threads)
  for (int64_t b = 0; b < in.blocks; ++b) {
    for (int64_t s = 0; s < strips; ++s) {
      const int64_t begin = s * kWide, end = begin + kWide < in.width ? begin + kWide : in.width;
      const S* x = row_of<S>(in, b, 0);
      S* y = row_of<S>(out, b, 0);
      if (end - begin == kWide) {
        product_strip<kWide>(x + begin * kLanes, line, y + begin * kLanes, line, matrix, in.height,
                             out.height);
        continue;
      }
      for (int64_t i = begin; i < end; ++i) {
        product_strip<1>(x + i * kLanes, line, y + i * kLanes, line, matrix, in.height, out.height);
      }
    }
  }
}

inline float sum_of(Lanes v) {
  float s = 0;
  for (int k = 0; k < kLanes; ++k) s += v[k];
  return s;
}

/// One row of one output from a blocked map, kAtOnce places at a time.
template <class S>
inline void few_outputs_row(const Surface& in, const FewOutputs& l, int64_t o, int64_t y, float* z,
                            int64_t width) {
  constexpr int64_t kAtOnce = 8;
  const Span ys(y - l.top, l.kernel_y, 1, in.height);
  for (int64_t begin = 0; begin < width; begin += kAtOnce) {
    const int64_t count = width - begin < kAtOnce ? width - begin : kAtOnce;
    Lanes sum[kAtOnce] = {};
    for (int64_t ky = ys.low; ky < ys.high; ++ky) {
      for (int64_t kx = 0; kx < l.kernel_x; ++kx) {
        const int64_t left = begin + kx - l.left;
        const bool inside = count == kAtOnce && left >= 0 && left + kAtOnce <= in.width;
        const float* w = l.weight + ((o * l.kernel_y + ky) * l.kernel_x + kx) * in.blocks * kLanes;
        for (int64_t b = 0; b < in.blocks; ++b) {
          const Lanes factor = load(w + b * kLanes);
          const S* x = row_of<S>(in, b, y - l.top + ky) + left * kLanes;
          if (inside) {
#pragma GCC unroll 8
            for (int64_t i = 0; i < kAtOnce; ++i) sum[i] += factor * load(x + i * kLanes);
          } else {
            for (int64_t i = 0; i < count; ++i) {
              if (left + i >= 0 && left + i < in.width) sum[i] += factor * load(x + i * kLanes);
            }
          }
        }
      }
    }
    for (int64_t i = 0; i < count; ++i) z[begin + i] = act(sum_of(sum[i]) + l.bias[o], l.act);
  }
}

inline void few_outputs_plain_row(const Surface& in, const FewOutputs& l, int64_t o, int64_t y,
                                  float* z, int64_t width) {
  for (int64_t x = 0; x < width; ++x) z[x] = l.bias[o];
  const Span ys(y - l.top, l.kernel_y, 1, in.height);
  for (int64_t ky = ys.low; ky < ys.high; ++ky) {
    for (int64_t kx = 0; kx < l.kernel_x; ++kx) {
      const int64_t shift = kx - l.left;
      const int64_t begin = shift < 0 ? -shift : 0;
      const int64_t end = in.width - shift < width ? in.width - shift : width;
      for (int64_t c = 0; c < in.blocks; ++c) {
        const float w = l.weight[((o * l.kernel_y + ky) * l.kernel_x + kx) * in.blocks + c];
        if (w == 0) continue;
        const float* x = plain_row(in, c, y - l.top + ky) + shift;
        for (int64_t i = begin; i < end; ++i) z[i] += w * x[i];
      }
    }
  }
  if (l.act == Act::none) return;
  for (int64_t x = 0; x < width; ++x) z[x] = act(z[x], l.act);
}

template <class S>
void few_outputs(const Surface& in, const Surface& out, const FewOutputs& l) {
#pragma omp parallel for collapse(2) schedule(static) if (numbers(in) > kWorthThreads)
  for (int64_t o = 0; o < out.blocks; ++o) {
    for (int64_t y = 0; y < out.height; ++y) {
      float* z = plain_row(out, o, y);
      if (in.plain) {
        few_outputs_plain_row(in, l, o, y, z, out.width);
      } else {
        few_outputs_row<S>(in, l, o, y, z, out.width);
      }
    }
  }
}

template <class S>
inline float number_at(const Surface& s, int64_t c, int64_t y, int64_t x) {
  if (s.plain) return plain_row(s, c, y)[x];
  const S* p = row_of<S>(s, c / kLanes, y) + x * kLanes;
  return load(p)[c % kLanes];
}

template <class S>
void copy(const Surface& in, int64_t first_in, const Surface& out, int64_t first_out,
          int64_t channels) {
  const bool threads = channels * in.height * in.width > kWorthThreads;
  const int64_t plane = in.height * in.width;
  if (!in.plain && !out.plain && first_in % kLanes == 0 && first_out % kLanes == 0) {
    const int64_t blocks = (channels + kLanes - 1) / kLanes;
#pragma omp parallel for collapse(2) schedule(static) if (threads)
    for (int64_t b = 0; b < blocks; ++b) {
      for (int64_t y = 0; y < in.height; ++y) {
        __builtin_memcpy(row_of<S>(out, first_out / kLanes + b, y),
                         row_of<S>(in, first_in / kLanes + b, y),
                         static_cast<size_t>(in.width * kLanes) * sizeof(S));
      }
    }
    return;
  }
  if (out.plain) {
#pragma omp parallel for schedule(static) if (threads)
    for (int64_t c = 0; c < channels; ++c) {
      float* z = plain_row(out, first_out + c, 0);
      if (in.plain) {
        __builtin_memcpy(z, plain_row(in, first_in + c, 0), static_cast<size_t>(plane) * 4);
        continue;
      }
      for (int64_t i = 0; i < plane; ++i) {
        z[i] = number_at<S>(in, first_in + c, i / in.width, i % in.width);
      }
    }
    return;
  }
  // Blocks that begin here are written whole: lanes without a channel are zero.
  const int64_t begin = first_out / kLanes, end = (first_out + channels + kLanes - 1) / kLanes;
#pragma omp parallel for collapse(2) schedule(static) if (threads)
  for (int64_t b = begin; b < end; ++b) {
    for (int64_t y = 0; y < in.height; ++y) {
      S* z = row_of<S>(out, b, y);
      for (int64_t x = 0; x < in.width; ++x) {
        Lanes v = b * kLanes >= first_out ? all(0) : load(z + x * kLanes);
        for (int64_t k = 0; k < kLanes; ++k) {
          const int64_t c = b * kLanes + k - first_out;
          if (c >= 0 && c < channels) v[k] = number_at<S>(in, first_in + c, y, x);
        }
        store(z + x * kLanes, v);
      }
    }
  }
}

template <class S>
void window(const Surface& in, const Surface& out, int64_t top, int64_t left) {
  const int64_t unit =
      out.plain ? static_cast<int64_t>(sizeof(float)) : kLanes * static_cast<int64_t>(sizeof(S));
#pragma omp parallel for collapse(2) schedule(static) if (numbers(out) > kWorthThreads)
  for (int64_t b = 0; b < out.blocks; ++b) {
    for (int64_t y = 0; y < out.height; ++y) {
      char* z = static_cast<char*>(out.data) + (b * out.height + y) * out.width * unit;
      const Span xs(left, out.width, 1, in.width);
      const bool empty = y + top < 0 || y + top >= in.height || xs.high <= xs.low;
      const int64_t low = empty ? out.width : xs.low, high = empty ? out.width : xs.high;
      __builtin_memset(z, 0, static_cast<size_t>(low * unit));
      if (!empty) {
        const char* x = static_cast<const char*>(in.data) +
                        ((b * in.height + y + top) * in.width + left + low) * unit;
        __builtin_memcpy(z + low * unit, x, static_cast<size_t>((high - low) * unit));
      }
      __builtin_memset(z + high * unit, 0, static_cast<size_t>((out.width - high) * unit));
    }
  }
}

template <class S>
constexpr Kernels kTable = {kLanes,          pointwise<S>,   binary<S>, max_pool<S>,
                            average_pool<S>, unpool<S>,      resize<S>, interleave<S>,
                            product<S>,      few_outputs<S>, copy<S>,   window<S>};

}  // namespace
}  // namespace groundglass::planning
