#pragma once

#include <map>
#include <string>
#include <vector>

#include "groundglass/data/protocol.h"
#include "groundglass/evaluate/detection.h"

namespace groundglass {

/// A table as text, to be written as Markdown or shown on a page.
struct TextTable {
  std::string title, note;
  std::vector<std::string> head;
  std::vector<std::vector<std::string>> rows;
};

std::string to_markdown(const TextTable& table);

/// What Degerli et al. print, by the name of the recipe; shares in [0,1].
struct PrintedDetection {
  std::map<std::string, std::vector<double>> segmentation;  ///< Table I: seven scores
  std::map<std::string, std::vector<double>> detection;     ///< Table III: six scores
  std::map<std::string, std::vector<double>> confusion;     ///< Table IV: TN, FP, FN, TP
  std::map<std::string, std::vector<double>> ms;            ///< Table V: ms per sample
};

/// Tables I, III, IV and the timings of Table V, ours beside the paper's: the paper's intervals in
/// the tables, correct ones (Wilson's over images, bootstrapped over patients) in tables of their
/// own.
struct DetectionTables {
  std::vector<TextTable> tables;
  std::string csv;  ///< table, recipe, score, ours, printed, half_width, low and high
  nlohmann::ordered_json json;
};

/// Rows stand in the given order.
DetectionTables detection_tables(const std::vector<DetectionRow>& rows,
                                 const PrintedDetection& printed, Protocol protocol);

}  // namespace groundglass
