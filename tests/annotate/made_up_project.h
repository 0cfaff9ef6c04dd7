#pragma once

#include "groundglass/annotate/cases.h"
#include "groundglass/annotate/final_masks.h"
#include "groundglass/annotate/panels.h"
#include "groundglass/annotate/project_files.h"
#include "groundglass/annotate/propose.h"
#include "groundglass/core/csv.h"
#include "groundglass/core/files.h"
#include "groundglass/io/picture.h"
#include "tests/scratch_folder.h"

namespace groundglass {

/// A label map of the made-up images, [40,48], with a square of side 12.
inline torch::Tensor square(int64_t top, int64_t left) {
  auto labels = torch::zeros({40, 48}, torch::kUInt8);
  labels.narrow(0, top, 12).narrow(1, left, 12).fill_(1);
  return labels;
}

/// A data set of pictures in a folder: case_0 .. with a square as manual mask each, the last
/// `unlabelled` without. Two cases belong to one patient.
inline std::filesystem::path write_made_up_set(const std::filesystem::path& folder,
                                               int64_t cases = 6, int64_t unlabelled = 2) {
  std::string table = csv_line({"image", "mask", "patient"});
  for (int64_t i = 0; i < cases; ++i) {
    const std::string name = "s/case_" + std::to_string(i);
    write_png(
        folder / (name + ".png"),
        (torch::arange(40 * 48).view({40, 48}) % 97 + 40 + square(10, 10) * 60).to(torch::kUInt8));
    const bool labelled = i < cases - unlabelled;
    if (labelled) write_png(folder / (name + "_mask.png"), square(10, 10) * 255);
    table += csv_line(
        {name + ".png", labelled ? name + "_mask.png" : "", "patient_" + std::to_string(i / 2)});
  }
  write_file(folder / "set.csv", table);
  return folder / "set.csv";
}

/// A project of the made-up set with a finished round of stage 1: "near" slips by one pixel (Dice
/// 0.917), "far" by eight (Dice 0.333).
struct MadeUpProject {
  ScratchFolder folder;
  AnnotationStore store;
  Round round;

  explicit MadeUpProject(uint64_t seed = 1) : store(begin(folder)) {
    round = propose(1, seed, {{"near", square(10, 11)}, {"far", square(10, 18)}});
  }

  static AnnotationStore begin(const ScratchFolder& folder) {
    const auto table = write_made_up_set(folder / "data");
    return AnnotationStore::create(folder / "project", {table.string(), {}},
                                   cases_of(read_dataset(table), {}, 1));
  }

  /// A finished round in which each network says the same of every case.
  Round propose(int64_t stage, uint64_t seed,
                const std::vector<std::pair<std::string, torch::Tensor>>& networks) {
    std::vector<std::string> names;
    for (const auto& [name, labels] : networks) names.push_back(name);
    const Round begun = store.begin_round(stage, seed, names);
    const auto cases = cases_of_stage(store, stage);
    for (const auto& [name, labels] : networks) {
      std::vector<Proposal> proposals;
      for (const auto& c : cases) {
        const auto file = std::filesystem::path("proposals") / name / (c.file + ".png");
        write_png(store.project() / file, stored_mask(labels, {}));
        proposals.push_back({0, c.id, name, file, "sha_of_" + name, 0.5});
      }
      store.add_proposals(begun.id, proposals);
    }
    store.finish_round(begun.id, shuffled_candidates(begun, cases, store.proposals(begun.id)));
    return store.rounds().back();
  }

  /// The letter under which a source stands in a case's panel.
  char letter(int64_t case_id, const std::string& source) {
    for (const auto& c : store.candidates(store.rounds().back().id)) {
      if (c.case_id == case_id && c.source == source) return c.letter;
    }
    return '?';
  }

  std::filesystem::path write_choices(const std::vector<std::vector<std::string>>& rows,
                                      const std::vector<std::string>& head = {"case", "choice",
                                                                              "mask", "seconds"}) {
    std::string text = csv_line(head);
    for (const auto& row : rows) text += csv_line(row);
    write_file(folder / "choices.csv", text);
    return folder / "choices.csv";
  }
};

}  // namespace groundglass
