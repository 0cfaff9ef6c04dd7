#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "groundglass/infer/graph/torchscript.h"
#include "groundglass/runs/classifier_run.h"
#include "groundglass/runs/trained_model.h"

namespace groundglass {

/// A network to hand on in one file, with what the file will say of it.
struct ExportedModel {
  std::string name;               ///< of the network in the catalog
  ModelPtr model;                 ///< in evaluation mode
  int64_t height = 0, width = 0;  ///< of the image it is made for, pixels
  double threshold = 0.5;
  ExportNotes notes;
};

/// A trained network with its recipe, threshold, temperature and the digest of its weights.
/// typical_of: a prepared set that it was trained on, of which the file notes what its images look
/// like; empty: what the weights know of that.
///
/// Throws as stored_temperature() does, and for the set as PreparedSet and check_set_fits() do.
ExportedModel trained_export(const TrainedModel& trained, const std::string& typical_of = "");

/// Writes a classifier as one weights file in half precision, with all its notes. Of a file that
/// its training began with the recipe keeps the name. typical_of: as for trained_export().
///
/// Throws Error(usage) for a file of another ending than .safetensors, and as PreparedSet and
/// check_set_fits() do.
void export_classifier(const TrainedClassifier& trained, const std::filesystem::path& file,
                       const std::string& typical_of = "");

/// A network of the catalog with weights drawn from `seed`: to check or time it elsewhere. Throws
/// Error(recipe) for a name that the catalog does not know.
ExportedModel untrained_export(const std::string& network, int64_t seed);

/// Writes it as the ending of the file says: .safetensors takes the weights in half precision,
/// .onnx and any other the graph that tracing finds, as ONNX or TorchScript with the wanted
/// outputs. What a graph's file says besides (shapes, outputs, classes) is added to the notes.
///
/// Throws as export_onnx() and export_torchscript() do, Error(data) if it cannot be written.
void export_model(ExportedModel& source, const std::filesystem::path& file, ExportOutput outputs);

}  // namespace groundglass
