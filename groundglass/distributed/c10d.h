#pragma once

// The parts of LibTorch's distributed engine that this room stands on. GROUNDGLASS_GLOO is set
// where this build has them: LibTorch with Gloo, and Gloo's own headers.

#if defined(USE_C10D_GLOO) && __has_include(<gloo/context.h>)
#define GROUNDGLASS_GLOO 1
#include <torch/csrc/distributed/c10d/FileStore.hpp>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#ifdef USE_C10D_NCCL
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>
#endif
#endif
