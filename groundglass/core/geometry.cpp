#include "groundglass/core/geometry.h"

#include <algorithm>
#include <cmath>

#include "groundglass/core/text.h"

namespace groundglass {
namespace {

std::array<double, 3> axis(const Geometry& g, int c) {
  const auto at = [&](int row) { return g.direction[static_cast<size_t>(3 * row + c)]; };
  return {at(0), at(1), at(2)};
}

void set_axis(Geometry& g, int c, const std::array<double, 3>& v) {
  for (int row = 0; row < 3; ++row) {
    g.direction[static_cast<size_t>(3 * row + c)] = v[static_cast<size_t>(row)];
  }
}

double dot(const std::array<double, 3>& a, const std::array<double, 3>& b) {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

std::array<double, 3> minus(const std::array<double, 3>& a, const std::array<double, 3>& b,
                            double scale) {
  return {a[0] - scale * b[0], a[1] - scale * b[1], a[2] - scale * b[2]};
}

std::array<double, 3> unit(const std::array<double, 3>& v) {
  const double length = std::sqrt(dot(v, v));
  return {v[0] / length, v[1] / length, v[2] / length};
}

}  // namespace

std::array<double, 3> to_patient_mm(const Geometry& g, const std::array<double, 3>& index) {
  std::array<double, 3> point = g.origin_mm;
  for (size_t row = 0; row < 3; ++row) {
    for (size_t c = 0; c < 3; ++c) {
      point[row] += g.direction[3 * row + c] * g.spacing_mm[c] * index[c];
    }
  }
  return point;
}

double voxel_mm3(const Geometry& g) {
  const auto& d = g.direction;
  const double cell = d[0] * (d[4] * d[8] - d[5] * d[7]) - d[1] * (d[3] * d[8] - d[5] * d[6]) +
                      d[2] * (d[3] * d[7] - d[4] * d[6]);
  const double box_mm3 = g.spacing_mm[0] * g.spacing_mm[1] * g.spacing_mm[2];
  // At right angles the cell is 1 but for rounding, which would change the last bits of volumes.
  return std::abs(std::abs(cell) - 1) < 1e-6 ? box_mm3 : box_mm3 * std::abs(cell);
}

bool same_geometry(const Geometry& a, const Geometry& b, double tolerance_mm) {
  const std::array<std::array<double, 3>, 4> corners = {
      {{0, 0, 0}, {1, 0, 0}, {0, 1, 0}, {0, 0, 1}}};
  return std::all_of(corners.begin(), corners.end(), [&](const auto& corner) {
    const auto p = to_patient_mm(a, corner), q = to_patient_mm(b, corner);
    return std::abs(p[0] - q[0]) <= tolerance_mm && std::abs(p[1] - q[1]) <= tolerance_mm &&
           std::abs(p[2] - q[2]) <= tolerance_mm;
  });
}

double skewness(const Geometry& g) {
  const auto x = unit(axis(g, 0)), y = unit(axis(g, 1)), z = unit(axis(g, 2));
  return std::max({std::abs(dot(x, y)), std::abs(dot(x, z)), std::abs(dot(y, z))});
}

Geometry orthonormalised(const Geometry& g) {
  Geometry out = g;
  const auto x = unit(axis(g, 0));
  const auto y = unit(minus(axis(g, 1), x, dot(axis(g, 1), x)));
  const auto z_in_plane = minus(axis(g, 2), x, dot(axis(g, 2), x));
  const auto z = unit(minus(z_in_plane, y, dot(z_in_plane, y)));
  set_axis(out, 0, x);
  set_axis(out, 1, y);
  set_axis(out, 2, z);
  return out;
}

Orientation orientation(const Geometry& g) {
  Orientation out;
  std::array<bool, 3> taken_index = {}, taken_patient = {};
  for (int round = 0; round < 3; ++round) {  // the clearest pairing first
    double best = -1;
    size_t index = 0, patient = 0;
    for (size_t c = 0; c < 3; ++c) {
      for (size_t row = 0; row < 3; ++row) {
        const double size = std::abs(g.direction[3 * row + c]);
        if (taken_index[c] || taken_patient[row] || size <= best) continue;
        best = size;
        index = c;
        patient = row;
      }
    }
    taken_index[index] = taken_patient[patient] = true;
    out.patient_axis[index] = static_cast<int>(patient);
    out.reversed[index] = g.direction[3 * patient + index] < 0;
  }
  return out;
}

std::string describe(const Geometry& g) {
  const Orientation o = orientation(g);
  const char letters[3][2] = {{'L', 'R'}, {'P', 'A'}, {'S', 'I'}};
  std::string text;
  for (size_t c = 0; c < 3; ++c) text += (c == 0 ? "" : " x ") + fixed(g.spacing_mm[c], 2);
  text += " mm, axes";
  for (size_t c = 0; c < 3; ++c) {
    text += std::string(" ") + letters[o.patient_axis[c]][o.reversed[c] ? 1 : 0];
  }
  return text;
}

}  // namespace groundglass
