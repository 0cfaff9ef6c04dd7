#pragma once

#include <string>

#include <gtest/gtest.h>

#include "tests/cli/run_program.h"

namespace groundglass {

/// Runs the program in a folder of its own.
class ProgramTest : public testing::Test {
 protected:
  /// What a shell command leaves behind; a failure if it ends with another code.
  Outcome run(const std::string& command, int code = 0) const {
    const Outcome outcome = run_shell(command, folder.path());
    EXPECT_EQ(outcome.code, code) << command << "\n" << outcome.err;
    return outcome;
  }

  ScratchFolder folder;
};

}  // namespace groundglass
