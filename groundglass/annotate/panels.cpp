#include "groundglass/annotate/panels.h"

#include <map>
#include <mutex>

#include "groundglass/annotate/cases.h"
#include "groundglass/annotate/project_files.h"
#include "groundglass/core/csv.h"
#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/core/parallel.h"
#include "groundglass/core/process.h"
#include "groundglass/core/rng.h"
#include "groundglass/io/paint.h"
#include "groundglass/io/picture.h"
#include "groundglass/report/figure.h"
#include "groundglass/report/html_page.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

/// A number out of a name that is the same on every machine.
uint64_t key_of(const std::string& name) {
  return std::stoull(sha256(name).substr(0, 16), nullptr, 16);
}

/// A picture [C,H,W] of any type, fitted into a square; nearest for labels.
torch::Tensor fitted(const torch::Tensor& picture, int64_t side, bool labels) {
  const auto height = picture.size(-2), width = picture.size(-1);
  const double scale = static_cast<double>(side) / static_cast<double>(std::max(height, width));
  const auto h = std::max<int64_t>(1, std::llround(static_cast<double>(height) * scale));
  const auto w = std::max<int64_t>(1, std::llround(static_cast<double>(width) * scale));
  const auto in = picture.to(torch::kFloat32).view({1, 1, height, width});
  torch::Tensor out;
  if (labels) {
    out = torch::upsample_nearest2d(in, {h, w});
  } else if (scale < 1) {
    out = torch::adaptive_avg_pool2d(in, {h, w});
  } else {
    out = torch::upsample_bilinear2d(in, {h, w}, false);
  }
  return out.view({h, w}).round().to(torch::kUInt8);
}

/// The case's cells of choices.csv that are given; the rest is the annotator's.
std::string empty_choices(const Round& round, const AnnotationStore& store,
                          const std::map<int64_t, std::string>& letters) {
  std::string text = csv_line({"round", "case", "candidates", "choice", "mask", "seconds", "note"});
  for (const auto& [id, offered] : letters) {
    text += csv_line({std::to_string(round.id), store.case_of(id).name, offered, "", "", "", ""});
  }
  return text;
}

std::string page_text(const AnnotationStore& store, const Round& round, const std::string& title,
                      const std::vector<int64_t>& cases,
                      const std::map<int64_t, std::string>& letters) {
  HtmlPage page(title);
  page.paragraph(
      "Each panel shows one image and, in red, several masks of its lesions under letters. "
      "For each case write the letter of the best mask into the column 'choice' of choices.csv, or "
      "'reject' if none can be used; a mask of your own may then be named in the column 'mask'. "
      "The order of the letters differs from case to case.");
  for (const int64_t id : cases) {
    const AnnotationCase& c = store.case_of(id);
    page.heading(c.name);
    page.picture(read_file(handout_folder(store, round.id) / "panels" / (c.file + ".png")),
                 "candidates " + letters.at(id));
  }
  return page.text();
}

}  // namespace

std::vector<Candidate> shuffled_candidates(const Round& round,
                                           const std::vector<AnnotationCase>& cases,
                                           const std::vector<Proposal>& proposals) {
  std::map<int64_t, std::vector<Candidate>> offered;
  for (const auto& p : proposals) offered[p.case_id].push_back({p.case_id, 'A', p.id, p.network});
  std::vector<Candidate> all;
  for (const auto& c : cases) {
    auto& mine = offered[c.id];
    if (mine.size() != round.networks.size()) {
      fail(ErrorKind::internal, c.name + ": has " + std::to_string(mine.size()) +
                                    " proposals, expected " +
                                    std::to_string(round.networks.size()));
    }
    if (round.stage == 1) mine.push_back({c.id, 'A', 0, kManualSource});
    Rng rng(mix_keys(round.seed, static_cast<uint64_t>(round.id), key_of(c.name)));
    char letter = 'A';
    for (const int64_t i : permutation(static_cast<int64_t>(mine.size()), rng)) {
      Candidate candidate = mine[static_cast<size_t>(i)];
      candidate.letter = letter++;
      all.push_back(std::move(candidate));
    }
  }
  return all;
}

torch::Tensor panel_picture(const torch::Tensor& gray,
                            const std::vector<std::pair<char, torch::Tensor>>& candidates,
                            const PanelOptions& options) {
  const auto small = fitted(gray, options.side, false);
  std::vector<torch::Tensor> cells = {captioned(gray_to_rgb(small), "image")};
  for (const auto& [letter, labels] : candidates) {
    const bool empty = (labels != 0).sum().item<int64_t>() == 0;
    // Drawn after shrinking, so that outlines stay a pixel wide.
    cells.push_back(captioned(overlay(small, fitted(labels, options.side, true)),
                              std::string(1, letter) + (empty ? " (empty)" : "")));
  }
  const auto n = static_cast<int64_t>(cells.size());
  const auto white = torch::full_like(cells.front(), 255);
  const auto gap = torch::full({3, white.size(1), 6}, 255, torch::kUInt8);
  std::vector<torch::Tensor> rows;
  for (int64_t first = 0; first < n; first += options.columns) {
    std::vector<torch::Tensor> row;
    for (int64_t i = first; i < first + std::min(options.columns, n); ++i) {
      if (!row.empty()) row.push_back(gap);
      row.push_back(i < n ? cells[static_cast<size_t>(i)] : white);
    }
    rows.push_back(torch::cat(row, 2));
  }
  return torch::cat(rows, 1);
}

void write_handout(AnnotationStore& store, const Round& round, const PanelOptions& options,
                   int64_t threads, Observer& observer) {
  const auto proposals = store.proposals(round.id);
  std::map<int64_t, std::vector<Candidate>> by_case;
  std::map<int64_t, std::string> letters;
  std::string key = csv_line({"round", "case", "letter", "source"});
  for (const auto& c : store.candidates(round.id)) {
    by_case[c.case_id].push_back(c);
    letters[c.case_id] += c.letter;
    key += csv_line({std::to_string(round.id), store.case_of(c.case_id).name,
                     std::string(1, c.letter), c.source});
  }
  write_file(key_path(store, round.id), key);

  const fs::path folder = handout_folder(store, round.id);
  std::vector<int64_t> ids;
  for (const auto& [id, offered] : letters) ids.push_back(id);
  const auto n = static_cast<int64_t>(ids.size());
  std::mutex speaking;
  int64_t done = 0;
  parallel_for_each(n, threads > 0 ? threads : usable_processors(), [&](int64_t i) {
    if (stop_signal() != 0)
      throw Stopped(stop_signal(), "stopped; the same call goes on from here");
    const int64_t id = ids[static_cast<size_t>(i)];
    const AnnotationCase& c = store.case_of(id);
    const fs::path file = folder / "panels" / (c.file + ".png");
    if (!fs::exists(file)) {
      std::vector<std::pair<char, torch::Tensor>> masks;
      for (const auto& candidate : by_case.at(id)) {
        masks.emplace_back(candidate.letter, read_case_mask(mask_path(store, candidate, proposals),
                                                            c, store.notes().data));
      }
      write_png(file, panel_picture(read_gray(c), masks, options));
    }
    const std::lock_guard lock(speaking);
    observer.on(Progress{"panels", ++done, n, ""});
  });
  const int64_t pages = (n + options.cases_per_page - 1) / options.cases_per_page;
  for (int64_t page = 0; page < pages; ++page) {
    const auto first = ids.begin() + page * options.cases_per_page;
    const auto last = ids.begin() + std::min(n, (page + 1) * options.cases_per_page);
    std::string number = std::to_string(page + 1);
    number.insert(0, number.size() < 3 ? 3 - number.size() : 0, '0');
    write_file(folder / ("page_" + number + ".html"),
               page_text(store, round,
                         "Round " + std::to_string(round.id) + ", page " +
                             std::to_string(page + 1) + " of " + std::to_string(pages),
                         {first, last}, letters));
  }
  if (!fs::exists(folder / "choices.csv")) {
    write_file(folder / "choices.csv", empty_choices(round, store, letters));
  }
}

}  // namespace groundglass
