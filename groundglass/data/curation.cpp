#include "groundglass/data/curation.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <set>

#include "groundglass/core/csv.h"
#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/core/parallel.h"
#include "groundglass/core/process.h"
#include "groundglass/core/text.h"
#include "groundglass/data/difference_hash.h"
#include "groundglass/data/problems.h"
#include "groundglass/io/picture.h"
#include "groundglass/io/volume_reader.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

/// What is kept of a picture once it was looked at.
struct SeenPicture {
  bool picture = false;  ///< and no volume
  DifferenceHash hash{};
  std::string digest;  ///< of size and pixels
  double white_share = 0;
};

SeenPicture look_at(const fs::path& path) {
  const Image image = read_picture(path);
  const auto pixels = image.pixels.contiguous();
  SeenPicture seen;
  seen.picture = true;
  seen.hash = difference_hash(pixels);
  const std::string bytes(static_cast<const char*>(pixels.data_ptr()), pixels.nbytes());
  seen.digest =
      sha256(std::to_string(pixels.size(1)) + " " + std::to_string(pixels.size(2)) + " " + bytes);
  const auto white = (pixels[0].to(torch::kFloat32) >= 0.98 * image.white).sum().item<int64_t>();
  seen.white_share = static_cast<double>(white) / static_cast<double>(pixels[0].numel());
  return seen;
}

/// The most alike of the earlier pictures, if it is alike enough.
const PictureCopy* copied(const std::vector<SeenPicture>& all, size_t row,
                          const CurationOptions& options, PictureCopy& found) {
  found.bits = options.max_bits + 1;
  const bool flat = all[row].hash == DifferenceHash{};
  for (size_t of = 0; of < row; ++of) {
    if (!all[of].picture) continue;
    const bool same = all[of].digest == all[row].digest;
    const int64_t bits = differing_bits(all[of].hash, all[row].hash);
    if (same) {
      found = {row, of, 0, true};
      return &found;
    }
    if (!flat && bits < found.bits) found = {row, of, bits, false};
  }
  return found.bits <= options.max_bits ? &found : nullptr;
}

}  // namespace

Curation find_copies_and_over_exposed(const Dataset& dataset, const CurationOptions& options,
                                      int64_t threads, Observer& observer) {
  std::vector<SeenPicture> seen(dataset.rows.size());
  Problems problems;
  std::mutex speaking;
  int64_t done = 0;
  const auto n = static_cast<int64_t>(dataset.rows.size());
  parallel_for_each(n, threads > 0 ? threads : usable_processors(), [&](int64_t i) {
    if (stop_signal() != 0) throw Stopped(stop_signal(), "stopped");
    const auto at = static_cast<size_t>(i);
    const auto& path = dataset.rows[at].image;
    try {
      if (!is_volume_name(path)) seen[at] = look_at(path);
    } catch (const Error& e) {
      problems.add(e.what());
    }
    const std::lock_guard lock(speaking);
    observer.on(Progress{"pictures", ++done, n, ""});
  });
  problems.refuse(dataset.source.string());
  Curation found;
  for (size_t row = 0; row < seen.size(); ++row) {
    if (!seen[row].picture) continue;
    PictureCopy copy;
    if (copied(seen, row, options, copy) != nullptr) found.copies.push_back(copy);
    if (seen[row].white_share > options.white_share) {
      found.over_exposed.push_back({row, seen[row].white_share});
    }
  }
  return found;
}

std::vector<std::string> curation_lines(const Curation& found, const Dataset& dataset) {
  std::vector<std::string> lines;
  const auto name = [&](size_t row) { return dataset.rows[row].id; };
  for (const auto& copy : found.copies) {
    lines.push_back(name(copy.row) + ": " +
                    (copy.same_pixels
                         ? "has the pixels of "
                         : "looks like (" + std::to_string(copy.bits) + " of 256 bits differ) ") +
                    name(copy.of));
  }
  for (const auto& bright : found.over_exposed) {
    lines.push_back(name(bright.row) + ": is over-exposed, " + fixed(100 * bright.share, 0) +
                    " % of its pixels are white");
  }
  return lines;
}

int64_t write_curated(const fs::path& table, const Dataset& dataset, const Curation& found) {
  std::set<size_t> out;
  for (const auto& copy : found.copies) out.insert(copy.row);
  for (const auto& bright : found.over_exposed) out.insert(bright.row);
  const fs::path folder = fs::absolute(table).parent_path();
  const auto from_here = [&](const fs::path& path) {
    return path.empty() ? std::string()
                        : fs::absolute(path).lexically_proximate(folder).generic_string();
  };
  std::string text = csv_line({"image", "mask", "patient", "case", "domain", "label"});
  int64_t kept = 0;
  for (size_t row = 0; row < dataset.rows.size(); ++row) {
    if (out.count(row) > 0) continue;
    const DataRow& r = dataset.rows[row];
    text +=
        csv_line({from_here(r.image), from_here(r.mask), r.patient, r.case_id, r.domain, r.label});
    ++kept;
  }
  write_file(table, text);
  return kept;
}

}  // namespace groundglass
