#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "groundglass/core/events.h"
#include "groundglass/data/protocol.h"
#include "groundglass/recipe/study_file.h"
#include "groundglass/runs/run_settings.h"

namespace groundglass {

/// What a study is run with.
struct StudyJob {
  std::string data;              ///< data set, or prepared set
  std::string lung_data;         ///< cascades: prepared set with lung masks, if `data` is one
  std::filesystem::path output;  ///< folder; the same job goes on in it
  /// Nothing: what the recipes say; kinds of study whose recipes cannot say it are strict.
  std::optional<Protocol> protocol;
  int64_t epochs = 0;             ///< instead of the recipes'; 0 leaves them
  int64_t folds = 0;              ///< how many of the folds are run; 0 for all
  std::vector<std::string> rows;  ///< names of the rows to run; empty for all
  std::string command;            ///< that repeats it, for captions
  RunSettings settings;
};

/// What a study has found; the same stands in study.json and study.md of its folder.
struct StudyResult {
  nlohmann::ordered_json json;
  std::string text;  ///< its tables as Markdown
};

/// Trains the rows of a study, or reads back what is trained already, and writes its tables
/// (study.md, .csv, .json and .html) anew after each row.
StudyResult run_study(const StudyFile& study, const StudyJob& job, Observer& console);

/// Every row a recipe, cross-validated: loss studies, ablations, tables of networks.
StudyResult run_rows_study(const StudyFile& study, const StudyJob& job, Observer& console);

/// Every row a network that segments and, by "infected if any pixel is", detects: Tables I, III, IV
/// and V of Degerli et al., https://arxiv.org/abs/2009.12698.
StudyResult run_detection_study(const StudyFile& study, const StudyJob& job, Observer& console);

/// Every domain trained on, tested on every other before and after adaptation, and a row for each
/// option of [adapt]: Table II of paper 003 and what goes beyond it.
StudyResult run_adaptation_study(const StudyFile& study, const StudyJob& job, Observer& console);

}  // namespace groundglass
