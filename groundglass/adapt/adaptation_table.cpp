#include "groundglass/adapt/adaptation_table.h"

#include <map>

#include "groundglass/core/text.h"

namespace groundglass {
using nlohmann::ordered_json;

const std::vector<std::string> kTransferColumns = {
    "dice_before",        "dice_before_sd",        "specificity_before", "specificity_before_sd",
    "sensitivity_before", "sensitivity_before_sd", "dice_after",         "dice_after_sd",
    "specificity_after",  "specificity_after_sd",  "sensitivity_after",  "sensitivity_after_sd"};

namespace {

using Items = std::vector<ScoredItem>;
using Runs = std::vector<Items>;

/// Counts of every patient in every run.
struct PatientCounts {
  std::vector<std::vector<Counts>> of_run;  ///< [run][patient]
  int64_t patients = 0;
};

PatientCounts patient_counts(const Runs& runs) {
  std::map<std::pair<std::string, std::string>, size_t> place;
  for (const auto& items : runs) {
    for (const auto& i : items) place.try_emplace({i.domain, i.patient}, 0);
  }
  size_t next = 0;
  for (auto& [key, position] : place) position = next++;
  PatientCounts out;
  out.patients = static_cast<int64_t>(place.size());
  for (const auto& items : runs) {
    out.of_run.emplace_back(place.size());
    for (const auto& i : items) out.of_run.back()[place.at({i.domain, i.patient})] += i.counts;
  }
  return out;
}

/// Mean over the runs of the Dice of the drawn patients; runs in which it is undefined do not
/// count.
std::optional<double> mean_dice(const PatientCounts& counts, const std::vector<int64_t>& drawn) {
  double sum = 0, defined = 0;
  for (const auto& patients : counts.of_run) {
    Counts total;
    for (const int64_t i : drawn) total += patients[static_cast<size_t>(i)];
    const auto value = dice(total);
    sum += value.value_or(0);
    defined += value.has_value();
  }
  if (defined == 0) return std::nullopt;
  return sum / defined;
}

std::vector<int64_t> everybody(int64_t n) {
  std::vector<int64_t> all(static_cast<size_t>(n));
  for (int64_t i = 0; i < n; ++i) all[static_cast<size_t>(i)] = i;
  return all;
}

std::string mean_cell(const MeanAndDeviation& m) {
  return fixed(m.mean, 3) + " +- " + fixed(m.deviation, 3);
}

std::string interval_cell(const std::optional<Interval>& interval) {
  return interval ? fixed(interval->low, 3) + " to " + fixed(interval->high, 3) : "n/a";
}

std::string gain_cell(const Gain& gain) {
  const std::string sign = gain.mean < 0 ? "" : "+";
  return sign + fixed(gain.mean, 3) + " (" + interval_cell(gain.interval) + ")";
}

/// The paper's mean and deviation from a column on; "-" where it prints none.
std::string paper_cell(const Transfer& t, size_t column) {
  if (column + 1 >= t.expected.size() || t.expected[column] < 0) return "-";
  return fixed(t.expected[column], 3) + " +- " + fixed(t.expected[column + 1], 3);
}

Runs before_of(const Transfer& t) {
  Runs runs;
  for (const auto& run : t.runs) runs.push_back(run.before);
  return runs;
}

Runs after_of(const Transfer& t) {
  Runs runs;
  for (const auto& run : t.runs) {
    if (!run.after.empty()) runs.push_back(run.after);
  }
  return runs;
}

template <class Keep>
Items kept(const Items& items, const Keep& keep) {
  Items out;
  for (const auto& item : items) {
    if (keep(item)) out.push_back(item);
  }
  return out;
}

/// Only the slices without a pseudo-label, before and after.
std::pair<Runs, Runs> rest_of(const Transfer& t) {
  Runs before, after;
  for (const auto& run : t.runs) {
    const auto rest = [&](const ScoredItem& i) { return run.labelled.count(i.id) == 0; };
    before.push_back(kept(run.before, rest));
    after.push_back(kept(run.after, rest));
  }
  return {before, after};
}

void add_dice(TableCells& table, const Transfer& t) {
  const RunMeans before = run_means(before_of(t));
  std::vector<std::string> cells = {t.train,
                                    t.test,
                                    std::to_string(before.runs),
                                    std::to_string(before.patients),
                                    mean_cell(before.dice),
                                    interval_cell(before.interval),
                                    paper_cell(t, 0)};
  const Runs adapted = after_of(t);
  if (adapted.empty()) {
    cells.insert(cells.end(), {"-", "-", "-", "-"});
  } else {
    const RunMeans after = run_means(adapted);
    cells.insert(cells.end(), {mean_cell(after.dice), interval_cell(after.interval),
                               paper_cell(t, 6), gain_cell(dice_gain(before_of(t), adapted))});
  }
  table.rows.push_back(std::move(cells));
}

void add_others(TableCells& table, const Transfer& t) {
  const RunMeans before = run_means(before_of(t));
  std::vector<std::string> cells = {t.train,
                                    t.test,
                                    mean_cell(before.specificity),
                                    paper_cell(t, 2),
                                    mean_cell(before.sensitivity),
                                    paper_cell(t, 4)};
  const Runs adapted = after_of(t);
  const RunMeans after = run_means(adapted);
  const bool any = !adapted.empty();
  cells.insert(cells.end(), {any ? mean_cell(after.specificity) : "-", paper_cell(t, 8),
                             any ? mean_cell(after.sensitivity) : "-", paper_cell(t, 10)});
  table.rows.push_back(std::move(cells));
}

void add_rest(TableCells& table, const Transfer& t) {
  if (after_of(t).empty()) return;
  const auto [before, after] = rest_of(t);
  const RunMeans b = run_means(before), a = run_means(after);
  table.rows.push_back({t.train, t.test, std::to_string(b.slices), mean_cell(b.dice),
                        mean_cell(a.dice), gain_cell(dice_gain(before, after))});
}

/// Twenty bins are read more easily as eleven: everything below one half together.
void add_certainty(TableCells& table, const Transfer& t) {
  for (const auto& run : t.runs) {
    if (run.after.empty()) continue;
    std::vector<std::string> cells = {t.train, t.test, std::to_string(run.seed),
                                      fixed(run.cutoff, 2)};
    if (run.rounds.empty()) {
      cells.insert(cells.end(), {"-", "-", "-", run.note});
      cells.resize(table.head.size(), "-");
      table.rows.push_back(std::move(cells));
      continue;
    }
    const auto& r = run.rounds.back();
    cells.insert(cells.end(), {std::to_string(r.slices), std::to_string(r.too_small),
                               std::to_string(r.asked), std::to_string(r.chosen)});
    int64_t low = 0;
    for (size_t bin = 0; bin < r.histogram.size(); ++bin) {
      low += r.histogram[bin];
      if (bin < 9) continue;
      cells.push_back(std::to_string(bin == 9 ? low : r.histogram[bin]));
    }
    table.rows.push_back(std::move(cells));
  }
}

void add_runs(TableCells& table, const std::string& row, const Transfer& t) {
  for (const auto& run : t.runs) {
    const auto add = [&](const std::string& phase, const Items& items) {
      if (items.empty()) return;
      const ScoreRow s = pooled_scores(items);
      const auto cell = [](const std::optional<double>& v) { return v ? shortest(*v) : ""; };
      table.rows.push_back({row, t.train, t.test, std::to_string(run.seed), phase,
                            shortest(run.cutoff), std::to_string(items.size()),
                            std::to_string(run.labelled.size()), cell(s.dice), cell(s.specificity),
                            cell(s.sensitivity), cell(s.soft_dice), run.note});
    };
    const auto rest = [&](const ScoredItem& i) { return run.labelled.count(i.id) == 0; };
    add("before", run.before);
    add("after", run.after);
    if (run.after.empty()) continue;
    add("rest before", kept(run.before, rest));
    add("rest after", kept(run.after, rest));
  }
}

/// All runs of all transfers of a row one after the other, of the items that are kept.
template <class Keep>
std::pair<Runs, Runs> row_runs(const AblationRow& row, const Keep& keep) {
  Runs before, after;
  for (const auto& t : row.transfers) {
    for (const auto& run : t.runs) {
      before.push_back(kept(run.before, keep));
      after.push_back(kept(run.after.empty() ? run.before : run.after, keep));
    }
  }
  return {before, after};
}

ordered_json means_json(const RunMeans& m) {
  const auto pair = [](const MeanAndDeviation& v) { return ordered_json{v.mean, v.deviation}; };
  return {{"runs", m.runs},
          {"slices", m.slices},
          {"patients", m.patients},
          {"dice", pair(m.dice)},
          {"specificity", pair(m.specificity)},
          {"sensitivity", pair(m.sensitivity)},
          {"dice_interval95",
           m.interval ? ordered_json{m.interval->low, m.interval->high} : ordered_json(nullptr)}};
}

ordered_json gain_json(const Gain& gain) {
  return {{"mean", gain.mean},
          {"interval95", gain.interval ? ordered_json{gain.interval->low, gain.interval->high}
                                       : ordered_json(nullptr)}};
}

ordered_json transfer_json(const Transfer& t) {
  ordered_json out = {{"train", t.train}, {"test", t.test}};
  out["before"] = means_json(run_means(before_of(t)));
  const Runs adapted = after_of(t);
  if (!adapted.empty()) {
    out["after"] = means_json(run_means(adapted));
    out["gain"] = gain_json(dice_gain(before_of(t), adapted));
  }
  out["expected"] = t.expected;
  out["runs"] = ordered_json::array();
  for (const auto& run : t.runs) {
    ordered_json r = {{"seed", run.seed}, {"cutoff", run.cutoff}, {"note", run.note}};
    r["rounds"] = ordered_json::array();
    for (const auto& round : run.rounds) {
      r["rounds"].push_back({{"slices", round.slices},
                             {"too_small", round.too_small},
                             {"below_limit", round.below_limit},
                             {"asked", round.asked},
                             {"chosen", round.chosen},
                             {"limit", round.limit},
                             {"histogram", round.histogram}});
    }
    out["runs"].push_back(std::move(r));
  }
  return out;
}

void add_ablation(AdaptationTables& out, const AblationRow& row, const ChoosesOptions& chooses,
                  double& best) {
  const auto every = [](const ScoredItem&) { return true; };
  const auto reports = [&](const ScoredItem& i) { return !chooses(i); };
  const auto [choosing_before, choosing_after] = row_runs(row, chooses);
  const auto [reporting_before, reporting_after] = row_runs(row, reports);
  const auto [all_before, all_after] = row_runs(row, every);
  const RunMeans choosing = run_means(choosing_after), reporting = run_means(reporting_after);
  const RunMeans before = run_means(all_before), after = run_means(all_after);
  const Gain gain = dice_gain(all_before, all_after);
  out.ablation.rows.push_back({row.name, row.options, std::to_string(after.runs),
                               fixed(choosing.dice.mean, 3), fixed(reporting.dice.mean, 3),
                               fixed(before.dice.mean, 3), fixed(after.dice.mean, 3),
                               gain_cell(gain)});
  out.json["ablation"].push_back({{"name", row.name},
                                  {"options", row.options},
                                  {"choosing", means_json(choosing)},
                                  {"reporting", means_json(reporting)},
                                  {"before", means_json(before)},
                                  {"after", means_json(after)},
                                  {"gain", gain_json(gain)}});
  for (const auto& t : row.transfers)
    out.json["ablation"].back()["transfers"].push_back(transfer_json(t));
  if (choosing.dice.mean <= best) return;
  best = choosing.dice.mean;
  out.best = row.name;
}

}  // namespace

RunMeans run_means(const Runs& runs) {
  std::vector<double> dices, specificities, sensitivities;
  RunMeans out;
  for (const auto& items : runs) {
    const ScoreRow s = pooled_scores(items);
    if (s.dice) dices.push_back(*s.dice);
    if (s.specificity) specificities.push_back(*s.specificity);
    if (s.sensitivity) sensitivities.push_back(*s.sensitivity);
    out.slices += static_cast<int64_t>(items.size());
  }
  out.dice = mean_and_deviation(dices);
  out.specificity = mean_and_deviation(specificities);
  out.sensitivity = mean_and_deviation(sensitivities);
  out.runs = static_cast<int64_t>(runs.size());
  const PatientCounts counts = patient_counts(runs);
  out.patients = counts.patients;
  out.interval = bootstrap_interval(counts.patients,
                                    [&](const auto& drawn) { return mean_dice(counts, drawn); });
  return out;
}

Gain dice_gain(const Runs& before, const Runs& after) {
  const PatientCounts b = patient_counts(before), a = patient_counts(after);
  const auto difference = [&](const std::vector<int64_t>& drawn) -> std::optional<double> {
    const auto x = mean_dice(b, drawn), y = mean_dice(a, drawn);
    if (!x || !y) return std::nullopt;
    return *y - *x;
  };
  return {difference(everybody(b.patients)).value_or(0),
          bootstrap_interval(b.patients, difference)};
}

AdaptationTables adaptation_tables(const std::vector<Transfer>& transfers,
                                   const std::vector<AblationRow>& ablation, Protocol protocol,
                                   const ChoosesOptions& chooses) {
  AdaptationTables out;
  out.dice.head = {"train",       "test",         "runs",       "patients",
                   "Dice before", "before, 95 %", "paper",      "Dice after",
                   "after, 95 %", "paper, after", "gain (95 %)"};
  out.others.head = {"train", "test",      "SPC before", "paper",     "SEN before",
                     "paper", "SPC after", "paper",      "SEN after", "paper"};
  out.rest.head = {"train", "test", "slices", "Dice before", "Dice after", "gain (95 %)"};
  out.certainty.head = {"train", "test", "seed", "t", "slices", "too small", "K", "chosen"};
  for (const char* bin :
       {"CI < .50", ".50", ".55", ".60", ".65", ".70", ".75", ".80", ".85", ".90", ".95"}) {
    out.certainty.head.emplace_back(bin);
  }
  out.ablation.head = {
      "options", "[adapt]", "runs",       "Dice, choosing patients", "Dice, other patients",
      "before",  "after",   "gain (95 %)"};
  out.runs.head = {"row",         "train",     "test",     "seed", "phase",
                   "cutoff",      "slices",    "labelled", "dice", "specificity",
                   "sensitivity", "soft_dice", "note"};
  out.json["mode"] = word_of(protocol);
  out.json["transfers"] = ordered_json::array();
  out.json["ablation"] = ordered_json::array();
  for (const auto& t : transfers) {
    add_dice(out.dice, t);
    add_others(out.others, t);
    if (protocol == Protocol::strict) add_rest(out.rest, t);
    add_certainty(out.certainty, t);
    add_runs(out.runs, "table", t);
    out.json["transfers"].push_back(transfer_json(t));
  }
  double best = -1;
  for (const auto& row : ablation) {
    add_ablation(out, row, chooses, best);
    for (const auto& t : row.transfers) add_runs(out.runs, row.name, t);
  }
  out.json["best"] = out.best;
  return out;
}

}  // namespace groundglass
