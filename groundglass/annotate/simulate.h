#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "groundglass/annotate/store.h"
#include "groundglass/core/events.h"
#include "groundglass/metrics/bootstrap.h"

namespace groundglass {

/// How the played annotator chooses, draws and spends time. The times are assumptions of ours, not
/// measured; so is the slip of the hand.
struct SimulateOptions {
  double tau = 0.5;    ///< below this Dice a candidate is rejected
  double noise = 0.0;  ///< standard deviation of what the eye adds to a Dice
  double slip = 0.02;  ///< of a hurried drawing, share of the longer side
  double seconds_per_drawing = 240;
  double seconds_per_choice = 15;
  uint64_t seed = 1;
  /// Stage 2 is played: a table or folder that names the masks of cases which have none in the
  /// project. Empty: stage 1 is played, by the project's own masks.
  std::string references = {};
};

/// One way to come by masks, against the hidden reference. Dice of a case where both masks are
/// empty counts as 1.
struct SimulationRow {
  std::string name;
  std::vector<double> dice;           ///< of each case that the row covers
  std::vector<std::string> patients;  ///< of the same cases
  double mean() const;
  std::optional<Interval> interval() const;  ///< of the mean, bootstrapped over patients
};

/// What happened to a case.
struct SimulatedCase {
  int64_t case_id = 0;
  std::vector<double> dice;  ///< of the networks' proposals, in the order of the round's networks
  double drawing_dice = 0;   ///< of a hurried drawing
  int64_t best = 0;          ///< which network the annotator takes for the best
  bool rejected = false;     ///< and draws instead
};

struct Simulation {
  Round round;
  SimulateOptions options;
  std::vector<SimulatedCase> cases;
  std::vector<SimulationRow> rows;        ///< networks, then the ways to combine them, then drawing
  std::string best_network;               ///< with the highest mean
  double gain = 0;                        ///< chosen or drawn, minus the best network: mean Dice
  std::optional<Interval> gain_interval;  ///< of the difference, over patients
  int64_t rejected = 0;
  int64_t machine_preferred = 0;  ///< cases whose best proposal looks better than a hurried drawing
  int64_t empty_references = 0;
  double seconds_by_hand = 0, seconds_with_networks = 0;
};

/// Plays the annotator of the last finished round by masks that the panel does not show: of a
/// stage-1 round by its manual masks, of a stage-2 round, whose cases have none in the project, by
/// those of options.references. Cases without a reference there are left out. It takes the proposal
/// with the highest Dice (plus noise), rejects it below tau and draws in a hurry. Writes
/// OUT/choices.csv, which `annotate choose` reads, with the drawn masks beside it, OUT/cases.csv,
/// OUT/simulation.json and OUT/simulation.md.
///
/// Degerli et al., arXiv 2009.12698, sec. on collaborative annotation; the paper asked doctors.
/// Differs: an annotator who knows the reference never errs, so with noise = 0 the quality is an
/// upper bound.
///
/// Throws Error(data) if the project has no finished round of the stage, if no case of it has a
/// reference, and as read_dataset() and read_case_mask() do.
Simulation simulate_annotation(AnnotationStore& store, const std::filesystem::path& output,
                               const SimulateOptions& options, int64_t threads,
                               Observer& observer = silent_observer());

nlohmann::ordered_json simulation_json(const Simulation& simulation, const AnnotationStore& store);

/// The table and the times, as Markdown.
std::string simulation_text(const Simulation& simulation);

}  // namespace groundglass
