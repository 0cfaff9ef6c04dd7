#pragma once

#include <filesystem>

#include "groundglass/io/safetensors.h"

namespace groundglass {

/// Reads the weights of a Keras HDF5 file (.h5, .hdf5): what Model.save_weights or Model.save wrote
/// with Keras 1 and 2, tf.keras, or Keras 3 when asked for the older format. No layer is built and
/// nothing in the file is run.
///
/// keras/saving/hdf5_format.py is what writes such files: attributes layer_names and weight_names
/// (cut in pieces when they are long), one group for a layer, one data set for a weight.
/// Differs: optimiser states and the network's description are not read. Files of Keras 3
/// (.weights.h5, .keras) are recognised and refused, since they number the layers anew.
///
/// returns tensors named "<layer>/<weight>", e.g. "conv1/conv/kernel", in Keras' own layout
/// (kernels
///         [h,w,in,out]), as float32, float64 or int64; the name of a session (":0", "_1/") is cut
///         away. metadata is empty.
/// throws  Error(checkpoint) naming the file and what was found: not there, not HDF5, truncated, a
///         Keras 3 file, a layer without its weights.
TensorArchive read_keras_h5(const std::filesystem::path& path);

}  // namespace groundglass
