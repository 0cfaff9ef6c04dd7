#pragma once

#include <fstream>
#include <map>
#include <optional>

#include "groundglass/predict/predict.h"

namespace groundglass {

/// Cases that are finished, one line each, written as they end; the memory of a killed prediction.
/// A journal of another model, threshold or set of options is begun anew.
class PredictJournal {
 public:
  PredictJournal(const PredictJob& job, const Segmenter& segmenter);

  /// The summary of an input that was finished earlier and has not changed since, if its output is
  /// still there.
  std::optional<CaseSummary> finished(const PredictInput& input) const;

  void add(const PredictInput& input, const CaseSummary& summary);

  /// All is done: the journal goes.
  void remove();

 private:
  std::filesystem::path path_, folder_;
  std::map<std::string, std::string> lines_;  // by stem: the line's text
  std::ofstream out_;
};

}  // namespace groundglass
