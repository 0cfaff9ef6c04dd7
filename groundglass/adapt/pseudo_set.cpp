#include "groundglass/adapt/pseudo_set.h"

#include <algorithm>
#include <map>

#include <nlohmann/json.hpp>

#include "groundglass/adapt/pseudo_label.h"
#include "groundglass/core/csv.h"
#include "groundglass/core/rng.h"
#include "groundglass/core/task.h"
#include "groundglass/core/text.h"

namespace groundglass {
namespace fs = std::filesystem;
using nlohmann::ordered_json;
namespace {

/// Everything known of the target before any mask is made.
struct Seen {
  std::vector<SliceCertainty> slices;
  ConfidenceHistogram confidences;
};

Seen look_at_target(const PseudoSetJob& job, Observer& observer) {
  Seen seen;
  const auto& rows = job.target->rows();
  view_slices(
      *job.model, *job.target, job.target_rows, job.viewing,
      [&](const ViewedSlice& slice) {
        const MarkedPixels marked = marked_pixels(slice.mean, job.cutoff);
        std::vector<torch::Tensor> views;
        for (int64_t v = 0; v < slice.views.size(0); ++v) {
          views.push_back(marked_pixels(slice.views[v], job.cutoff).labels);
        }
        seen.slices.push_back({slice.row, rows[static_cast<size_t>(slice.row)].patient,
                               certainty_index(marked), agreement_of(torch::stack(views))});
        seen.confidences.add(marked);
      },
      observer);
  return seen;
}

std::string slices_csv(const PseudoSetJob& job, const Seen& seen, const Selection& selection) {
  std::string text = csv_line({"id", "case", "patient", "domain", "pixels", "certainty_index",
                               "agreement", "certainty", "fate"});
  for (size_t i = 0; i < seen.slices.size(); ++i) {
    const auto& slice = seen.slices[i];
    const auto& row = job.target->rows()[static_cast<size_t>(slice.row)];
    text +=
        csv_line({row.id, row.case_id, row.patient, row.domain, std::to_string(slice.index.pixels),
                  shortest(slice.index.index), shortest(slice.agreement),
                  shortest(certainty_of(slice, job.options)), to_string(selection.fates[i])});
  }
  return text;
}

[[noreturn]] void refuse_empty(const PseudoSetJob& job, const SelectionReport& report,
                               const Seen& seen) {
  double best = 0;
  for (const auto& slice : seen.slices) best = std::max(best, certainty_of(slice, job.options));
  throw NothingChosen("no slice of the target is pseudo-labelled: of " +
                      std::to_string(report.slices) + " slices " +
                      std::to_string(report.too_small) + " have too few marked pixels and " +
                      std::to_string(report.below_limit) + " lie below the limit " +
                      shortest(job.options.limit) + " (the surest reaches " + fixed(best, 3) +
                      "); lower adapt.limit, or train the source longer");
}

void write_selection(const fs::path& path, const SelectionReport& r) {
  const ordered_json document = {{"slices", r.slices},
                                 {"too_small", r.too_small},
                                 {"below_limit", r.below_limit},
                                 {"asked", r.asked},
                                 {"chosen", r.chosen},
                                 {"cutoff", r.cutoff},
                                 {"limit", r.limit},
                                 {"histogram", r.histogram},
                                 {"chosen_ids", r.chosen_ids},
                                 {"parts",
                                  {{"source", r.parts.source},
                                   {"validation", r.parts.validation},
                                   {"chosen", r.parts.chosen},
                                   {"unlabelled", r.parts.unlabelled}}},
                                 {"fingerprint", r.fingerprint}};
  write_file(path, document.dump(1) + "\n");
}

/// Copies rows of the source and labels rows of the target, in the order of the parts.
class Writing {
 public:
  Writing(const PseudoSetJob& job, const Seen& seen, const Selection& selection)
      : job_(job), limits_(seen.confidences.limits(job.options.balanced_share)) {
    if (job.options.mix_source) add_source(job.source_split.train, parts.source);
    if (job.options.stop_on == StopOn::source)
      add_source(job.source_split.validation, parts.validation);
    for (const int64_t i : selection.chosen)
      chosen_.push_back(seen.slices[static_cast<size_t>(i)].row);
    for (size_t i = 0; job.options.entropy_weight > 0 && i < seen.slices.size(); ++i) {
      if (selection.fates[i] != SliceFate::chosen) unlabelled_.push_back(seen.slices[i].row);
    }
    parts.chosen = static_cast<int64_t>(chosen_.size());
    parts.unlabelled = static_cast<int64_t>(unlabelled_.size());
  }

  void write(const fs::path& path, Observer& observer) const {
    PreparedSetWriter writer(path, header());
    int64_t next = 0;
    for (const int64_t row : source_rows_) {
      writer.write(next++, job_.source->image(row), job_.source->mask(row));
    }
    view_slices(
        *job_.model, *job_.target, chosen_, job_.viewing,
        [&](const ViewedSlice& slice) {
          const auto key =
              mix_keys(job_.viewing.loader.seed, 0x50f7, static_cast<uint64_t>(slice.row));
          writer.write(next++, job_.target->image(slice.row),
                       pseudo_mask(slice.mean, job_.cutoff, job_.options, limits_, key));
        },
        observer);
    for (const int64_t row : unlabelled_) {
      writer.write(next++, job_.target->image(row),
                   torch::full_like(job_.target->mask(row), kIgnoreLabel));
    }
    writer.finish();
  }

  PseudoSetParts parts;

 private:
  void add_source(const std::vector<Entry>& entries, int64_t& count) {
    for (const auto& entry : entries) {
      if (entry.copy > 0) continue;  // stored copies are augmentations of the same row
      source_rows_.push_back(entry.row);
      ++count;
    }
  }

  PreparedHeader header() const {
    PreparedHeader header = job_.target->header();
    header.source = "pseudo-labels of " + header.source;
    header.fingerprint = job_.fingerprint;
    header.rows.clear();
    for (const int64_t row : source_rows_) {
      header.rows.push_back(job_.source->rows()[static_cast<size_t>(row)]);
    }
    const auto add = [&](int64_t row, const char* ending, bool labelled) {
      header.rows.push_back(job_.target->rows()[static_cast<size_t>(row)]);
      header.rows.back().id += ending;
      header.rows.back().has_mask = labelled;
    };
    for (const int64_t row : chosen_) add(row, "~pseudo", true);
    for (const int64_t row : unlabelled_) add(row, "~unlabelled", false);
    return header;
  }

  const PseudoSetJob& job_;
  const ClassLimits limits_;
  std::vector<int64_t> source_rows_, chosen_, unlabelled_;
};

void check_source(const PseudoSetJob& job) {
  const bool asked = job.options.mix_source || job.options.stop_on == StopOn::source;
  if (asked && job.source == nullptr) {
    fail(ErrorKind::usage,
         "the source's data is needed to choose the epoch (adapt.stop_on) or to be mixed in "
         "(adapt.mix_source), and none was given; name it with --source, or set "
         "adapt.stop_on=pseudo and adapt.mix_source=false");
  }
}

}  // namespace

SelectionReport make_pseudo_set(const PseudoSetJob& job, Observer& observer) {
  check_source(job);
  const fs::path report_path = job.folder / "selection.json", set = job.folder / "pseudo.ggset";
  if (fs::exists(report_path)) {
    SelectionReport earlier = read_selection(report_path);
    if (earlier.fingerprint != job.fingerprint) {
      fail(ErrorKind::usage, job.folder.string() +
                                 ": holds an adaptation of another network, target or recipe; "
                                 "choose another folder");
    }
    if (fs::exists(set)) return earlier;
  }
  const Seen seen = look_at_target(job, observer);
  const auto& header = job.target->header();
  const Selection selection = select_slices(seen.slices, job.options, header.height * header.width);
  SelectionReport report;
  report.slices = static_cast<int64_t>(seen.slices.size());
  report.too_small =
      std::count(selection.fates.begin(), selection.fates.end(), SliceFate::too_small);
  report.below_limit =
      std::count(selection.fates.begin(), selection.fates.end(), SliceFate::below_limit);
  report.asked = selection.asked;
  report.chosen = static_cast<int64_t>(selection.chosen.size());
  report.cutoff = job.cutoff;
  report.limit = job.options.limit;
  report.histogram = selection.histogram;
  report.fingerprint = job.fingerprint;
  if (report.chosen == 0) refuse_empty(job, report, seen);
  for (const int64_t i : selection.chosen) {
    const int64_t row = seen.slices[static_cast<size_t>(i)].row;
    report.chosen_ids.push_back(job.target->rows()[static_cast<size_t>(row)].id);
  }
  const Writing writing(job, seen, selection);
  report.parts = writing.parts;
  write_file(job.folder / "pseudo_labels.csv", slices_csv(job, seen, selection));
  write_selection(report_path, report);
  writing.write(set, observer);
  return report;
}

Split pseudo_split(const PseudoSetParts& parts) {
  constexpr int64_t kHeldOut = 5;
  Split split;
  int64_t row = 0;
  for (int64_t i = 0; i < parts.source; ++i) split.train.push_back({row++, 0, 0});
  for (int64_t i = 0; i < parts.validation; ++i) split.validation.push_back({row++, 0, 0});
  for (int64_t i = 0; i < parts.chosen; ++i, ++row) {
    const bool held_out = parts.validation == 0 && i % kHeldOut == kHeldOut - 1;
    (held_out ? split.validation : split.train).push_back({row, 0, 0});
  }
  for (int64_t i = 0; i < parts.unlabelled; ++i) split.train.push_back({row++, 0, 0});
  // Too few to hold any out: the last chosen slice is learned and looked at.
  if (split.validation.empty()) split.validation.push_back({parts.source + parts.chosen - 1, 0, 0});
  return split;
}

SelectionReport read_selection(const fs::path& path) {
  SelectionReport r;
  try {
    const auto d = ordered_json::parse(read_file(path));
    r.slices = d.at("slices");
    r.too_small = d.at("too_small");
    r.below_limit = d.at("below_limit");
    r.asked = d.at("asked");
    r.chosen = d.at("chosen");
    r.cutoff = d.at("cutoff");
    r.limit = d.at("limit");
    r.histogram = d.at("histogram").get<std::vector<int64_t>>();
    r.chosen_ids = d.at("chosen_ids").get<std::vector<std::string>>();
    r.parts.source = d.at("parts").at("source");
    r.parts.validation = d.at("parts").at("validation");
    r.parts.chosen = d.at("parts").at("chosen");
    r.parts.unlabelled = d.at("parts").at("unlabelled");
    r.fingerprint = d.at("fingerprint");
  } catch (const ordered_json::exception& e) {
    fail(ErrorKind::checkpoint, path.string() + ": is damaged (" + e.what() + ")");
  }
  return r;
}

}  // namespace groundglass
