#pragma once

#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "tests/scratch_folder.h"

namespace groundglass {

/// What a program left behind.
struct Outcome {
  int code = -1;
  std::string out, err;
};

/// Runs a shell command in a folder; `groundglass` means the binary under test.
inline Outcome run_shell(const std::string& command, const std::filesystem::path& folder) {
  const ScratchFolder scratch;
  const std::string binary_folder =
      std::filesystem::path(GROUNDGLASS_BINARY).parent_path().string();
  const std::string line = "cd '" + folder.string() + "' || exit 1\nexport PATH='" + binary_folder +
                           "':\"$PATH\"\n" + command;
  std::ofstream(scratch / "script") << line << "\n";
  const int status =
      std::system(("bash '" + (scratch / "script").string() + "' > '" + (scratch / "out").string() +
                   "' 2> '" + (scratch / "err").string() + "'")
                      .c_str());
  const auto text = [&](const char* name) {
    std::ifstream in(scratch / name);
    return (std::ostringstream() << in.rdbuf()).str();
  };
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), text("out"),
          text("err")};
}

inline std::string project_path(const std::string& relative) {
  return (std::filesystem::path(GROUNDGLASS_SOURCE_DIR) / relative).string();
}

}  // namespace groundglass
