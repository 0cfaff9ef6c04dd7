#include "groundglass/io/keras_h5.h"

#include <hdf5.h>

#include <numeric>
#include <set>
#include <vector>

#include "groundglass/core/error.h"
#include "groundglass/core/text.h"

namespace groundglass {
namespace {

/// An open thing of the HDF5 library, closed at the end.
class Handle {
 public:
  using Close = herr_t (*)(hid_t);
  Handle(hid_t id, Close close) : id_(id), close_(close) {}
  ~Handle() {
    if (id_ >= 0) close_(id_);
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

  operator hid_t() const { return id_; }
  bool ok() const { return id_ >= 0; }

 private:
  hid_t id_;
  Close close_;
};

/// The library prints every failure to stderr unless told not to; ours become exceptions.
class QuietErrors {
 public:
  QuietErrors() {
    H5Eget_auto2(H5E_DEFAULT, &function_, &data_);
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  }
  ~QuietErrors() { H5Eset_auto2(H5E_DEFAULT, function_, data_); }
  QuietErrors(const QuietErrors&) = delete;
  QuietErrors& operator=(const QuietErrors&) = delete;

 private:
  H5E_auto2_t function_ = nullptr;
  void* data_ = nullptr;
};

/// "kernel" of "conv1_2/kernel:0".
std::string last_word(const std::string& weight) {
  const size_t slash = weight.rfind('/');
  const std::string word = slash == std::string::npos ? weight : weight.substr(slash + 1);
  return word.substr(0, word.rfind(':'));
}

class KerasFile {
 public:
  explicit KerasFile(const std::filesystem::path& path)
      : path_(path), file_(H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), H5Fclose) {
    if (!file_.ok()) refuse("not an HDF5 file, or a truncated one");
  }

  TensorArchive read() const {
    const bool whole_model = H5Lexists(file_, "model_weights", H5P_DEFAULT) > 0;
    const Handle root(H5Gopen2(file_, whole_model ? "model_weights" : "/", H5P_DEFAULT), H5Gclose);
    if (!root.ok()) refuse("its group of weights cannot be opened: damaged");
    if (!has_list(root, "layer_names")) refuse_without_layers();
    TensorArchive archive;
    for (const auto& layer : list(root, "layer_names")) read_layer(root, layer, archive);
    if (archive.tensors.empty()) refuse("no weights in it: none of its layers has any");
    return archive;
  }

 private:
  [[noreturn]] void refuse(const std::string& what) const {
    fail(ErrorKind::checkpoint, path_.string() + ": " + what);
  }
  [[noreturn]] void refuse_without_layers() const {
    for (const char* name : {"layers", "_layer_checkpoint_dependencies"}) {
      if (H5Lexists(file_, name, H5P_DEFAULT) > 0) {
        refuse(
            "a .weights.h5 file of Keras 3, expected the older layout; load the model there and "
            "save it with model.save('NAME.h5')");
      }
    }
    refuse("an HDF5 file without the attribute layer_names, expected weights that Keras saved");
  }

  static bool has_list(hid_t group, const std::string& name) {
    return H5Aexists(group, name.c_str()) > 0 || H5Aexists(group, (name + "0").c_str()) > 0;
  }

  /// An attribute of names; more than 64 KiB of them are cut into NAME0, NAME1, ...
  std::vector<std::string> list(hid_t group, const std::string& name) const {
    if (H5Aexists(group, name.c_str()) > 0) return texts(group, name);
    std::vector<std::string> all;
    for (int i = 0; H5Aexists(group, (name + std::to_string(i)).c_str()) > 0; ++i) {
      for (auto& text : texts(group, name + std::to_string(i))) all.push_back(std::move(text));
    }
    return all;
  }

  std::vector<std::string> texts(hid_t group, const std::string& name) const {
    const Handle attribute(H5Aopen(group, name.c_str(), H5P_DEFAULT), H5Aclose);
    const Handle type(H5Aget_type(attribute), H5Tclose);
    const Handle space(H5Aget_space(attribute), H5Sclose);
    const hssize_t count = space.ok() ? H5Sget_simple_extent_npoints(space) : -1;
    if (count == 0) return {};  // a layer without weights has an empty list of no particular type
    if (count < 0 || H5Tget_class(type) != H5T_STRING) {
      refuse("its attribute " + in_quotes(name) + " is no list of names: damaged");
    }
    return H5Tis_variable_str(type) > 0 ? free_texts(attribute, type, space, name, count)
                                        : fixed_texts(attribute, type, name, count);
  }

  std::vector<std::string> fixed_texts(hid_t attribute, hid_t type, const std::string& name,
                                       hssize_t count) const {
    const size_t width = H5Tget_size(type);
    std::vector<char> raw(width * static_cast<size_t>(count));
    if (H5Aread(attribute, type, raw.data()) < 0) refuse_attribute(name);
    std::vector<std::string> all;
    for (size_t i = 0; i < raw.size(); i += width) {
      const std::string text(raw.data() + i, width);
      all.push_back(text.substr(0, text.find('\0')));
    }
    return all;
  }

  std::vector<std::string> free_texts(hid_t attribute, hid_t type, hid_t space,
                                      const std::string& name, hssize_t count) const {
    std::vector<char*> raw(static_cast<size_t>(count), nullptr);
    if (H5Aread(attribute, type, raw.data()) < 0) refuse_attribute(name);
    std::vector<std::string> all;
    for (const char* text : raw) all.emplace_back(text == nullptr ? "" : text);
    H5Dvlen_reclaim(type, space, H5P_DEFAULT, raw.data());
    return all;
  }

  [[noreturn]] void refuse_attribute(const std::string& name) const {
    refuse("its attribute " + in_quotes(name) + " cannot be read: damaged");
  }

  void read_layer(hid_t root, const std::string& layer, TensorArchive& archive) const {
    const Handle group(H5Gopen2(root, layer.c_str(), H5P_DEFAULT), H5Gclose);
    if (!group.ok()) refuse("its layer " + in_quotes(layer) + " is missing: damaged");
    if (!has_list(group, "weight_names")) {
      refuse("its layer " + in_quotes(layer) + " does not name its weights: damaged");
    }
    const auto weights = list(group, "weight_names");
    std::set<std::string> words;
    for (const auto& weight : weights) words.insert(last_word(weight));
    // A layer that is a model of its own has many weights of one last word: they keep their names.
    const bool is_model = words.size() < weights.size();
    for (const auto& weight : weights) {
      archive.tensors[layer + "/" + (is_model ? weight : last_word(weight))] =
          data_set(group, layer, weight);
    }
  }

  torch::Tensor data_set(hid_t group, const std::string& layer, const std::string& weight) const {
    const std::string name = in_quotes(weight) + " of layer " + in_quotes(layer);
    const Handle data(H5Dopen2(group, weight.c_str(), H5P_DEFAULT), H5Dclose);
    if (!data.ok()) refuse("its weight " + name + " is missing: damaged");
    const Handle type(H5Dget_type(data), H5Tclose);
    const Handle space(H5Dget_space(data), H5Sclose);
    const int axes = H5Sget_simple_extent_ndims(space);
    if (axes < 0) refuse("its weight " + name + " has no shape: damaged");
    std::vector<hsize_t> dims(static_cast<size_t>(axes));
    H5Sget_simple_extent_dims(space, dims.data(), nullptr);
    constexpr double kMost = 1u << 30;
    if (std::accumulate(dims.begin(), dims.end(), 1.0, std::multiplies<>()) > kMost) {
      refuse("its weight " + name + " has more than 2^30 numbers: damaged");
    }
    const H5T_class_t kind = H5Tget_class(type);
    if (kind != H5T_FLOAT && kind != H5T_INTEGER)
      refuse("its weight " + name + " holds no numbers");
    const bool wide = H5Tget_size(type) > 4;
    const auto [ours, theirs] = kind == H5T_INTEGER ? std::pair(torch::kInt64, H5T_NATIVE_INT64)
                                : wide              ? std::pair(torch::kFloat64, H5T_NATIVE_DOUBLE)
                                                    : std::pair(torch::kFloat32, H5T_NATIVE_FLOAT);
    auto tensor = torch::empty(std::vector<int64_t>(dims.begin(), dims.end()), ours);
    if (H5Dread(data, theirs, H5S_ALL, H5S_ALL, H5P_DEFAULT, tensor.data_ptr()) < 0) {
      refuse("its weight " + name + " cannot be read: truncated or damaged");
    }
    return tensor;
  }

  const std::filesystem::path& path_;
  Handle file_;
};

}  // namespace

TensorArchive read_keras_h5(const std::filesystem::path& path) {
  if (!std::filesystem::is_regular_file(path)) {
    fail(ErrorKind::checkpoint, path.string() + ": no such file");
  }
  const QuietErrors quiet;
  return KerasFile(path).read();
}

}  // namespace groundglass
