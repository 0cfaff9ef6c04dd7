#pragma once

#include <functional>
#include <string>
#include <vector>

#include <dnnl.hpp>

#include "groundglass/infer/plan/graph.h"
#include "groundglass/infer/plan/plan.h"

/// A laid out network as something that runs. oneDNN's types stay in this header.
namespace groundglass::planning {

/// A stretch of the arena, used from one step to another.
struct Buffer {
  size_t bytes = 0;
  int from = 0, to = 0;
  size_t offset = 0;
};

struct Place {
  int buffer = -1;
  size_t offset = 0;  ///< bytes from the buffer's begin
};

/// The memory of one call.
struct Context {
  char* arena = nullptr;
  const std::vector<Buffer>* buffers = nullptr;
  dnnl::stream stream;
  std::vector<at::IValue> slots;  ///< what is no map, by value

  char* at(const Place& p) const {
    return arena + (*buffers)[static_cast<size_t>(p.buffer)].offset + p.offset;
  }
};

using Work = std::function<void()>;
/// Finds the step's memory in a context, once for all its runs.
using Bind = std::function<Work(Context&)>;

struct Step {
  PlanStep about;
  size_t op = 0;  ///< in the laid out network
  Bind bind;
};

/// What is known while the steps are built.
struct Program {
  Network network;
  PlanOptions options;
  bool bfloat16 = false;  ///< the maps; otherwise float
  bool amx = false;       ///< dense convolutions run on AMX tiles
  const Kernels* kernels = nullptr;
  dnnl::engine engine;
  std::vector<Buffer> buffers;
  std::vector<int> buffer_of;  ///< by storage
  std::vector<Step> steps;
  size_t arena_bytes = 0, weight_bytes = 0;

  bool half() const { return bfloat16; }
  size_t unit(const Value& v) const { return v.plain || !half() ? 4 : 2; }
  const Value& value(int id) const { return network.values[static_cast<size_t>(id)]; }
  Place place(int id) const;
  Surface surface(int id) const;  ///< without its data
  /// Memory that one step needs while it runs.
  Place temporary(size_t bytes, int step);
};

/// Where each channel of a map stands in its memory.
std::vector<int64_t> positions(const Value& value, int64_t lanes);
/// `t` with the channels along `axis` at their positions, zeros between.
torch::Tensor spread(const torch::Tensor& t, int64_t axis, const Value& value, int64_t lanes);

/// A convolution as oneDNN sees it: weights [O,I/groups,ky,kx] and bias [O] already spread.
struct ConvolutionSpec {
  torch::Tensor weight, bias;
  Surface in, out;
  Place source, target;
  int64_t groups = 1;
  Pair stride{1, 1}, before{0, 0}, after{0, 0}, dilation{1, 1};
  Act first = Act::none, last = Act::none;
  bool residual = false;
  Place added;  ///< the residual; the same as target: it stands there already
  bool winograd = false;
};

/// Builds the primitive for step number `step`. `engine` is set to the name of what computes it, as
/// `bench --explain` shows it.
Bind convolution_step(Program& program, const ConvolutionSpec& spec, int step, std::string& engine);

/// Builds all steps of a laid out network and plans its memory.
void build(Program& program);

}  // namespace groundglass::planning
