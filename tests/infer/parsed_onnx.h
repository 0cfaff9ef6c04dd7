#pragma once

#include <gtest/gtest.h>

#include "groundglass/infer/onnx/proto.h"

namespace groundglass {

inline onnx::ModelProto parsed(const std::string& bytes) {
  onnx::ModelProto model;
  EXPECT_TRUE(model.ParseFromString(bytes));
  return model;
}

}  // namespace groundglass
