#pragma once

#include <filesystem>
#include <string>

#include "groundglass/infer/graph/torchscript.h"
#include "groundglass/infer/graph/trace.h"

namespace groundglass {

/// Writes an ONNX model: opset 17, IR version 8, weights as initializers under the names of the
/// checkpoint. Input "image"; outputs as the trace names them. The axes that may vary are called
/// batch, height and width; the notes are the model's metadata.
///
/// ONNX, https://onnx.ai; Open Neural Network Exchange, operators of opset 17.
/// Differs: ONNX cannot say that height and width must be multiples of a number; the note
/// "image" does.
///
/// throws Error(usage) naming an operator that has no counterpart and its place in the network,
/// Error(data) if the file cannot be written.
void export_onnx(const TracedModel& traced, const std::filesystem::path& path,
                 const ExportNotes& notes);

/// The model as bytes of the protobuf message.
std::string onnx_bytes(const TracedModel& traced, const ExportNotes& notes);

}  // namespace groundglass
