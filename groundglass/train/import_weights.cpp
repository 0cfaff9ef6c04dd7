#include "groundglass/train/import_weights.h"

#include <fstream>
#include <sstream>

#include "groundglass/core/error.h"
#include "groundglass/core/text.h"
#include "groundglass/io/keras_h5.h"
#include "groundglass/io/torch_checkpoint.h"
#include "groundglass/train/folded_weights.h"
#include "groundglass/train/foreign_weights.h"

namespace groundglass {
namespace {

using Tensors = std::map<std::string, torch::Tensor>;

enum class FileKind { safetensors, torch, hdf5 };

FileKind kind_of(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  char first[9] = {};
  in.read(first, sizeof first);
  const std::string_view bytes(first, static_cast<size_t>(in.gcount()));
  if (bytes.substr(0, 4) == "\x89HDF") return FileKind::hdf5;
  if (bytes.size() == sizeof first && bytes[8] == '{') return FileKind::safetensors;
  return FileKind::torch;  // whose reader says what it found
}

TensorArchive read_archive(const std::filesystem::path& path) {
  switch (kind_of(path)) {
    case FileKind::safetensors:
      return read_safetensors(path);
    case FileKind::hdf5:
      return read_keras_h5(path);
    case FileKind::torch:
      break;
  }
  return read_torch_checkpoint(path);
}

bool any_name_has(const Tensors& tensors, const std::string& part) {
  for (const auto& [name, tensor] : tensors) {
    if (name.find(part) != std::string::npos) return true;
  }
  return false;
}

WeightsLayout told_by(const TensorArchive& archive, const Tensors& wanted, FileKind kind,
                      const std::filesystem::path& path) {
  const auto& tensors = archive.tensors;
  const auto has = [&](const char* part) { return any_name_has(tensors, part); };
  if (kind == FileKind::hdf5) return WeightsLayout::keras;
  if (archive.metadata.count("format") > 0 || difference(wanted, tensors).none()) {
    return WeightsLayout::groundglass;
  }
  if (has("down_path.")) return WeightsLayout::lungmask;
  if (has("densenet121.")) return WeightsLayout::chexnet;
  if (has("head.fc.") || has("pre_logits.")) return WeightsLayout::timm;
  if (is_folded(tensors)) return WeightsLayout::folded;
  for (const char* known : {"layer1.0.", "features.", "Mixed_5b."}) {
    if (has(known)) return WeightsLayout::torchvision;
  }
  std::vector<std::string> names;
  for (const auto& [name, tensor] : tensors) names.push_back(name);
  fail(ErrorKind::checkpoint, path.string() + ": whose weights these are cannot be told from " +
                                  some_of(names) + "; say model.weights_layout");
}

ForeignWeights translated(const Tensors& stored, WeightsLayout layout) {
  switch (layout) {
    case WeightsLayout::groundglass:
    case WeightsLayout::automatic:
      return {stored, {}, /*whole_network=*/true};
    case WeightsLayout::keras:
      return from_keras(stored);
    case WeightsLayout::torchvision:
    case WeightsLayout::folded:
    case WeightsLayout::timm:
    case WeightsLayout::chexnet:
    case WeightsLayout::lungmask:
      break;
  }
  return from_torch(stored);
}

/// "encoder." where the network has such a part, "" where it is an encoder or has no such part.
std::string encoder_prefix(const Tensors& wanted) {
  for (const std::string part : {"encoder.", "resnet."}) {
    const auto first = wanted.lower_bound(part);
    if (first != wanted.end() && first->first.compare(0, part.size(), part) == 0) return part;
  }
  return "";
}

/// Names of the encoder get their prefix; those of the rest of the network have none. Half
/// precision is widened before anything is computed with it.
Tensors placed(const Tensors& tensors, const Tensors& wanted, const std::string& prefix) {
  Tensors out;
  for (const auto& [name, tensor] : tensors) {
    out[wanted.count(prefix + name) == 0 && wanted.count(name) > 0 ? name : prefix + name] =
        tensor.is_floating_point() ? tensor.to(torch::kFloat32) : tensor;
  }
  return out;
}

bool is_counter(const std::string& name) {
  return ends_with(name, "num_batches_tracked");
}

/// A gray image stands in each of the three channels the file's first layers look at.
void sum_channels(Tensors& stored, const Tensors& wanted, ImportReport& report) {
  for (auto& [name, tensor] : stored) {
    const auto target = wanted.find(name);
    if (target == wanted.end() || target->second.dim() != tensor.dim()) continue;
    const auto& want = target->second;
    const bool kernel = want.dim() == 4 && want.size(1) == 1 && tensor.size(1) == 3 &&
                        want.size(0) == tensor.size(0);
    const bool statistic = want.dim() == 1 && want.size(0) == 1 && tensor.size(0) == 3;
    if (!kernel && !statistic) continue;
    tensor = kernel ? tensor.sum(1, /*keepdim=*/true) : tensor.mean(0, /*keepdim=*/true);
    report.adapted.push_back(name + " (one channel from three)");
  }
}

/// Takes a part that the file lacks out of what is wanted and of what is stored.
void leave_as_it_is(const std::string& part, Tensors& wanted, Tensors& stored,
                    ImportReport& report) {
  const auto inside = [&](const auto& entry) {
    return entry.first.compare(0, part.size(), part) == 0;
  };
  for (const auto& entry : wanted) {
    if (inside(entry) && !is_counter(entry.first)) report.fresh.push_back(entry.first);
  }
  for (const auto& entry : stored) {
    if (inside(entry)) report.left_out.push_back(entry.first);
  }
  std::erase_if(wanted, inside);
  std::erase_if(stored, inside);
  report.absent = part.substr(0, part.size() - 1);
}

/// Batch norm without gamma: gamma y = gamma (w x - m) / s is what the kernel gamma w and the mean
/// gamma m give.
void fold_scales(Tensors& stored, const Tensors& wanted, ImportReport& report) {
  const std::string kScale = ".bn.weight";
  for (auto it = stored.begin(); it != stored.end();) {
    const std::string& name = it->first;
    const std::string stem =
        ends_with(name, kScale) ? name.substr(0, name.size() - kScale.size()) : "";
    const auto kernel = stored.find(stem + ".conv.weight");
    const auto mean = stored.find(stem + ".bn.running_mean");
    if (stem.empty() || wanted.count(name) > 0 || wanted.count(stem + ".bn.bias") == 0 ||
        kernel == stored.end() || mean == stored.end()) {
      ++it;
      continue;
    }
    const auto scale = it->second;
    if (!(scale == 1).all().item<bool>()) {
      kernel->second = kernel->second * scale.view({-1, 1, 1, 1});
      mean->second = mean->second * scale;
    }
    report.adapted.push_back(name + " (into the convolution)");
    it = stored.erase(it);
  }
}

}  // namespace

std::string layout_name(WeightsLayout layout) {
  switch (layout) {
    case WeightsLayout::automatic:
      return "auto";
    case WeightsLayout::groundglass:
      return "groundglass";
    case WeightsLayout::torchvision:
      return "torchvision";
    case WeightsLayout::folded:
      return "folded";
    case WeightsLayout::timm:
      return "timm";
    case WeightsLayout::chexnet:
      return "chexnet";
    case WeightsLayout::keras:
      return "keras";
    case WeightsLayout::lungmask:
      return "lungmask";
  }
  fail(ErrorKind::internal, "a layout of weights without a name");
}

std::string ImportReport::text() const {
  std::string line = layout_name(layout) + " weights, " + std::to_string(taken) + " taken";
  if (!absent.empty()) line += "; " + absent + " starts at random, as the file lacks its kernels";
  if (!adapted.empty()) line += "; adapted: " + some_of(adapted);
  if (!left_out.empty()) line += "; left out: " + some_of(left_out);
  if (!fresh.empty()) line += "; not in the file: " + some_of(fresh);
  return line;
}

ImportReport import_weights(torch::nn::Module& network, const std::filesystem::path& path,
                            WeightsLayout layout) {
  const torch::NoGradGuard no_grad;
  if (!std::filesystem::is_regular_file(path)) {
    fail(ErrorKind::checkpoint, path.string() + ": no such file");
  }
  const TensorArchive archive = read_archive(path);
  const Tensors all = named_weights(network);

  ImportReport report;
  report.layout =
      layout != WeightsLayout::automatic ? layout : told_by(archive, all, kind_of(path), path);
  auto foreign = translated(archive.tensors, report.layout);
  report.left_out = foreign.left_out;
  const std::string prefix = report.layout == WeightsLayout::groundglass ? "" : encoder_prefix(all);
  Tensors stored = placed(foreign.tensors, all, prefix);

  Tensors wanted;
  for (const auto& [name, tensor] : all) {
    const bool covered = foreign.whole_network || name.compare(0, prefix.size(), prefix) == 0;
    if (!covered) {
      report.fresh.push_back(name);
    } else if (!is_counter(name) || stored.count(name) > 0) {
      wanted[name] = tensor;
    }
  }
  if (report.layout == WeightsLayout::folded) {
    const std::string absent = absent_part(wanted, stored, prefix);
    if (!absent.empty()) leave_as_it_is(prefix + absent, wanted, stored, report);
    report.unfolded = unfold_norms(network, stored);
  }
  fold_scales(stored, wanted, report);
  sum_channels(stored, wanted, report);
  const auto found = difference(wanted, stored);
  if (!found.none()) {
    fail(ErrorKind::checkpoint, path.string() + ": its weights (" + layout_name(report.layout) +
                                    ") do not fit the network; " + found.text());
  }
  for (auto& [name, tensor] : wanted) tensor.copy_(stored.at(name));
  report.taken = static_cast<int64_t>(wanted.size());
  return report;
}

}  // namespace groundglass
