#pragma once

#include <filesystem>

#include "groundglass/io/safetensors.h"

namespace groundglass {

/// Reads the weights of a PyTorch checkpoint (.pth, .pt, .bin, .pth.tar): what torch.save wrote of
/// a state_dict, alone or under "state_dict", "model_state_dict", "model" or "net" of a dict.
///
/// Both formats are read: the zip archive of PyTorch 1.6 and later, and the row of pickles that
/// 0.2 to 1.5 wrote. Nothing in the file is run: its pickle is read by an interpreter that knows
/// plain data, storages and the three functions that put a tensor together, and refuses every other
/// name.
/// Differs: from torch.load in what it refuses: whole modules, TorchScript programs, sparse and
/// quantised tensors, big-endian files, and the tar archives of PyTorch 0.1.
///
/// returns tensors in the types and shapes of the file (half stays half). Tensors that share a
///         storage there share it here; strides are kept, so a tensor need not be contiguous.
///         metadata is empty.
/// throws  Error(checkpoint) naming the file, what was found and what to do: not there, truncated,
///         damaged, another format, or a name that is not known.
TensorArchive read_torch_checkpoint(const std::filesystem::path& path);

}  // namespace groundglass
