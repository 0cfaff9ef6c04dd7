#include "groundglass/predict/xray_detection.h"

#include <iomanip>
#include <sstream>

#include "groundglass/core/json.h"
#include "groundglass/core/text.h"
#include "groundglass/metrics/detection.h"

namespace groundglass {
using nlohmann::ordered_json;
namespace {

/// Two digits that count: cut-offs of classifiers lie close to 0 and to 1.
std::string two_digits(double value) {
  std::ostringstream text;
  text << std::setprecision(2) << value;
  return text.str();
}

/// How far a probability is from certainty matters at both ends.
std::string probability_text(double p) {
  return p > 0.9 ? fixed(p, 4) : two_digits(p);
}

}  // namespace

bool Detection::infected() const {
  return called_infected(probability, cutoff);
}

const char* decision(const Detection& d) {
  if (!d.trusted()) return "not trusted";
  return d.infected() ? "infected" : "not infected";
}

std::string detection_text(const Detection& d) {
  return "probability " + probability_text(d.probability) +
         (d.infected() ? ", at least its cut-off " : ", below its cut-off ") +
         probability_text(d.cutoff);
}

std::string detection_warning(const Detection& d, const MarkedArea& marked) {
  if (!d.trusted()) {
    return "looks unlike what the detector " + d.detector + " was trained on (" +
           two_digits(*d.typicality) + " times the limit); its decision (" + detection_text(d) +
           ") is not used, and marks are kept";
  }
  if (d.contradicts(marked.pixels)) {
    return "the detector " + d.detector + " finds infection (" + detection_text(d) +
           "), but the network marked nothing: the two disagree";
  }
  if (d.withheld_pixels == 0) return "";
  const double share =
      static_cast<double>(d.withheld_pixels) / static_cast<double>(marked.picture_pixels);
  const std::string percent = share < 0.0005 ? "less than 0.1" : fixed(100 * share, 1);
  return "the detector " + d.detector + " finds no infection (" + detection_text(d) +
         "): marks of " + percent + " % of the picture were withheld; " + kWithheldIsKeptBy;
}

ordered_json detection_json(const Detection& d) {
  return {{"name", d.detector},      {"probability", d.probability},
          {"cutoff", d.cutoff},      {"typicality", optional_json(d.typicality)},
          {"decision", decision(d)}, {"withheld_pixels", d.withheld_pixels}};
}

Detection detection_of(const ordered_json& j) {
  Detection d{j.at("name"), j.at("probability"), j.at("cutoff"), {}, j.at("withheld_pixels")};
  if (!j.at("typicality").is_null()) d.typicality = j.at("typicality").get<double>();
  return d;
}

}  // namespace groundglass
