#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "groundglass/predict/severity.h"

namespace groundglass {

/// The scale of chest X-rays: two lungs of 0 to 4 points, see xray_points().
constexpr const char* kScaleOfXrays = "two lungs";

/// What lies at the left edge of a picture.
enum class PictureLeft {
  right_as_told,  ///< the patient's right, as PatientOrientation says
  right_as_hung,  ///< the same, since X-rays are hung so; nothing says it
  left_as_told,   ///< the patient's left: the picture is mirrored
  turned,         ///< neither: it is turned, or no frontal view
};

/// By the PatientOrientation of an X-ray, "L\F"; an empty one says nothing.
PictureLeft picture_left(const std::string& patient_orientation);

/// The masks of one chest X-ray, row by row.
struct XrayMasks {
  int64_t height = 0, width = 0;
  std::vector<uint8_t> lungs;    ///< not 0: lung
  std::vector<uint8_t> lesions;  ///< not 0: infected
  bool sides_told = false;       ///< 1 is the right lung and 2 the left
};

/// The two lungs, 0 to 8, and what was found of them.
struct XraySeverity {
  Severity severity;  ///< regions in pixels
  /// Infected pixels of the lungs / all pixels of them; nothing without lungs.
  std::optional<double> lung_share = {};
  std::optional<double> outside_share = {};  ///< of the infected pixels; nothing without any
};

/// Pieces of lung below a twentieth of the largest are left out. Right and left are told apart by
/// the emptiest column in the middle third of the lungs. Infected pixels outside the lungs are not
/// counted.
///
/// No score, with the reason, where no lungs or one alone was found, where the two cannot be told
/// apart (the column holds a quarter or more of a lung's tallest one), where the picture is turned,
/// or where a tenth or more of an edge of the picture is lung: they are cut off.
XraySeverity severity_of_xray(const XrayMasks& masks, PictureLeft left);

}  // namespace groundglass
