#include "groundglass/io/torch_tensors.h"

#include <algorithm>
#include <cstring>

#include "groundglass/core/error.h"
#include "groundglass/core/text.h"

namespace groundglass {
namespace {

using Kind = PickleValue::Kind;

const std::map<std::string, torch::ScalarType> kStorageTypes = {
    {"torch.DoubleStorage", torch::kFloat64}, {"torch.FloatStorage", torch::kFloat32},
    {"torch.HalfStorage", torch::kFloat16},   {"torch.BFloat16Storage", torch::kBFloat16},
    {"torch.LongStorage", torch::kInt64},     {"torch.IntStorage", torch::kInt32},
    {"torch.ShortStorage", torch::kInt16},    {"torch.CharStorage", torch::kInt8},
    {"torch.ByteStorage", torch::kUInt8},     {"torch.BoolStorage", torch::kBool},
};
const std::string kParameter = "torch._utils._rebuild_parameter";
const std::string kTensor = "torch._utils._rebuild_tensor_v2";
const std::string kFirstTensor = "torch._utils._rebuild_tensor";  // PyTorch 0.2 and 0.3

PickleValue value_of(const torch::Tensor& tensor) {
  return {Kind::tensor, 0, 0, "", {}, tensor};
}

}  // namespace

PickleRules TorchTensors::rules() {
  return {[](const std::string& name) {
            return kStorageTypes.count(name) > 0 || name == kParameter || name == kTensor ||
                   name == kFirstTensor;
          },
          [this](const std::string& name, const PickleValue& arguments) {
            return call(name, arguments.items);
          },
          [this](const PickleValue& id) { return load(id); },
          [this](const std::string& complaint) { refuse(complaint); }};
}

void TorchTensors::refuse(const std::string& what) const {
  fail(ErrorKind::checkpoint, path_.string() + ": " + what);
}

PickleValue TorchTensors::call(const std::string& name,
                               const std::vector<const PickleValue*>& arguments) {
  if (kStorageTypes.count(name) > 0) refuse("its pickle makes a storage of its own: damaged");
  if (arguments.empty() || arguments[0]->kind != Kind::tensor) {
    refuse("its pickle puts a tensor together from no storage: damaged");
  }
  if (name == kParameter) return value_of(arguments[0]->tensor);
  if (arguments.size() < 4) refuse("its pickle says too little of a tensor: damaged");
  return value_of(view(arguments[0]->tensor, whole_number(*arguments[1]), sizes(*arguments[2]),
                       sizes(*arguments[3])));
}

int64_t TorchTensors::whole_number(const PickleValue& value) const {
  if (value.kind != Kind::integer || value.integer < 0) {
    refuse("its pickle has " + value.what() + " where a size should be: damaged");
  }
  return value.integer;
}

std::vector<int64_t> TorchTensors::sizes(const PickleValue& value) const {
  constexpr size_t kMostAxes = 32;
  if (value.kind != Kind::tuple || value.items.size() > kMostAxes) {
    refuse("its pickle has a tensor without a shape: damaged");
  }
  std::vector<int64_t> all;
  for (const PickleValue* item : value.items) all.push_back(whole_number(*item));
  return all;
}

torch::Tensor TorchTensors::view(const torch::Tensor& flat, int64_t offset,
                                 const std::vector<int64_t>& shape,
                                 const std::vector<int64_t>& strides) const {
  // Sums of products that the file chose: watched for overflow.
  int64_t last = offset, count = 1;
  bool fits = shape.size() == strides.size();
  for (size_t i = 0; fits && i < shape.size(); ++i) {
    int64_t step = 0;
    fits = !__builtin_mul_overflow(count, shape[i], &count) &&
           !__builtin_mul_overflow(std::max<int64_t>(shape[i] - 1, 0), strides[i], &step) &&
           !__builtin_add_overflow(last, step, &last);
  }
  if (fits && count == 0) return torch::empty(shape, flat.options());
  if (!fits || last >= flat.numel() || count > flat.numel()) {
    refuse("its pickle describes a tensor that reaches outside its storage: damaged");
  }
  return flat.as_strided(shape, strides, offset);
}

PickleValue TorchTensors::load(const PickleValue& id) {
  const auto& items = id.items;
  if (id.kind != Kind::tuple || items.empty()) {
    refuse("its pickle asks for a storage without saying which: damaged");
  }
  if (items[0]->text == "module") {
    refuse("it holds a whole module, expected a state_dict" + kSaveAgain);
  }
  if (items[0]->text != "storage" || items.size() < 5 || items[2]->kind != Kind::text ||
      kStorageTypes.count(items[1]->text) == 0) {
    refuse("its pickle asks for a storage in words that are not known: damaged");
  }
  if (items.size() > 5 && items[5]->kind != Kind::none) {
    refuse("it holds a storage that is part of another" + kSaveAgain);
  }
  const std::string& key = items[2]->text;
  const auto type = kStorageTypes.at(items[1]->text);
  const int64_t count = whole_number(*items[4]);
  auto& known = storages_[key];
  if (!known.defined()) known = storage(key, type, count);
  if (known.scalar_type() != type || known.numel() != count) {
    refuse("its storage " + in_quotes(key) + " is described in two ways: damaged");
  }
  return value_of(known);
}

torch::Tensor ZippedTensors::storage(const std::string& key, torch::ScalarType type,
                                     int64_t count) {
  const auto found = files_.find(folder_ + "data/" + key);
  if (found == files_.end()) refuse("its storage " + in_quotes(key) + " is missing: damaged");
  const size_t size = torch::elementSize(type), bytes = found->second.size();
  if (bytes % size != 0 || bytes / size != static_cast<uint64_t>(count)) {
    refuse("its storage " + in_quotes(key) + " has " + std::to_string(bytes) + " bytes, expected " +
           std::to_string(count) + " numbers of " + std::to_string(size) + ": damaged");
  }
  auto flat = torch::empty({count}, type);
  if (count > 0) std::memcpy(flat.data_ptr(), found->second.data(), bytes);
  return flat;
}

torch::Tensor TrailingTensors::storage(const std::string& key, torch::ScalarType type,
                                       int64_t count) {
  const size_t size = torch::elementSize(type);
  if (static_cast<uint64_t>(count) > room_ / size) {
    refuse("its storage " + in_quotes(key) + " is larger than the file: truncated or damaged");
  }
  room_ -= static_cast<size_t>(count) * size;
  return torch::empty({count}, type);
}

void TrailingTensors::fill(const PickleValue& order, std::string_view bytes) {
  if (order.kind != Kind::list || order.items.size() != storages_.size()) {
    refuse("its list of storages is not that of its pickle: damaged");
  }
  for (const PickleValue* key : order.items) {
    const auto found = storages_.find(key->text);
    uint64_t count = 0;
    if (found == storages_.end()) refuse("it holds a storage that nothing uses: damaged");
    if (bytes.size() < sizeof count) refuse("it ends among its storages: truncated");
    std::memcpy(&count, bytes.data(), sizeof count);
    bytes.remove_prefix(sizeof count);
    const torch::Tensor& flat = found->second;
    if (count != static_cast<uint64_t>(flat.numel())) {
      refuse("its storage " + in_quotes(key->text) + " has another size than its pickle says");
    }
    if (flat.nbytes() > bytes.size()) refuse("it ends among its storages: truncated");
    if (count > 0) std::memcpy(flat.data_ptr(), bytes.data(), flat.nbytes());
    bytes.remove_prefix(flat.nbytes());
  }
}

}  // namespace groundglass
