#pragma once

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "groundglass/io/dicom_identity.h"
#include "groundglass/io/dicom_seg.h"
#include "groundglass/io/dicom_series.h"
#include "tests/io/dicom_samples.h"

namespace groundglass {

/// What a shell command prints, both streams together.
inline std::string printed_by(const std::string& command) {
  std::string text;
  FILE* pipe = popen((command + " 2>&1").c_str(), "r");
  for (int c = 0; pipe != nullptr && (c = fgetc(pipe)) != EOF;) text += static_cast<char>(c);
  if (pipe != nullptr) pclose(pipe);
  return text;
}

inline bool is_installed(const std::string& program) {
  return std::system(("command -v " + program + " > /dev/null 2>&1").c_str()) == 0;
}

/// The lines in which dicom3tools' dciodvfy finds an error; expected to be none. Also none where
/// it is not installed, which DicomSeg.ConformsAsDciodvfySeesIt says.
inline std::string errors_in(const std::filesystem::path& object) {
  if (!is_installed("dciodvfy")) return "";
  return printed_by("dciodvfy '" + object.string() + "' 2>&1 | grep -a '^Error'");
}

inline DicomMaker sample_maker() {
  DicomMaker maker;
  maker.model = "bright";
  maker.weights_sha256 = std::string(64, 'a');
  maker.options = "threshold 0.5";
  maker.date = "20260131";
  maker.time = "081500";
  return maker;
}

/// The files of a series in the order along their normal.
inline std::vector<std::filesystem::path> files_in_order(const std::filesystem::path& series) {
  std::vector<std::filesystem::path> files;
  const auto reader = open_dicom_series(series);
  for (const auto& slice : reader->slices()) files.push_back(slice.path);
  return files;
}

/// Class numbers 0 to 2 in no pattern, none in the first and the last slice.
inline std::vector<uint8_t> sample_labels(int64_t depth, int64_t pixels) {
  std::vector<uint8_t> labels(static_cast<size_t>(depth * pixels), 0);
  uint32_t state = 7;
  for (int64_t at = pixels; at < (depth - 1) * pixels; ++at) {
    state = state * 1664525U + 1013904223U;
    labels[static_cast<size_t>(at)] = static_cast<uint8_t>((state >> 24) % 3);
  }
  return labels;
}

/// Writes class numbers as a segmentation of two classes, or one.
inline DicomObject write_segmentation(const std::filesystem::path& series,
                                      const std::vector<uint8_t>& labels,
                                      const std::filesystem::path& folder, const std::string& name,
                                      size_t classes = 2,
                                      const DicomMaker& maker = sample_maker()) {
  const DicomSource source(files_in_order(series));
  SegmentFrames frames(source.rows(), source.columns(), classes);
  const auto pixels = static_cast<size_t>(source.rows() * source.columns());
  for (size_t k = 0; k < source.images().size(); ++k) frames.add_slice(labels.data() + k * pixels);
  std::vector<SegmentMeaning> meanings = {lesion_meaning("ground glass"),
                                          lesion_meaning("consolidation")};
  if (classes == 1) meanings = {lesion_meaning("Lung infection")};
  auto object = dicom_segmentation(source, frames, meanings, maker);
  return save_object(object, "seg", folder, name);
}

}  // namespace groundglass
