#include "groundglass/infer/plan/int8.h"

#include <algorithm>
#include <cmath>
#include <map>

#include <ATen/ATen.h>

#include "groundglass/core/error.h"

namespace groundglass::planning {
namespace {

constexpr int64_t kChannels = 16, kPlaces = 16;
/// Products with each number of the map; with fewer, making bytes of it takes what they save.
constexpr int64_t kUses = 128;
/// Products in a sum; more of 255 * 127 might not fit 31 bits.
constexpr int64_t kProducts = (int64_t{1} << 31) / (255 * 127) - 1;

bool suits_int8(const Op& op, const Network& network) {
  if (op.kind != Kind::convolution || op.groups != 1) return false;
  const auto sizes = op.weight.sizes();
  if (sizes[0] < kChannels || sizes[1] < kChannels) return false;
  if (sizes[1] * sizes[2] * sizes[3] > kProducts) return false;
  if (sizes[0] * sizes[2] * sizes[3] < kUses * op.stride[0] * op.stride[1]) return false;
  if (op.before[0] < 0 || op.before[1] < 0) return false;
  const Value& out = network.values[static_cast<size_t>(op.out[0])];
  return out.height() * out.width() >= kPlaces;
}

}  // namespace

std::vector<std::string> int8_names(const Network& network) {
  std::vector<std::string> names;
  std::map<std::string, int> seen;
  for (const Op& op : network.ops) {
    names.emplace_back();
    if (op.kind != Kind::convolution) continue;
    const int count = ++seen[op.about];
    if (!suits_int8(op, network)) continue;
    names.back() = op.about + (count > 1 ? " #" + std::to_string(count) : "");
  }
  return names;
}

void mark_int8(Network& network, const InputRanges& ranges) {
  const auto names = int8_names(network);
  bool any = false;
  for (size_t i = 0; i < names.size(); ++i) {
    const auto found = names[i].empty() ? ranges.end() : ranges.find(names[i]);
    if (found == ranges.end()) continue;
    network.ops[i].int8 = any = true;
    network.ops[i].low = found->second.low;
    network.ops[i].high = found->second.high;
  }
  if (any) return;
  fail(ErrorKind::usage, ranges.empty()
                             ? "plan: int8 needs the ranges of the maps (groundglass quantise)"
                             : "plan: none of the " + std::to_string(ranges.size()) +
                                   " ranges belongs to a convolution of this network");
}

ByteScale byte_scale(const InputRange& range) {
  const double low = std::min(0.0f, range.low), high = std::max(0.0f, range.high);
  if (!(high > low)) return {};
  const double per_unit = 255 / (high - low);
  return {static_cast<float>(per_unit), static_cast<int32_t>(std::lround(-low * per_unit))};
}

Int8Weights int8_weights(const torch::Tensor& weight, const torch::Tensor& bias,
                         const ByteScale& input) {
  const int64_t outputs = weight.size(0), inputs = weight.size(1);
  const int64_t blocks = outputs / 16;
  auto unit = weight.abs().amax({1, 2, 3}) / 127.0;
  unit = torch::where(unit > 0, unit, torch::ones_like(unit));
  const auto whole = torch::round(weight / unit.view({-1, 1, 1, 1})).clamp(-127, 127);
  Int8Weights result;
  result.scale = (unit.to(torch::kFloat64) / input.per_unit).to(torch::kFloat32).contiguous();
  // A byte is `zero` too much, at the border as well: what that adds to each sum is known.
  const auto excess = whole.to(torch::kFloat64).sum({1, 2, 3}) * input.zero;
  const auto own =
      bias.defined() ? bias.to(torch::kFloat64) : torch::zeros(outputs, torch::kFloat64);
  result.bias = (own - excess * result.scale.to(torch::kFloat64)).to(torch::kFloat32).contiguous();
  // [blocks][16][I / 16][4][4][ky][kx] -> [blocks][I / 16][ky][kx][4][16][4], then pairs
  const auto packed = whole.to(torch::kInt8)
                          .view({blocks, 16, inputs / 16, 4, 4, weight.size(2), weight.size(3)})
                          .permute({0, 2, 5, 6, 3, 1, 4})
                          .reshape({blocks, -1, 64});
  std::vector<torch::Tensor> pairs;
  for (int64_t b = 0; b < blocks; b += 2) {
    pairs.push_back(
        packed.narrow(0, b, std::min<int64_t>(2, blocks - b)).transpose(0, 1).reshape({-1}));
  }
  result.weight = torch::cat(pairs).contiguous();
  return result;
}

}  // namespace groundglass::planning
