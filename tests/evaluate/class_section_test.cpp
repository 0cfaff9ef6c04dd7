#include "groundglass/evaluate/class_section.h"

#include <gtest/gtest.h>

#include "groundglass/core/files.h"
#include "tests/complaint.h"
#include "tests/scratch_folder.h"

namespace groundglass {
namespace {

ScoredItem class_item(const std::string& id, Counts counts) {
  return {id, id, id, "", counts, {1, 2, 3}, true};
}

/// A fold with two test slices and two classes.
FoldScores class_fold(int64_t number, const std::string& first, const std::string& second) {
  FoldScores out;
  out.fold = number;
  out.items = {class_item(first, {8, 2, 0, 90}), class_item(second, {5, 5, 0, 90})};
  out.items[0].classes = {{6, 1, 1, 92}, {1, 2, 0, 97}};
  out.items[1].classes = {{4, 2, 2, 92}, {0, 0, 0, 100}};
  return out;
}

TEST(ClassSection, HasARowForAnyInfectionAndEachClass) {
  const auto rows =
      class_rows({class_fold(0, "a", "b"), class_fold(1, "c", "d")}, {"ground glass"});
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_EQ(rows[0].name, "any infection");
  EXPECT_EQ(rows[1].name, "ground glass");
  EXPECT_EQ(rows[2].name, "class 2");
  for (const auto& r : rows) EXPECT_EQ(r.items.size(), 4U) << r.name;
  EXPECT_NEAR(*rows[0].dice_of_fold[0], 26.0 / 33, 1e-12);
  EXPECT_NEAR(*rows[1].dice_of_fold[1], 20.0 / 26, 1e-12);
  EXPECT_NEAR(*rows[2].dice_of_fold[0], 2.0 / 4, 1e-12);
  const auto shared = class_rows({class_fold(0, "a", "b"), class_fold(1, "a", "b")}, {});
  EXPECT_EQ(shared[1].items.size(), 2U) << "slices that every fold was tested on count once";
  EXPECT_EQ(shared[1].dice_of_fold.size(), 2U);
}

TEST(ClassSection, IsPartOfTheCrossValidationTable) {
  TableCaption caption;
  caption.class_names = {"ground glass", "consolidation"};
  const auto table = cross_validation_table({class_fold(0, "a", "b"), class_fold(1, "c", "d")},
                                            caption, {"", {}, {}});
  EXPECT_TRUE(
      says(table.markdown, {"| ground glass | all | 0.7692 | 0.7692 | 0.7692 +- 0.0000 | 0.7692 |",
                            "| consolidation | all | 0.5000", "| any infection | all |",
                            "| 1 | 2 | 0 | none |", "no threshold"}));
  EXPECT_TRUE(says(table.csv, {"dice_class_1,dice_class_2"}));
  EXPECT_TRUE(table.json["folds"][0]["threshold"].is_null());
  ASSERT_EQ(table.json["classes"].size(), 3U);
  EXPECT_EQ(table.json["classes"][0]["class"], "any");
  EXPECT_EQ(table.json["classes"][2]["name"], "consolidation");
  EXPECT_NEAR(table.json["classes"][2]["pooled"]["dice"], 0.5, 1e-12);
}

TEST(ClassSection, IsLeftOutForNetworksOfOneClass) {
  FoldScores one = class_fold(0, "a", "b");
  for (auto& i : one.items) i.classes.clear();
  const auto table = cross_validation_table({one}, {}, {"", {}, {}});
  EXPECT_EQ(table.markdown.find("any infection"), std::string::npos);
  EXPECT_TRUE(says(table.markdown, {"| 1 | 2 | 0 | 0.50 |"}));
  EXPECT_TRUE(table.json["classes"].empty());
  EXPECT_EQ(table.csv.find("dice_class"), std::string::npos);
}

TEST(ClassSection, SurvivesTheFileOfAFold) {
  const ScratchFolder folder;
  const FoldScores written = class_fold(3, "a", "b");
  write_fold_scores(folder / "test.json", written);
  const FoldScores read = read_fold_scores(folder / "test.json");
  ASSERT_EQ(read.items.size(), 2U);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(read.items[i].counts, written.items[i].counts);
    EXPECT_EQ(read.items[i].classes, written.items[i].classes);
  }
  FoldScores one = written;
  for (auto& i : one.items) i.classes.clear();
  write_fold_scores(folder / "one.json", one);
  EXPECT_TRUE(read_fold_scores(folder / "one.json").items[0].classes.empty());
  write_file(folder / "short.json", R"({"fold":0,"best_epoch":1,"threshold":0.5,"seconds":1,)"
                                    R"("items":[["a","a","a","",1,1,1,1,1,1,1]],"classes":[[]]})");
  EXPECT_TRUE(
      says(complaint(ErrorKind::checkpoint, [&] { read_fold_scores(folder / "short.json"); }),
           {"short.json", "damaged"}));
}

}  // namespace
}  // namespace groundglass
