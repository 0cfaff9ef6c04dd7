#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "groundglass/io/dicom_patient.h"

namespace groundglass {

/// What is compared: a volume in HU by ml, or a chest X-ray by cm2 and by shares of its lungs.
enum class ComparedImage { ct, xray };

/// What compare knows of one study of a patient; nothing or "" for what its source does not say.
struct ComparedStudy {
  std::filesystem::path path;
  std::string input;  ///< the images, as a result folder names them; else the path
  std::optional<StudyOfPatient> patient = {};
  double lesion_ml = 0;  ///< of a CT
  std::optional<double> lung_ml = {}, share_percent = {}, score = {};
  std::vector<std::pair<std::string, double>> region_percent = {};  ///< "right upper", 12.5
  std::vector<std::pair<std::string, double>> lobe_percent = {};    ///< of result folders
  std::optional<double> lobe_score = {};
  std::string lobes_from = {};  ///< who said where the lobes lie; "" without lobes
  std::string lungs = {};       ///< who said what lung is: "threshold", "ct_lungs"
  std::string weights = {};     ///< first 16 digits of their SHA-256
  std::string version = {};     ///< of the program
  std::string threshold = {};   ///< of result folders
  Acquisition acquisition = {};
  int64_t warnings = 0;  ///< that the source has of its own
  ComparedImage image = ComparedImage::ct;
  std::optional<double> lesion_cm2 = {}, lung_cm2 = {};  ///< of an X-ray
  std::string no_score = {};  ///< of an X-ray: why its lungs have no score; "" if they have one
};

/// Reads an output folder of predict with one volume or one chest X-ray, a structured report (TID
/// 1500, of any maker that gives volumes in ml, cm3 or mm3), or a segmentation of lesions, whose
/// voxels are counted. Throws Error(data) with the reason if it is none of these or holds no
/// volume.
ComparedStudy read_compared_study(const std::filesystem::path& path);

/// Whether a case of summary.json is a volume in HU or a chest X-ray; nothing for other images.
std::optional<ComparedImage> compared_image(const nlohmann::ordered_json& found);

/// What results say of one volume in HU or chest X-ray, but for its patient.
///
/// document  weights_sha256, version and threshold, as summary.json has them
/// found     its case, of which compared_image() knows the kind
ComparedStudy compared_study_of(const nlohmann::ordered_json& document,
                                const nlohmann::ordered_json& found);

}  // namespace groundglass
