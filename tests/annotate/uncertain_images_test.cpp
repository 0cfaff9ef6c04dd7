#include <gtest/gtest.h>

#include "tests/annotate/made_up_project.h"
#include "tests/complaint.h"

namespace groundglass {
namespace {
namespace fs = std::filesystem;

/// What an adaptation said of the made-up set: 1 and 3 lie below the limit, 3 is the less certain.
void write_pseudo_labels(const fs::path& run) {
  fs::create_directories(run);
  write_file(run / "pseudo_labels.csv",
             "id,case,patient,domain,pixels,certainty_index,agreement,certainty,fate\n"
             "s/case_0,a,a,,90,0.95,1,0.95,chosen\n"
             "s/case_1,a,a,,80,0.8,1,0.8,below the limit\n"
             "s/case_2,a,a,,2,0.6,1,0.6,too small\n"
             "s/case_3,a,a,,70,0.7,1,0.7,below the limit\n"
             "s/case_4,a,a,,70,0.91,1,0.91,beyond the share\n");
}

std::vector<std::string> names_of(const AnnotationStore& store) {
  std::vector<std::string> names;
  for (const auto& c : store.cases()) names.push_back(c.name);
  return names;
}

TEST(UncertainImages, BecomeTheCasesOfAProjectLeastCertainFirst) {
  const ScratchFolder folder;
  const auto table = write_made_up_set(folder / "data").string();
  write_pseudo_labels(folder / "run");
  const auto begin = [&](const char* project, const UncertainOptions& uncertain) {
    return names_of(begin_project(table, folder / project, {}, 1, silent_observer(), uncertain));
  };
  EXPECT_EQ(begin("two", {folder / "run"}), (std::vector<std::string>{"s/case_3", "s/case_1"}));
  EXPECT_EQ(begin("one", {folder / "run", 1}), (std::vector<std::string>{"s/case_3"}));
  EXPECT_EQ(begin("all", {}).size(), 6U);
}

TEST(UncertainImages, AreRefusedWhereNothingSaysWhichTheyAre) {
  const ScratchFolder folder;
  const Dataset all = read_dataset(write_made_up_set(folder / "data"));
  const fs::path run = folder / "run";
  const auto refusal = [&] {
    return complaint(ErrorKind::data, [&] { uncertain_images(all, {run}); });
  };
  EXPECT_TRUE(says(refusal(), {"pseudo_labels.csv: no such file; expected the run folder of"}));
  write_pseudo_labels(run);
  const std::string good = read_file(run / "pseudo_labels.csv");
  const auto write_with = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) {
      text.replace(at, from.size(), to);
    }
    write_file(run / "pseudo_labels.csv", text);
  };
  write_with("certainty,fate", "certainty,end");
  EXPECT_TRUE(says(refusal(), {"is no list of pseudo-labels", "expected the columns id"}));
  write_with("0.7,below", "much,below");
  EXPECT_TRUE(says(refusal(), {"pseudo_labels.csv:5: certainty is 'much', expected a number"}));
  write_with("case_3", "case_9");
  EXPECT_TRUE(says(refusal(), {"names 1 images that", "set.csv lacks, first 's/case_9'"}));
  write_with("below the limit", "chosen");
  EXPECT_TRUE(says(refusal(), {"no image lies below the limit"}));
}

}  // namespace
}  // namespace groundglass
