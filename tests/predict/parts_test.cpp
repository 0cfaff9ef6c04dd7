#include "groundglass/predict/parts.h"

#include <cstdlib>
#include <set>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "groundglass/core/files.h"
#include "tests/complaint.h"
#include "tests/scratch_folder.h"

namespace groundglass {
namespace {
using nlohmann::json;

TEST(Part, IsReadFromTwoNumbers) {
  EXPECT_EQ(parse_part(""), (Part{1, 1}));
  EXPECT_EQ(parse_part("2/4"), (Part{2, 4}));
  for (const char* word : {"0/4", "5/4", "2", "2/", "a/b", "1/2/3", "-1/2", "1 /2"}) {
    EXPECT_TRUE(says(complaint(ErrorKind::usage, [&] { parse_part(word); }),
                     {word, "expected k/n with k from 1 to n"}));
  }
}

TEST(Part, SlurmsArrayNamesIt) {
  for (const char* name : {"_ID", "_MIN", "_MAX", "_COUNT"}) {
    unsetenv((std::string("SLURM_ARRAY_TASK") + name).c_str());
  }
  EXPECT_TRUE(says(complaint(ErrorKind::usage, [] { parse_part("slurm"); }),
                   {"SLURM_ARRAY_TASK_ID is not set", "sbatch --array"}));
  setenv("SLURM_ARRAY_TASK_ID", "7", 1);
  setenv("SLURM_ARRAY_TASK_MIN", "5", 1);
  setenv("SLURM_ARRAY_TASK_MAX", "8", 1);
  setenv("SLURM_ARRAY_TASK_COUNT", "4", 1);
  EXPECT_EQ(parse_part("slurm"), (Part{3, 4}));
  setenv("SLURM_ARRAY_TASK_COUNT", "2", 1);  // --array=5,8
  EXPECT_TRUE(
      says(complaint(ErrorKind::usage, [] { parse_part("slurm"); }), {"without gaps", "5 to 8"}));
  setenv("SLURM_ARRAY_TASK_COUNT", "many", 1);
  EXPECT_TRUE(says(complaint(ErrorKind::usage, [] { parse_part("slurm"); }),
                   {"SLURM_ARRAY_TASK_COUNT is 'many'"}));
}

TEST(Part, AllPartsAreAllInputs) {
  std::vector<PredictInput> all;
  for (int i = 0; i < 11; ++i) all.push_back({"", std::to_string(i), false});
  std::set<std::string> found;
  size_t total = 0;
  for (int64_t k = 1; k <= 4; ++k) {
    const auto mine = inputs_of({k, 4}, all);
    EXPECT_GE(mine.size(), 2U);
    EXPECT_LE(mine.size(), 3U);
    total += mine.size();
    for (const auto& input : mine) found.insert(input.stem);
  }
  EXPECT_EQ(total, 11U);
  EXPECT_EQ(found.size(), 11U);
  EXPECT_EQ(inputs_of({}, all).size(), 11U);
  EXPECT_TRUE(inputs_of({3, 3}, {all[0]}).empty());
}

json summary(const std::string& output, double seconds, double rss, const std::string& weights) {
  return {{"weights_sha256", weights},
          {"threshold", 0.5},
          {"part", {1, 2}},
          {"cases", {{{"output", output}}}},
          {"seconds", seconds},
          {"forward_seconds", seconds / 2},
          {"peak_rss_mib", rss}};
}

TEST(Parts, TheLastOneJoinsTheSummaries) {
  const ScratchFolder folder;
  EXPECT_EQ(file_of_part({}, "summary", ".json"), "summary.json");
  write_file(folder / "summary_2_of_2.json", summary("a", 8, 100, "w").dump());
  EXPECT_TRUE(says(join_parts({2, 2}, folder.path()), {"waiting for", "summary_1_of_2.json"}));
  EXPECT_FALSE(std::filesystem::exists(folder / "summary.json"));
  write_file(folder / "summary_1_of_2.json", summary("b", 5, 200, "w").dump());
  EXPECT_EQ(join_parts({1, 2}, folder.path()), "");
  const auto all = json::parse(read_file(folder / "summary.json"));
  ASSERT_EQ(all["cases"].size(), 2U);
  EXPECT_EQ(all["cases"][0]["output"], "a");
  EXPECT_EQ(all["seconds"], 8);
  EXPECT_EQ(all["forward_seconds"], 4);
  EXPECT_EQ(all["peak_rss_mib"], 200);
  EXPECT_EQ(all["parts"], 2);
  EXPECT_FALSE(all.contains("part"));
}

TEST(Parts, OfTwoModelsAreNotJoined) {
  const ScratchFolder folder;
  write_file(folder / "summary_1_of_2.json", summary("a", 8, 100, "old").dump());
  write_file(folder / "summary_2_of_2.json", summary("b", 5, 200, "new").dump());
  EXPECT_TRUE(says(join_parts({2, 2}, folder.path()),
                   {"summary_2_of_2.json", "another model", "run that part again"}));
  EXPECT_FALSE(std::filesystem::exists(folder / "summary.json"));
  write_file(folder / "summary_2_of_2.json", "half of");
  EXPECT_TRUE(says(join_parts({1, 2}, folder.path()), {"summary_2_of_2.json", "run that part"}));
}

}  // namespace
}  // namespace groundglass
