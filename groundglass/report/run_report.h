#pragma once

#include <string>
#include <vector>

#include "groundglass/core/events.h"
#include "groundglass/evaluate/cross_validation.h"

namespace groundglass {

/// A picture for a page: PNG bytes and a caption.
struct ReportPicture {
  std::string png, caption;
};

/// One training as its page shows it.
struct ReportedFold {
  std::string name;  ///< "fold_0", or "run"
  std::vector<EpochDone> history;
  FoldScores scores;                 ///< without items if the fold was not tested yet
  std::vector<ReportPicture> cases;  ///< best, median and worst
};

struct RunReport {
  std::string title, recipe, environment;
  std::vector<ReportedFold> folds;
  std::vector<std::string> class_names = {};  ///< of classes 1, 2, ..; empty for their numbers
};

/// Curves, tables over folds and domains, best, median and worst cases, recipe and environment, as
/// one self-contained page.
std::string run_report_html(const RunReport& report);

/// Test rows with the best, the median and the worst Dice among those with a lesion.
std::vector<std::pair<std::string, const ScoredItem*>> telling_items(
    const std::vector<ScoredItem>& items);

}  // namespace groundglass
