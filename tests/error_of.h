#pragma once

#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "groundglass/core/error.h"

namespace groundglass {

/// The message of the Error that `action` throws. Fails the test if it throws none, or one of
/// another kind.
template <class Action>
std::string error_of(ErrorKind kind, Action&& action) {
  try {
    std::forward<Action>(action)();
  } catch (const Error& e) {
    EXPECT_EQ(static_cast<int>(e.kind()), static_cast<int>(kind)) << e.what();
    return e.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return "";
}

}  // namespace groundglass
