#include <gtest/gtest.h>

#include "groundglass/evaluate/study_table.h"

namespace groundglass {
namespace {

FoldScores study_fold(int64_t k, const std::string& id, const std::string& domain, Counts counts) {
  return {k, 1, 0.5, 2.0, {{id, id, id, domain, counts, {}, false}}};
}

/// Dice .8 and .4 on two domains; the paper prints Dice and "Recall".
StudyRow two_folds() {
  StudyRow row;
  row.name = "mine";
  row.parameters = 42;
  row.folds = {study_fold(0, "a", "north", {4, 1, 1, 4}),
               study_fold(1, "b", "south", {2, 3, 3, 2})};
  row.expected = {
      "Table 9", {"DC", "Recall", "AUC"}, {{"lungs", {1, 1, 1}}, {"printed", {.7, .6, .9}}}};
  return row;
}

size_t column(const TableCells& cells, const std::string& name) {
  return static_cast<size_t>(std::find(cells.head.begin(), cells.head.end(), name) -
                             cells.head.begin());
}

TEST(StudyTable, AveragesFoldsAndShowsThePaperBeside) {
  const StudyTable table = study_table({two_folds()});
  ASSERT_EQ(table.scores.rows.size(), 1U);
  const auto& cells = table.scores.rows[0];
  ASSERT_EQ(cells.size(), table.scores.head.size());
  const size_t dice = column(table.scores, "dice"), recall = column(table.scores, "sensitivity");
  EXPECT_EQ(cells[0], "mine");
  EXPECT_EQ(cells[dice], "0.600 +- 0.283");
  EXPECT_EQ(table.scores.head[dice + 1], "paper");
  EXPECT_EQ(cells[dice + 1], "0.700");
  EXPECT_EQ(cells[dice + 2], "0.400 to 0.800");  // two patients
  EXPECT_EQ(cells[recall], "0.600");
  EXPECT_EQ(cells[recall + 1], "0.600");
  EXPECT_EQ(cells[column(table.scores, "specificity") + 1], "n/a");  // not printed
  EXPECT_EQ(column(table.scores, "iou"), table.scores.head.size());  // nobody asks for it
}

TEST(StudyTable, ListsDomainsWhereThereAreSeveral) {
  const StudyTable table = study_table({two_folds()});
  EXPECT_EQ(table.domains.head, (std::vector<std::string>{"row", "north", "south"}));
  EXPECT_EQ(table.domains.rows[0], (std::vector<std::string>{"mine", "0.800", "0.400"}));
  StudyRow one = two_folds();
  one.folds.pop_back();
  EXPECT_TRUE(study_table({one}).domains.rows.empty());
}

TEST(StudyTable, CountsATestRowOnceWhereFoldsShareIt) {
  StudyRow row = two_folds();
  row.folds[1].items = row.folds[0].items;
  EXPECT_EQ(tested_items(row.folds).size(), 1U);
  EXPECT_EQ(study_table({row}).scores.rows[0][3], "1");
}

TEST(StudyTable, WritesTheSameCellsInEveryForm) {
  const StudyTable table = study_table({two_folds()});
  EXPECT_NE(table.scores.markdown().find("| mine | 42 | 2 |"), std::string::npos);
  EXPECT_NE(table.scores.csv().find("mine,42,2"), std::string::npos);
  EXPECT_EQ(table.json["rows"][0]["paper"]["Recall"], .6);
  EXPECT_NEAR(table.json["rows"][0]["mean"]["dice"]["mean"].get<double>(), .6, 1e-12);
}

TEST(ScoreOfColumn, KnowsThePapersWords) {
  EXPECT_EQ(score_of_column("DC"), "dice");
  EXPECT_EQ(score_of_column("F1"), "dice");
  EXPECT_EQ(score_of_column("JI"), "iou");
  EXPECT_EQ(score_of_column("Recall"), "sensitivity");
  EXPECT_EQ(score_of_column("AUC"), "");
}

}  // namespace
}  // namespace groundglass
