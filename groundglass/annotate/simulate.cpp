#include "groundglass/annotate/simulate.h"

#include <algorithm>
#include <map>
#include <mutex>

#include "groundglass/annotate/cases.h"
#include "groundglass/annotate/hurried_drawing.h"
#include "groundglass/annotate/panels.h"
#include "groundglass/core/csv.h"
#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/core/parallel.h"
#include "groundglass/core/process.h"
#include "groundglass/core/text.h"
#include "groundglass/data/dataset.h"
#include "groundglass/io/picture.h"
#include "groundglass/metrics/counts.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

Round last_of_stage(AnnotationStore& store, int64_t stage) {
  const auto rounds = store.rounds();
  const auto found = std::find_if(rounds.rbegin(), rounds.rend(), [&](const Round& round) {
    return round.stage == stage && !round.finished.empty();
  });
  if (found == rounds.rend() && stage == 2) {
    fail(ErrorKind::data, store.project().string() +
                              ": has no finished round of stage 2, which --references would play; "
                              "call `groundglass annotate propose --stage 2` first");
  }
  if (found == rounds.rend()) {
    fail(ErrorKind::data, store.project().string() +
                              ": has no finished round of stage 1, whose manual masks could be "
                              "hidden; call `groundglass annotate propose` first");
  }
  return *found;
}

/// The hidden mask of each case that has one, by the case's number.
std::map<int64_t, fs::path> hidden_masks(const AnnotationStore& store, const std::string& table) {
  std::map<std::string, fs::path> named;
  if (!table.empty()) {
    for (const auto& row : read_dataset(table, {store.notes().data.mask}).rows) {
      if (!row.mask.empty()) named[row.id] = row.mask;
    }
  }
  std::map<int64_t, fs::path> masks;
  for (const auto& c : store.cases()) {
    const auto found = named.find(c.name);
    if (table.empty() && !c.manual.empty()) masks[c.id] = c.manual;
    if (found != named.end()) masks[c.id] = found->second;
  }
  return masks;
}

double dice_or_one(const torch::Tensor& labels, const torch::Tensor& reference) {
  return dice(count_foreground(labels, reference)).value_or(1);
}

/// The statistic's interval over patients; `values` and `patients` are case by case.
std::optional<Interval> patient_interval(const std::vector<double>& values,
                                         const std::vector<std::string>& patients) {
  std::map<std::string, std::pair<double, double>> sums;  // patient -> sum, cases
  for (size_t i = 0; i < values.size(); ++i) {
    sums[patients[i]].first += values[i];
    sums[patients[i]].second += 1;
  }
  std::vector<std::pair<double, double>> groups;
  for (const auto& [patient, sum] : sums) groups.push_back(sum);
  return bootstrap_interval(static_cast<int64_t>(groups.size()),
                            [&](const std::vector<int64_t>& drawn) -> std::optional<double> {
                              double sum = 0, n = 0;
                              for (const int64_t at : drawn) {
                                sum += groups[static_cast<size_t>(at)].first;
                                n += groups[static_cast<size_t>(at)].second;
                              }
                              return sum / n;
                            });
}

double mean_of(const std::vector<double>& values) {
  return values.empty() ? 0 : mean_and_deviation(values).mean;
}

class Play {
 public:
  Play(AnnotationStore& store, const fs::path& output, const SimulateOptions& options)
      : store_(store), output_(output) {
    result_.options = options;
    result_.round = last_of_stage(store, options.references.empty() ? 1 : 2);
    references_ = hidden_masks(store, options.references);
    for (const auto& p : store.proposals(result_.round.id)) {
      if (references_.count(p.case_id) == 0) continue;
      proposals_[p.case_id][p.network] = store.project() / p.file;
    }
    if (proposals_.empty()) {
      fail(ErrorKind::data, options.references + ": names no mask of a case of round " +
                                std::to_string(result_.round.id) +
                                "; expected the images of the project, with their masks");
    }
    for (const auto& c : store.candidates(result_.round.id)) {
      letters_[c.case_id][c.source] = c.letter;
    }
  }

  Simulation run(int64_t threads, Observer& observer) {
    const auto n = static_cast<int64_t>(proposals_.size());
    result_.cases.resize(proposals_.size());
    std::vector<int64_t> ids;
    for (const auto& [id, files] : proposals_) ids.push_back(id);
    std::vector<char> empty(proposals_.size());
    std::mutex speaking;
    int64_t done = 0;
    parallel_for_each(n, threads > 0 ? threads : usable_processors(), [&](int64_t i) {
      if (stop_signal() != 0) throw Stopped(stop_signal(), "stopped; the same call starts anew");
      const auto at = static_cast<size_t>(i);
      empty[at] = play(ids[at], result_.cases[at]);
      const std::lock_guard lock(speaking);
      observer.on(Progress{"cases", ++done, n, ""});
    });
    result_.empty_references = std::count(empty.begin(), empty.end(), 1);
    make_rows();
    write_choices();
    return std::move(result_);
  }

 private:
  const SimulateOptions& options() const { return result_.options; }

  /// Plays one case; true if its reference is empty.
  bool play(int64_t id, SimulatedCase& out) const {
    const AnnotationCase& c = store_.case_of(id);
    const DataOptions& data = store_.notes().data;
    const auto reference = read_case_mask(references_.at(id), c, data);
    out.case_id = id;
    Rng rng =
        rng_for(options().seed, static_cast<uint64_t>(result_.round.id), static_cast<uint64_t>(id));
    double seen_best = -1e9;
    for (const auto& network : result_.round.networks) {
      const auto labels = read_case_mask(proposals_.at(id).at(network), c, data);
      out.dice.push_back(dice_or_one(labels, reference));
      const double seen = out.dice.back() + options().noise * rng.normal();
      if (seen <= seen_best) continue;
      seen_best = seen;
      out.best = static_cast<int64_t>(out.dice.size()) - 1;
    }
    const auto drawing = hurried_drawing(reference, options().slip, rng);
    out.drawing_dice = dice_or_one(drawing, reference);
    out.rejected = std::max(0.0, seen_best) < options().tau;  // tau = 0 rejects nothing
    if (out.rejected) write_png(output_ / drawn_file(c), stored_mask(drawing, data));
    return (reference != 0).sum().item<int64_t>() == 0;
  }

  static fs::path drawn_file(const AnnotationCase& c) {
    return fs::path("drawn") / (c.file + ".png");
  }

  SimulationRow row(const std::string& name) const { return {name, {}, {}}; }
  void add(SimulationRow& to, const SimulatedCase& c, double value) const {
    to.dice.push_back(value);
    to.patients.push_back(store_.case_of(c.case_id).patient);
  }

  void make_rows() {
    auto& r = result_;
    for (size_t k = 0; k < r.round.networks.size(); ++k) {
      r.rows.push_back(row(r.round.networks[k]));
      for (const auto& c : r.cases) add(r.rows.back(), c, c.dice[k]);
    }
    const auto best = std::max_element(r.rows.begin(), r.rows.end(),
                                       [](auto& a, auto& b) { return a.mean() < b.mean(); });
    r.best_network = best->name;
    const auto best_dice = best->dice;
    SimulationRow all = row("best-looking candidate, nothing rejected"),
                  accepted = row("chosen (accepted cases only)"),
                  mixed = row("chosen, rejected cases drawn"), drawn = row("drawn in a hurry");
    std::vector<double> gains;
    for (size_t i = 0; i < r.cases.size(); ++i) {
      const auto& c = r.cases[i];
      const double chosen = c.dice[static_cast<size_t>(c.best)];
      add(all, c, chosen);
      if (!c.rejected) add(accepted, c, chosen);
      add(mixed, c, c.rejected ? c.drawing_dice : chosen);
      add(drawn, c, c.drawing_dice);
      gains.push_back(mixed.dice.back() - best_dice[i]);
      r.rejected += c.rejected ? 1 : 0;
      r.machine_preferred += chosen > c.drawing_dice ? 1 : 0;
    }
    r.gain = mean_of(gains);
    r.gain_interval = patient_interval(gains, mixed.patients);
    for (auto* last : {&all, &accepted, &mixed, &drawn}) r.rows.push_back(std::move(*last));
    const auto n = static_cast<double>(r.cases.size());
    r.seconds_by_hand = n * options().seconds_per_drawing;
    r.seconds_with_networks = n * options().seconds_per_choice +
                              static_cast<double>(r.rejected) * options().seconds_per_drawing;
  }

  void write_choices() const {
    std::vector<std::string> head = {"case", "patient"};
    for (const auto& name : result_.round.networks) head.push_back("dice_" + name);
    for (const char* name : {"dice_drawn", "taken", "rejected"}) head.emplace_back(name);
    std::string cases = csv_line(head),
                choices =
                    csv_line({"round", "case", "candidates", "choice", "mask", "seconds", "note"});
    for (const auto& c : result_.cases) {
      const AnnotationCase& of = store_.case_of(c.case_id);
      std::vector<std::string> cells = {of.name, of.patient};
      for (const double value : c.dice) cells.push_back(shortest(value));
      const std::string& taken = result_.round.networks[static_cast<size_t>(c.best)];
      cells.push_back(shortest(c.drawing_dice));
      cells.push_back(c.rejected ? "" : taken);
      cells.emplace_back(c.rejected ? "1" : "0");
      cases += csv_line(cells);
      std::string letters;
      for (const auto& [source, letter] : letters_.at(c.case_id)) letters += letter;
      std::sort(letters.begin(), letters.end());
      const double seconds =
          options().seconds_per_choice + (c.rejected ? options().seconds_per_drawing : 0);
      choices += csv_line({std::to_string(result_.round.id), of.name, letters,
                           c.rejected ? "reject" : std::string(1, letters_.at(c.case_id).at(taken)),
                           c.rejected ? drawn_file(of).generic_string() : "", shortest(seconds),
                           "simulated"});
    }
    write_file(output_ / "cases.csv", cases);
    write_file(output_ / "choices.csv", choices);
  }

  AnnotationStore& store_;
  fs::path output_;
  Simulation result_;
  std::map<int64_t, fs::path> references_;
  std::map<int64_t, std::map<std::string, fs::path>> proposals_;
  std::map<int64_t, std::map<std::string, char>> letters_;
};

}  // namespace

double SimulationRow::mean() const {
  return mean_of(dice);
}

std::optional<Interval> SimulationRow::interval() const {
  return patient_interval(dice, patients);
}

Simulation simulate_annotation(AnnotationStore& store, const fs::path& output,
                               const SimulateOptions& options, int64_t threads,
                               Observer& observer) {
  Simulation result = Play(store, output, options).run(threads, observer);
  write_file(output / "simulation.json", simulation_json(result, store).dump(1) + "\n");
  write_file(output / "simulation.md", simulation_text(result));
  return result;
}

}  // namespace groundglass
