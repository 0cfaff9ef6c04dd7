// The README's commands and ./demo, as a newcomer would type them.
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "groundglass/core/files.h"
#include "groundglass/core/text.h"
#include "tests/cli/run_program.h"
#include "tests/complaint.h"

namespace groundglass {
namespace {
namespace fs = std::filesystem;

/// The lines of the README's shell blocks, without comments.
std::vector<std::string> readme_commands() {
  std::vector<std::string> commands;
  bool inside = false;
  for (const auto& line : split_text(read_file(project_path("README.md")), '\n')) {
    if (line.rfind("```", 0) == 0) {
      inside = line == "```sh";
    } else if (inside && !line.empty()) {
      commands.push_back(line.substr(0, line.find("  #")));
    }
  }
  return commands;
}

TEST(Readme, HasNoCommandThatFails) {
  const ScratchFolder folder;
  fs::create_directory_symlink(project_path("recipes"), folder / "recipes");
  const auto commands = readme_commands();
  ASSERT_GT(commands.size(), 10U);
  for (const auto& command : commands) {
    if (command.rfind("./demo", 0) == 0) continue;  // below
    ASSERT_EQ(command.rfind("groundglass ", 0), 0U) << command << ": not a command we can test";
    const Outcome outcome = run_shell(command, folder.path());
    ASSERT_EQ(outcome.code, 0) << command << "\n" << outcome.err;
  }
  for (const char* file :
       {"result/case_000_mask.nii.gz", "result/case_000_overlay.png", "result/case_000_gradcam.png",
        "result/report.html", "masks/summary.json", "run/report.html"}) {
    EXPECT_TRUE(fs::exists(folder / file)) << file;
  }
}

TEST(Readme, NamesOnlyFilesThatExist) {
  const std::string text = read_file(project_path("README.md"));
  EXPECT_LE(split_text(text, '\n').size(), 150U) << "longer than a newcomer reads";
  for (size_t at = text.find("]("); at != std::string::npos; at = text.find("](", at + 1)) {
    const std::string target = text.substr(at + 2, text.find(')', at) - at - 2);
    EXPECT_TRUE(fs::exists(project_path(target))) << target;
  }
}

TEST(Demo, PrintsTheFolderWithEverythingLast) {
  if (!fs::equivalent(GROUNDGLASS_BINARY, project_path("build/release/bin/groundglass"))) {
    GTEST_SKIP() << "./demo builds the release preset, and this is another";
  }
  const ScratchFolder folder;
  const Outcome outcome = run_shell(project_path("demo"), folder.path());
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const auto lines = split_text(outcome.out, '\n');
  ASSERT_GE(lines.size(), 2U);
  const fs::path result = lines[lines.size() - 2];  // the last line ends in a line feed
  for (const char* file :
       {"case_000_mask.nii.gz", "case_000_probability.nii.gz", "case_000_overlay.png",
        "case_000_gradcam.png", "summary.json", "report.html"}) {
    EXPECT_TRUE(fs::exists(result / file)) << result / file;
  }
  const auto summary = nlohmann::json::parse(read_file(result / "summary.json"));
  EXPECT_EQ(summary["model"], "ct_infection");
  EXPECT_GT(summary["cases"][0]["lesion_ml"].get<double>(), 0);
  const std::string report = read_file(result / "report.html");
  EXPECT_TRUE(says(report, {"not a medical device", "data:image/"}));
  EXPECT_EQ(report.find("http://"), std::string::npos);
  EXPECT_EQ(report.find("https://"), std::string::npos);
}

}  // namespace
}  // namespace groundglass
