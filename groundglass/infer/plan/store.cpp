#include "groundglass/infer/plan/store.h"

#include <algorithm>
#include <type_traits>

#include <nlohmann/json.hpp>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "groundglass/core/error.h"
#include "groundglass/io/safetensors.h"

namespace groundglass::planning {
using nlohmann::json;
namespace {

/// The fields of a value and of a step, once for writer and reader.
template <class Visitor, class V>
void value_fields(Visitor visit, V& value) {
  visit("sizes", value.sizes);
  visit("map", value.map);
  visit("places", value.places);
}

template <class Visitor, class O>
void op_fields(Visitor visit, O& op) {
  visit("kind", op.kind);
  visit("in", op.in);
  visit("out", op.out);
  visit("about", op.about);
  visit("weight", op.weight);
  visit("bias", op.bias);
  visit("kernel", op.kernel);
  visit("stride", op.stride);
  visit("before", op.before);
  visit("after", op.after);
  visit("dilation", op.dilation);
  visit("groups", op.groups);
  visit("residual", op.residual);
  visit("first", op.first);
  visit("last", op.last);
  visit("int8", op.int8);
  visit("low", op.low);
  visit("high", op.high);
  visit("scale", op.scale);
  visit("shift", op.shift);
  visit("count_padding", op.count_padding);
  visit("how", op.how);
  visit("swapped", op.swapped);
  visit("constant", op.constant);
  visit("along_height", op.along_height);
  visit("nearest", op.nearest);
  visit("align_corners", op.align_corners);
  visit("zoom", op.zoom);
  visit("begin", op.begin);
}

struct StepWriter {
  json& out;
  TensorArchive& archive;
  std::string prefix;

  template <class T>
  void operator()(const char* name, const T& field) {
    if constexpr (std::is_same_v<T, torch::Tensor>) {
      if (field.defined()) archive.tensors[prefix + name] = field.contiguous();
    } else if constexpr (std::is_enum_v<T>) {
      out[name] = static_cast<int>(field);
    } else {
      out[name] = field;
    }
  }
};

struct StepReader {
  const json& in;
  const TensorArchive& archive;
  std::string prefix;

  template <class T>
  void operator()(const char* name, T& field) {
    if constexpr (std::is_same_v<T, torch::Tensor>) {
      const auto found = archive.tensors.find(prefix + name);
      if (found != archive.tensors.end()) field = found->second;
    } else if constexpr (std::is_enum_v<T>) {
      field = static_cast<T>(in.at(name).get<int>());
    } else {
      field = in.at(name).get<T>();
    }
  }
};

std::string op_name(size_t i) {
  return "op" + std::to_string(i) + ".";
}

/// Over the key, the steps, and every tensor with its name, sizes and type. Lets go of each tensor
/// once it is read, so that of a mapped file no more than one is in memory.
std::string checksum(const std::string& key, const std::string& steps,
                     std::map<std::string, torch::Tensor> tensors) {
  XXH3_state_t state;
  XXH3_64bits_reset(&state);
  const auto text = [&](const std::string& t) { XXH3_64bits_update(&state, t.data(), t.size()); };
  text(key);
  text(steps);
  for (auto& [name, t] : tensors) {
    text(name);
    const std::vector<int64_t> sizes = t.sizes().vec();
    XXH3_64bits_update(&state, sizes.data(), sizes.size() * sizeof(int64_t));
    text(c10::toString(t.scalar_type()));
    XXH3_64bits_update(&state, t.data_ptr(), t.nbytes());
    t.reset();
  }
  return std::to_string(XXH3_64bits_digest(&state));
}

Network network_of(const TensorArchive& archive) {
  const json steps = json::parse(archive.metadata.at("steps"));
  Network network;
  for (const json& j : steps.at("values")) {
    value_fields(StepReader{j, archive, ""}, network.values.emplace_back());
  }
  for (const json& j : steps.at("ops")) {
    const std::string prefix = op_name(network.ops.size());
    op_fields(StepReader{j, archive, prefix}, network.ops.emplace_back());
  }
  network.image = steps.at("image");
  network.outputs = steps.at("outputs").get<std::vector<int>>();
  return network;
}

}  // namespace

bool storable(const Network& network) {
  return std::none_of(network.ops.begin(), network.ops.end(),
                      [](const Op& op) { return op.kind == Kind::torch; });
}

void store(const Network& network, const std::filesystem::path& path, const std::string& key) {
  TensorArchive archive;
  json steps = {{"image", network.image},
                {"outputs", network.outputs},
                {"values", json::array()},
                {"ops", json::array()}};
  for (const Value& value : network.values) {
    value_fields(StepWriter{steps["values"].emplace_back(), archive, ""}, value);
  }
  for (size_t i = 0; i < network.ops.size(); ++i) {
    op_fields(StepWriter{steps["ops"].emplace_back(), archive, op_name(i)}, network.ops[i]);
  }
  archive.metadata["key"] = key;
  archive.metadata["steps"] = steps.dump();
  archive.metadata["checksum"] = checksum(key, archive.metadata["steps"], archive.tensors);
  write_safetensors(path, archive);
}

std::optional<Network> stored(const std::filesystem::path& path, const std::string& key) {
  std::error_code code;  // of a folder that may not be entered
  if (!std::filesystem::is_regular_file(path, code)) return std::nullopt;
  try {
    TensorArchive once = map_safetensors(path);
    auto& texts = once.metadata;
    if (texts["key"] != key) return std::nullopt;
    if (texts["checksum"] != checksum(key, texts["steps"], std::move(once.tensors))) {
      return std::nullopt;
    }
    TensorArchive archive = map_safetensors(path);
    if (archive.metadata != texts) return std::nullopt;  // replaced meanwhile
    for (auto& [name, t] : archive.tensors) {  // weights are packed one by one; the rest is kept
      if (!name.ends_with(".weight")) t = t.clone();
    }
    return network_of(archive);
  } catch (const Error&) {  // damaged: made anew
    return std::nullopt;
  }
}

}  // namespace groundglass::planning
