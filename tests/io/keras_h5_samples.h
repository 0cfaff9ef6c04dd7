#pragma once

#include <hdf5.h>

#include <cstring>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <torch/types.h>

// Keras' weight files as h5py writes them, through the HDF5 library itself.
// tools/check_imports compares with files of the real h5py.
namespace groundglass::samples {

struct KerasLayer {
  std::string name;
  std::vector<std::pair<std::string, torch::Tensor>> weights;  ///< e.g. "conv/kernel:0"
};

enum class TextKind { fixed, variable };

struct KerasChoices {
  std::string group = "";  ///< "model_weights" for a whole model
  TextKind texts = TextKind::fixed;
  bool in_pieces = false;  ///< layer_names0, layer_names1, as for very many layers
};

inline void write_list(hid_t group, const std::string& name, const std::vector<std::string>& texts,
                       TextKind kind) {
  const hsize_t count = texts.size();
  const hid_t type = H5Tcopy(H5T_C_S1);
  size_t width = 1;
  for (const auto& text : texts) width = std::max(width, text.size());
  H5Tset_size(type, kind == TextKind::variable ? H5T_VARIABLE : width);
  const hid_t space = H5Screate_simple(1, &count, nullptr);
  const hid_t attribute = H5Acreate2(group, name.c_str(), type, space, H5P_DEFAULT, H5P_DEFAULT);
  if (texts.empty()) {
    // an attribute without items has nothing to write
  } else if (kind == TextKind::variable) {
    std::vector<const char*> pointers;
    for (const auto& text : texts) pointers.push_back(text.c_str());
    H5Awrite(attribute, type, pointers.data());
  } else {
    std::vector<char> raw(width * texts.size() + 1, '\0');
    for (size_t i = 0; i < texts.size(); ++i) {
      std::memcpy(raw.data() + i * width, texts[i].data(), texts[i].size());
    }
    H5Awrite(attribute, type, raw.data());
  }
  H5Aclose(attribute);
  H5Sclose(space);
  H5Tclose(type);
}

/// Makes the groups on the way: "conv1/conv" is two of them.
inline hid_t make_groups() {
  const hid_t properties = H5Pcreate(H5P_LINK_CREATE);
  H5Pset_create_intermediate_group(properties, 1);
  return properties;
}

inline void write_data_set(hid_t group, const std::string& name, const torch::Tensor& tensor) {
  const auto values = tensor.contiguous();
  const std::vector<hsize_t> dims(values.sizes().begin(), values.sizes().end());
  const hid_t type = values.scalar_type() == torch::kFloat64 ? H5T_NATIVE_DOUBLE
                     : values.scalar_type() == torch::kInt64 ? H5T_NATIVE_INT64
                                                             : H5T_NATIVE_FLOAT;
  const hid_t space = H5Screate_simple(static_cast<int>(dims.size()), dims.data(), nullptr);
  const hid_t properties = make_groups();
  const hid_t data =
      H5Dcreate2(group, name.c_str(), type, space, properties, H5P_DEFAULT, H5P_DEFAULT);
  H5Dwrite(data, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data_ptr());
  H5Dclose(data);
  H5Pclose(properties);
  H5Sclose(space);
}

inline void write_keras_h5(const std::filesystem::path& path, const std::vector<KerasLayer>& layers,
                           const KerasChoices& choices = {}) {
  const hid_t file = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  const hid_t properties = make_groups();
  const hid_t root = choices.group.empty() ? H5Gopen2(file, "/", H5P_DEFAULT)
                                           : H5Gcreate2(file, choices.group.c_str(), properties,
                                                        H5P_DEFAULT, H5P_DEFAULT);
  std::vector<std::string> names;
  for (const auto& layer : layers) names.push_back(layer.name);
  if (choices.in_pieces) {
    for (size_t i = 0; i < names.size(); ++i) {
      write_list(root, "layer_names" + std::to_string(i), {names[i]}, choices.texts);
    }
  } else {
    write_list(root, "layer_names", names, choices.texts);
  }
  for (const auto& layer : layers) {
    const hid_t group = H5Gcreate2(root, layer.name.c_str(), properties, H5P_DEFAULT, H5P_DEFAULT);
    std::vector<std::string> weights;
    for (const auto& [name, tensor] : layer.weights) {
      weights.push_back(name);
      write_data_set(group, name, tensor);
    }
    write_list(group, "weight_names", weights, choices.texts);
    H5Gclose(group);
  }
  H5Gclose(root);
  H5Pclose(properties);
  H5Fclose(file);
}

}  // namespace groundglass::samples
