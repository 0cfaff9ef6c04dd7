#pragma once

#include <memory>

#include "groundglass/distributed/c10d.h"
#include "groundglass/distributed/world.h"

#ifdef GROUNDGLASS_GLOO

namespace groundglass {

/// What Gloo's connections of this rank go over. It listens on 127.0.0.1 where all ranks are on one
/// machine, on the network card that the user named, or else on the address that reaches rank 0.
/// Throws Error (device) where that name is unknown or leads to an address that others cannot
/// reach.
std::shared_ptr< ::gloo::transport::Device> listening_device(const World& world);

}  // namespace groundglass

#endif
