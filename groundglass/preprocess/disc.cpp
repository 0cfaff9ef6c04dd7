#include "groundglass/preprocess/disc.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace groundglass {
namespace {

/// By the distance in a row from a set pixel (0 to radius): how many rows up and down the disc
/// about that pixel reaches in this column.
std::vector<int64_t> reach_of_disc(int64_t radius) {
  std::vector<int64_t> reach(static_cast<size_t>(radius + 1), 0);
  for (int64_t dy = 0; dy <= radius; ++dy) {
    const double half_width = std::sqrt(static_cast<double>(radius * radius - dy * dy));
    for (int64_t dx = 0; dx <= std::lrint(half_width); ++dx) reach[static_cast<size_t>(dx)] = dy;
  }
  return reach;
}

/// The distance of each pixel of a row from the nearest set one; radius + 1 for all beyond it.
void distances_in_row(const uint8_t* row, int64_t width, int64_t radius, int32_t* distance) {
  int64_t since = radius + 1;
  for (int64_t x = 0; x < width; ++x) {
    since = row[x] != 0 ? 0 : std::min(since + 1, radius + 1);
    distance[x] = static_cast<int32_t>(since);
  }
  since = radius + 1;
  for (int64_t x = width - 1; x >= 0; --x) {
    since = row[x] != 0 ? 0 : std::min(since + 1, radius + 1);
    distance[x] = std::min(distance[x], static_cast<int32_t>(since));
  }
}

/// Every pixel within the disc about a set one. Each pixel covers a run of its column: runs are
/// counted by where they begin and end, so that a pixel costs the same for every radius.
torch::Tensor grown(const torch::Tensor& mask, int64_t radius) {
  const int64_t height = mask.size(0), width = mask.size(1);
  const auto reach = reach_of_disc(radius);
  const auto out = torch::empty({height, width}, torch::kUInt8);
  const uint8_t* from = mask.data_ptr<uint8_t>();
  uint8_t* to = out.data_ptr<uint8_t>();
  const auto columns = static_cast<size_t>(width);
  // Rows from y - radius to y + radius change what covers row y: a ring holds them.
  const int64_t ring = 2 * radius + 2;
  std::vector<int32_t> changes(static_cast<size_t>(ring) * columns, 0), covering(columns, 0),
      distance(columns);
  // The changes of the row that is so far below (or above) the one at `place` in the ring.
  const auto change = [&](int64_t place, int64_t below) {
    int64_t at = place + below;
    if (at < 0) at += ring;
    if (at >= ring) at -= ring;
    return changes.data() + static_cast<size_t>(at) * columns;
  };
  for (int64_t read = 0; read < height + radius; ++read) {
    const int64_t place = read % ring;
    if (read < height) {
      distances_in_row(from + read * width, width, radius, distance.data());
      for (int64_t x = 0; x < width; ++x) {
        if (distance[static_cast<size_t>(x)] > radius) continue;
        const int64_t rows = reach[static_cast<size_t>(distance[static_cast<size_t>(x)])];
        ++change(place, -std::min(rows, read))[x];
        --change(place, rows + 1)[x];
      }
    }
    const int64_t y = read - radius;
    if (y < 0) continue;
    int32_t* now = change(place, -radius);
    for (int64_t x = 0; x < width; ++x) {
      covering[static_cast<size_t>(x)] += now[x];
      now[x] = 0;
      to[y * width + x] = covering[static_cast<size_t>(x)] > 0 ? 1 : 0;
    }
  }
  return out;
}

torch::Tensor inverted(const torch::Tensor& mask) {
  return (mask == 0).to(torch::kUInt8);
}

}  // namespace

torch::Tensor grown_by_disc(const torch::Tensor& mask, int64_t radius) {
  return grown(mask.contiguous(), radius);
}

torch::Tensor closed_by_disc(const torch::Tensor& mask, int64_t radius, Beyond beyond) {
  const auto outside = inverted(grown(mask.contiguous(), radius));
  if (beyond == Beyond::mask) return inverted(grown(outside, radius));
  // One ring of pixels about the mask reaches as far inwards as all beyond it.
  const auto framed = torch::ones({mask.size(0) + 2, mask.size(1) + 2}, torch::kUInt8);
  const auto inner = [&](const torch::Tensor& t) {
    return t.narrow(0, 1, mask.size(0)).narrow(1, 1, mask.size(1));
  };
  inner(framed).copy_(outside);
  return inner(inverted(grown(framed, radius))).contiguous();
}

}  // namespace groundglass
