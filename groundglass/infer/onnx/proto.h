#pragma once

// ONNX's messages as libonnx is built. Nothing else includes its headers, so that all files agree.
#ifndef ONNX_ML
#define ONNX_ML 1
#endif
#include <onnx/onnx_pb.h>
