#pragma once

#include "groundglass/core/rng.h"
#include "groundglass/data/prepared_set.h"
#include "tests/scratch_folder.h"

namespace groundglass {

struct MadeUpSet {
  int64_t domains = 2, patients = 6, slices = 5;  ///< patients per domain, slices per patient
  int64_t side = 32;
};

/// A prepared set of noisy slices with a bright disc, which is the lesion; every fifth slice has
/// none. Rows are named d0/p0/0 and so on.
inline PreparedSet made_up_set(const ScratchFolder& folder, const MadeUpSet& options = {},
                               const std::string& name = "set.ggset") {
  PreparedHeader header;
  header.source = "made up";
  header.height = header.width = options.side;
  for (int64_t d = 0; d < options.domains; ++d) {
    for (int64_t p = 0; p < options.patients; ++p) {
      for (int64_t s = 0; s < options.slices; ++s) {
        const std::string domain = "d" + std::to_string(d), patient = "p" + std::to_string(p);
        const std::string study = domain + "/" + patient;
        header.rows.push_back({study + "/" + std::to_string(s), study, patient, domain, "", true});
      }
    }
  }
  PreparedSetWriter writer(folder / name, header);
  for (size_t row = 0; row < header.rows.size(); ++row) {
    Rng rng = rng_for(99, 0, row);
    const auto n = options.side;
    auto image = torch::empty({1, n, n}, torch::kUInt8), mask = torch::zeros({n, n}, torch::kUInt8);
    const double cx = rng.uniform(0.3, 0.7) * static_cast<double>(n);
    const double cy = rng.uniform(0.3, 0.7) * static_cast<double>(n);
    const double r = row % 5 == 4 ? 0 : rng.uniform(0.12, 0.25) * static_cast<double>(n);
    for (int64_t y = 0; y < n; ++y) {
      for (int64_t x = 0; x < n; ++x) {
        const bool inside = (static_cast<double>(x) - cx) * (static_cast<double>(x) - cx) +
                                (static_cast<double>(y) - cy) * (static_cast<double>(y) - cy) <
                            r * r;
        image[0][y][x] = static_cast<int>(rng.uniform(0, 60)) + (inside ? 150 : 20);
        mask[y][x] = inside ? 1 : 0;
      }
    }
    writer.write(static_cast<int64_t>(row), image, mask);
  }
  writer.finish();
  return PreparedSet(folder / name);
}

}  // namespace groundglass
