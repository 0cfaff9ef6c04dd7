#pragma once

#include <string>
#include <vector>

#include "groundglass/core/geometry.h"

struct nifti_1_header;

namespace groundglass {

/// Where the voxels of a NIfTI-1 file lie: by the sform, else by the qform, else by the voxel sizes
/// alone. `warnings` (which begin with `name`) get what the header leaves open, and where its forms
/// contradict each other. Throws Error(data) for a header that is damaged.
Geometry nifti_geometry(const nifti_1_header& header, std::vector<std::string>& warnings,
                        const std::string& name);

}  // namespace groundglass
