#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "groundglass/infer/graph/trace.h"

namespace groundglass {

/// What a network's file says about it, e.g. "recipe" or "threshold"; values are text.
using ExportNotes = std::map<std::string, std::string>;

/// Writes a TorchScript archive that Python (torch.jit.load) and LibTorch (torch::jit::load) read
/// without this program. `forward` takes the image and returns the output, or a tuple of several;
/// `state_dict()` has the names of the checkpoint. The notes are the module's attribute `notes`
/// (Dict[str, str]) and, each by itself, extra files of the archive.
///
/// throws Error(data) with the reason of the system if the file cannot be written.
void export_torchscript(const TracedModel& traced, const std::filesystem::path& path,
                        const ExportNotes& notes);

}  // namespace groundglass
