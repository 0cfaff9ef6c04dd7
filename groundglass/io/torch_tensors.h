#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "groundglass/io/pickle.h"

namespace groundglass {

/// Puts the tensors of a PyTorch checkpoint together, from what its pickle says of them and the
/// bytes beside the pickle. Tensors are views of their storages, which may be shared.
///
/// PyTorch, torch/serialization.py and torch/_utils.py, are what writes such files.
///
/// Every number comes from the file: a shape or stride that reaches outside its storage, a storage
/// of another size than its bytes and a type that is not known are refused, as Error(checkpoint)
/// naming the file.
class TorchTensors {
 public:
  explicit TorchTensors(const std::filesystem::path& path) : path_(path) {}
  virtual ~TorchTensors() = default;
  TorchTensors(const TorchTensors&) = delete;
  TorchTensors& operator=(const TorchTensors&) = delete;

  /// What the pickle may ask for; valid as long as this object.
  PickleRules rules();

  /// Throws Error(checkpoint) with the name of the file in front.
  [[noreturn]] void refuse(const std::string& what) const;

 protected:
  /// The flat tensor of a storage that the pickle mentions for the first time.
  virtual torch::Tensor storage(const std::string& key, torch::ScalarType type, int64_t count) = 0;

  std::map<std::string, torch::Tensor> storages_;

 private:
  PickleValue call(const std::string& name, const std::vector<const PickleValue*>& arguments);
  PickleValue load(const PickleValue& id);
  torch::Tensor view(const torch::Tensor& flat, int64_t offset, const std::vector<int64_t>& shape,
                     const std::vector<int64_t>& strides) const;
  int64_t whole_number(const PickleValue& value) const;
  std::vector<int64_t> sizes(const PickleValue& value) const;

  const std::filesystem::path& path_;
};

/// Storages are entries of the zip archive, named `folder`data/KEY.
class ZippedTensors final : public TorchTensors {
 public:
  ZippedTensors(const std::filesystem::path& path,
                const std::map<std::string, std::string_view>& files, std::string folder)
      : TorchTensors(path), files_(files), folder_(std::move(folder)) {}

 private:
  torch::Tensor storage(const std::string& key, torch::ScalarType type, int64_t count) override;

  const std::map<std::string, std::string_view>& files_;
  std::string folder_;
};

/// Storages follow the pickles, in an order of their own, and are filled in later.
class TrailingTensors final : public TorchTensors {
 public:
  /// No more than `room` bytes of storages are believed.
  TrailingTensors(const std::filesystem::path& path, size_t room)
      : TorchTensors(path), room_(room) {}

  /// order: the list of keys; bytes: for each, the count of its numbers (64 bits), then the
  /// numbers.
  void fill(const PickleValue& order, std::string_view bytes);

 private:
  torch::Tensor storage(const std::string& key, torch::ScalarType type, int64_t count) override;

  size_t room_;
};

/// What to do with a file that cannot be read as it is; ends a message.
inline const std::string kSaveAgain =
    "; load it with the PyTorch that wrote it and save model.state_dict() again";

}  // namespace groundglass
