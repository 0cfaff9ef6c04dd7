#pragma once

#include "groundglass/infer/plan/program.h"

namespace groundglass::planning {

/// A map and where it lies.
struct Located {
  Surface surface;
  Place place;
  Surface in(Context& c) const;
};

Located located(const Program& p, int id);

/// A transposed convolution: one convolution for each phase of its stride, then their outputs
/// between each other. Where all phases see the same places (2x2, stride 2), they are one.
Bind transposed_step(Program& p, const Op& op, int step, std::string& engine);

/// A dense convolution in 8 bits: its input as bytes in memory of the step, then whole sums.
Bind int8_step(Program& p, const Op& op, int step);

/// Whether a convolution runs on AMX tiles, and the step that does: dense, bfloat16, in blocks.
bool suits_amx(const Program& p, const ConvolutionSpec& s);
Bind amx_step(Program& p, const ConvolutionSpec& s, int step);

/// Memory of its own pages: what comes and goes beside it while a plan is made leaves no holes.
/// Throws Error(device) if there is none.
std::shared_ptr<void> pages(size_t bytes);

/// Maps beside each other, unless they were written so.
Bind concat_step(Program& p, const Op& op);
/// Some channels of a map, unless they are where they are wanted.
Bind channels_step(Program& p, const Op& op);
/// What runs in LibTorch reads and writes tensors of its own.
Bind torch_step(Program& p, const Op& op);

/// A stretch of the arena for each storage that holds a map, with its lifetime.
void name_buffers(Program& p);
/// Gives each stretch its place.
void plan_memory(Program& p);

}  // namespace groundglass::planning
