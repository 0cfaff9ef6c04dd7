#include "groundglass/annotate/agreement.h"
#include "groundglass/annotate/simulate.h"
#include "groundglass/core/text.h"
#include "groundglass/core/version.h"

namespace groundglass {
using nlohmann::ordered_json;
namespace {

std::string interval_text(const std::optional<Interval>& interval) {
  return interval ? fixed(interval->low, 3) + " to " + fixed(interval->high, 3) : "-";
}

ordered_json interval_json(const std::optional<Interval>& interval) {
  return interval ? ordered_json{interval->low, interval->high} : ordered_json(nullptr);
}

}  // namespace

ordered_json simulation_json(const Simulation& s, const AnnotationStore& store) {
  auto rows = ordered_json::array();
  for (const auto& row : s.rows) {
    rows.push_back(
        {{"name", row.name},
         {"cases", row.dice.size()},
         {"mean_dice", row.dice.empty() ? ordered_json(nullptr) : ordered_json(row.mean())},
         {"interval95", interval_json(row.interval())}});
  }
  const SimulateOptions& o = s.options;
  const auto n = static_cast<int64_t>(s.cases.size());
  return {{"project", store.project().string()},
          {"round", s.round.id},
          {"stage", s.round.stage},
          {"cases", n},
          {"empty_references", s.empty_references},
          {"rows", rows},
          {"best_network", s.best_network},
          {"gain_over_best_network", s.gain},
          {"gain_interval95", interval_json(s.gain_interval)},
          {"rejected", s.rejected},
          {"preferred_to_drawing", s.machine_preferred},
          {"preferred_interval95", interval_json(wilson_interval(s.machine_preferred, n))},
          {"seconds_by_hand", s.seconds_by_hand},
          {"seconds_with_networks", s.seconds_with_networks},
          {"options",
           {{"tau", o.tau},
            {"noise", o.noise},
            {"slip", o.slip},
            {"seconds_per_drawing", o.seconds_per_drawing},
            {"seconds_per_choice", o.seconds_per_choice},
            {"seed", o.seed}}},
          {"version", version()},
          {"commit", commit()},
          {"note", kNotAMedicalDevice}};
}

std::string simulation_text(const Simulation& s) {
  const SimulateOptions& o = s.options;
  const auto n = static_cast<int64_t>(s.cases.size());
  std::string text = "| masks | cases | mean Dice | 95 %, over patients |\n|---|---|---|---|\n";
  for (const auto& row : s.rows) {
    text += "| " + row.name + " | " + std::to_string(row.dice.size()) + " | " +
            (row.dice.empty() ? "-" : fixed(row.mean(), 3)) + " | " +
            interval_text(row.interval()) + " |\n";
  }
  text += "\nChosen or drawn against the best network (" + s.best_network +
          "): " + (s.gain >= 0 ? "+" : "") + fixed(s.gain, 3) + " mean Dice (95 % " +
          interval_text(s.gain_interval) + ").\n";
  text += std::to_string(s.rejected) + " of " + std::to_string(n) + " cases rejected (Dice below " +
          fixed(o.tau, 2) + ") and drawn; the best-looking proposal lies nearer to the reference " +
          "than a hurried drawing in " + std::to_string(s.machine_preferred) + " of " +
          std::to_string(n) + ".\n";
  text += "Time, with " + shortest(o.seconds_per_drawing) + " s for a drawing and " +
          shortest(o.seconds_per_choice) +
          " s for a choice (assumed): " + human_seconds(s.seconds_by_hand) + " all by hand, " +
          human_seconds(s.seconds_with_networks) + " with the networks.\n";
  text += "The annotator knows the reference, so the quality of the choices is an upper bound" +
          (o.noise > 0 ? " (noise of the eye: " + fixed(o.noise, 2) + " Dice)" : std::string()) +
          "; a hurried drawing slips by up to " + fixed(100 * o.slip, 1) +
          " % of the image's side (assumed).\n";
  if (s.empty_references > 0) {
    text += std::to_string(s.empty_references) +
            " references are empty; an empty mask scores 1 there.\n";
  }
  return text;
}

}  // namespace groundglass
