#pragma once

#include <array>
#include <functional>
#include <string>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "groundglass/infer/graph/trace.h"
#include "groundglass/infer/plan/kernels.h"

/// What a plan is made from: the network for one image, as steps on maps.
namespace groundglass::planning {

using Pair = std::array<int64_t, 2>;  ///< of height and width

enum class Kind {
  convolution,
  transposed,
  max_pool,
  average_pool,
  unpool,
  resize,
  pointwise,
  binary,
  product,   ///< with a constant matrix, along one axis
  window,    ///< a part of the map, or the map with zeros around
  channels,  ///< some channels of the map
  concat,
  torch  ///< runs in LibTorch
};

const char* name_of(Kind kind);

/// What flows between the steps, for one image.
struct Value {
  std::vector<int64_t> sizes;  ///< in LibTorch, e.g. [1,C,H,W]
  bool map = false;            ///< float [1,C,H,W], held in the plan's memory
  bool places = false;         ///< of pooled maxima: held there as well
  int64_t channels() const { return sizes[1]; }
  int64_t height() const { return sizes[2]; }
  int64_t width() const { return sizes[3]; }

  bool plain = false;           ///< as LibTorch holds it; otherwise in blocks of channels
  std::vector<int64_t> pieces;  ///< blocked: channels of each run that begins a new block
  int storage = -1;             ///< the value in whose memory it lies (itself, as a rule)
  int64_t block = 0;            ///< and its first block there
};

/// One argument of an operator that runs in LibTorch.
using Argument = std::variant<at::IValue, int, std::vector<std::variant<at::IValue, int>>>;

/// One step. Which fields have a meaning depends on the kind.
struct Op {
  Kind kind = Kind::torch;
  std::vector<int> in, out;  ///< numbers of values
  std::string about;         ///< for people: operator, and the weight it uses

  torch::Tensor weight, bias;  ///< convolution [O,I/groups,ky,kx], transposed [I,O,ky,kx]
  Pair kernel{1, 1}, stride{1, 1}, before{0, 0}, after{0, 0}, dilation{1, 1};
  int64_t groups = 1;
  bool residual = false;  ///< convolution: in[1] is added between the two that follow
  Act first = Act::none, last = Act::none;
  bool int8 = false;        ///< convolution: in 8 bits,
  float low = 0, high = 0;  ///< with in[0] in this range

  torch::Tensor scale, shift;  ///< pointwise [C]; undefined: one, zero
  bool count_padding = true;   ///< average pool
  Arithmetic how = Arithmetic::add;
  bool swapped = false;       ///< binary: the constant stands first
  torch::Tensor constant;     ///< binary: instead of in[1]; product: the matrix [m,n]
  bool along_height = false;  ///< product
  bool nearest = true, align_corners = false;  ///< resize
  std::array<double, 2> zoom{0, 0};            ///< resize: given factors, 0 for none
  int64_t begin = 0;                           ///< channels

  const torch::jit::Node* node = nullptr;  ///< torch
  std::vector<Argument> arguments;         ///< torch
};

struct Network {
  std::vector<Value> values;
  std::vector<Op> ops;
  int image = 0;
  std::vector<int> outputs;
  std::shared_ptr<torch::jit::Graph> traced;  ///< owns the nodes

  int add_value(Value value);
  /// How many inputs of operations, or outputs of the network, a value is.
  std::vector<int> uses() const;
  /// Place of the operation that makes each value, -1 for the image.
  std::vector<int> makers() const;
};

/// The traced network for one image [1,C,H,W] as operations, constants worked out, nothing fused.
/// Throws Error(usage) if the network does not take the size.
Network read_network(const TracedModel& traced, const std::array<int64_t, 3>& size);

/// Takes operations into their neighbours (batch norm into convolutions, activations and sums into
/// what makes their input, padding into what reads it, depthwise into pointwise convolutions), lets
/// equal beginnings be computed once, and drops what changes nothing or is not used. The same
/// numbers but for rounding.
void fuse(Network& network, bool winograd);

/// True if a convolution of that shape runs as a Winograd transform (3x3, stride 1, enough maps).
bool suits_winograd(const Op& op, const Network& network);

/// Decides how each map is laid out in memory, in blocks of `lanes` channels, and which maps are
/// parts of others (so that concatenations cost nothing) or overwrite what they are made from.
/// `half`: maps in bfloat16, except plain ones.
void lay_out(Network& network, int64_t lanes, bool half);

/// Blocks (plain: channels) of a value.
int64_t blocks_of(const Value& value, int64_t lanes);

}  // namespace groundglass::planning
