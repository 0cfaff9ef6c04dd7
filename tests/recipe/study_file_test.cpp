#include <filesystem>

#include <gtest/gtest.h>
#include <toml++/toml.h>

#include "groundglass/core/files.h"
#include "groundglass/recipe/recipe.h"
#include "groundglass/recipe/study_file.h"
#include "tests/complaint.h"
#include "tests/scratch_folder.h"

namespace groundglass {
namespace {
namespace fs = std::filesystem;

const fs::path kStudies = fs::path(GROUNDGLASS_SOURCE_DIR) / "recipes/studies";

TEST(ShippedStudies, OfRowsNameRecipesThatReadWithTheirChanges) {
  int64_t rows = 0;
  for (const auto& file : fs::directory_iterator(kStudies)) {
    const StudyFile study = read_study_file(file.path());
    EXPECT_FALSE(study.study.title.empty()) << file.path();
    if (study.study.kind != StudyKind::rows) continue;
    for (const auto& row : study_rows(study)) {
      EXPECT_NO_THROW(read_recipe(study.beside(row.recipe), row.set)) << row.name;
      ++rows;
    }
  }
  EXPECT_GE(rows, 14 + 8 + 7);
}

TEST(ShippedStudies, TheLossStudyHasTheFourteenRowsOfTheTable) {
  const StudyFile study = read_study_file(kStudies / "losses.toml");
  const auto rows = study_rows(study);
  ASSERT_EQ(rows.size(), 14U);
  for (const auto& row : rows) {
    const Recipe recipe = read_recipe(study.beside(row.recipe));
    EXPECT_EQ(recipe.model.name, row.name.starts_with("A-") ? "a_segnet" : "segnet") << row.name;
    EXPECT_EQ(recipe.expect.table, "Table 1") << row.name;
    EXPECT_EQ(recipe.train.optimizer, OptimizerKind::sgd);
    EXPECT_EQ(recipe.train.step_epochs, 10);
  }
}

TEST(ShippedStudies, OfDetectionMendDeparturesThatEachRowNames) {
  const StudyFile study = read_study_file(kStudies / "xray_detection.toml");
  const toml::table& detection = study.section("detection");
  const toml::array& mends = *detection["mends"].as_array();
  EXPECT_EQ(mends.size(), 2U);
  for (const toml::node& row : *detection["rows"].as_array()) {
    const auto file = study.beside("../" + *row.value<std::string>() + ".toml");
    const auto differs = read_recipe(file).paper.differs;
    for (const toml::node& line : mends) {
      EXPECT_EQ(std::count(differs.begin(), differs.end(), *line.value<std::string>()), 1) << file;
    }
  }
}

/// What is said about a study of this text.
std::string refusal_of_study_file(const std::string& text) {
  const ScratchFolder folder;
  write_file(folder / "s.toml", text);
  return complaint(ErrorKind::recipe, [&] {
    const StudyFile study = read_study_file(folder / "s.toml");
    check_sections(study, {"row"});
    study_rows(study);
  });
}

TEST(StudyFile, IsRefusedWithThePlace) {
  EXPECT_TRUE(says(refusal_of_study_file("[study\n"), {"s.toml:1:"}));
  EXPECT_TRUE(says(refusal_of_study_file("[model]\nname = \"unet\"\n"), {"no [study]", "train"}));
  EXPECT_TRUE(says(refusal_of_study_file("study = 3\n"), {"expected [study]"}));
  EXPECT_TRUE(
      says(refusal_of_study_file("[study]\nkin = \"rows\"\n"), {"s.toml:2", "kin", "kind"}));
  EXPECT_TRUE(says(refusal_of_study_file("[study]\n[rowz]\n"), {"s.toml:2", "rowz", "row"}));
  EXPECT_TRUE(says(refusal_of_study_file("[study]\n"), {"no [[row]]"}));
  EXPECT_TRUE(
      says(refusal_of_study_file("[study]\n[[row]]\nname = \"a\"\n"), {"s.toml:2", "no recipe"}));
  const std::string row = "[[row]]\nname = \"a\"\nrecipe = \"r.toml\"\n";
  EXPECT_TRUE(
      says(refusal_of_study_file("[study]\n" + row + row), {"s.toml:5", "share the name 'a'"}));
  EXPECT_TRUE(says(complaint(ErrorKind::usage, [] { read_study_file("nowhere.toml"); }),
                   {"nowhere.toml", "recipes/studies"}));
}

TEST(StudyFile, ThatComesWithTheProgramIsFoundByItsName) {
  EXPECT_EQ(read_study_file("losses").study.title,
            read_study_file(kStudies / "losses.toml").study.title);
}

TEST(StudyFile, SectionsAreTables) {
  const ScratchFolder folder;
  write_file(folder / "s.toml", "target = 1\n[study]\n");
  const StudyFile study = read_study_file(folder / "s.toml");
  EXPECT_TRUE(
      says(complaint(ErrorKind::recipe, [&] { study.section("target"); }), {"expected [target]"}));
  EXPECT_NO_THROW(study.section("absent"));
  EXPECT_EQ(study.beside("../r.toml"), folder / "../r.toml");
}

}  // namespace
}  // namespace groundglass
