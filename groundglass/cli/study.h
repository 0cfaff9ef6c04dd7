#pragma once

#include <string>
#include <vector>

#include "groundglass/cli/context.h"
#include "groundglass/recipe/study_file.h"

namespace groundglass {

/// What `groundglass study` is given besides what every verb understands.
struct StudyArguments {
  std::string file, data, lung_data, output;
  std::string mode;               ///< 'paper', 'strict', or empty for what the recipes say
  int64_t epochs = 0;             ///< instead of the recipes'; 0 leaves them
  int64_t folds = 0;              ///< how many of the folds are run; 0 for all
  std::vector<std::string> rows;  ///< names of the rows to run; empty for all

  /// The command line, for captions.
  std::string command(const Context& context) const;
};

/// Every row a recipe, cross-validated: loss studies, ablations, tables of networks.
void run_rows_study(const StudyFile& study, const StudyArguments& a, const Context& context);

/// Every row a network that segments and, by "infected if any pixel is", detects: Tables I, III, IV
/// and V of Degerli et al., https://arxiv.org/abs/2009.12698.
void run_detection_study(const StudyFile& study, const StudyArguments& a, const Context& context);

/// Every domain trained on, tested on every other before and after adaptation, and a row for each
/// option of [adapt]: Table II of paper 003 and what goes beyond it.
void run_adaptation_study(const StudyFile& study, const StudyArguments& a, const Context& context);

}  // namespace groundglass
