#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <nlohmann/json_fwd.hpp>

namespace groundglass {

/// How a warning ends that tells of marks which a detector withheld.
constexpr const char* kWithheldIsKeptBy = "--detector none keeps them";

/// What a detector says of one chest X-ray as a whole, and what became of the marks on it.
struct Detection {
  std::string detector;    ///< its name
  double probability = 0;  ///< that the X-ray is infected: the classifier's share of class 1
  double cutoff = 0.5;     ///< from which it is called infected
  /// Of the picture to the detector, see Typicality; nothing if it does not know.
  std::optional<double> typicality = {};
  int64_t withheld_pixels = 0;  ///< that the outliner marked and that were taken away

  /// As called_infected() says.
  bool infected() const;
  /// Whether its decision is used: not of a picture unlike those that it was trained on.
  bool trusted() const { return typicality.value_or(0) <= 1; }
  /// The rule: marks are withheld where a detector that is trusted finds no infection.
  bool keeps_marks() const { return infected() || !trusted(); }
  /// Whether a detector that is trusted finds infection where the outliner marked nothing.
  bool contradicts(int64_t marked_pixels) const {
    return trusted() && infected() && marked_pixels == 0;
  }
};

/// How much of a picture is marked at the end.
struct MarkedArea {
  int64_t pixels = 0;
  int64_t picture_pixels = 0;  ///< of the whole picture
};

/// "infected", "not infected" or "not trusted".
const char* decision(const Detection& detection);

/// "probability 0.034, below its cut-off 0.092", or "at least its cut-off".
std::string detection_text(const Detection& detection);

/// What there is to warn of: marks that were withheld, a picture unlike the detector's training, or
/// infection that the detector finds and nobody marked; empty for none of them.
std::string detection_warning(const Detection& detection, const MarkedArea& marked);

/// As summary.json and detect.json have it, and back. Reading throws nlohmann's exceptions for what
/// is none.
nlohmann::ordered_json detection_json(const Detection& detection);
Detection detection_of(const nlohmann::ordered_json& document);

}  // namespace groundglass
