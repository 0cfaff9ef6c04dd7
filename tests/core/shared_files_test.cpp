#include "groundglass/core/shared_files.h"

#include <algorithm>

#include <gtest/gtest.h>

namespace groundglass {
namespace {
namespace fs = std::filesystem;

TEST(SharedFiles, OfABuildFolderAreThoseOfTheSources) {
  const auto folders = shared_folders("models");
  ASSERT_GE(folders.size(), 2U);
  EXPECT_TRUE(fs::equivalent(folders.back(), fs::path(GROUNDGLASS_SOURCE_DIR) / "models"));
  EXPECT_TRUE(fs::exists(shared_file("models", "ct_infection.safetensors")));
  EXPECT_TRUE(fs::exists(shared_file("recipes", "ct_infection.toml")));
}

TEST(SharedFiles, StandFirstInThePrefix) {
  const fs::path first = shared_folders("recipes").front();
  EXPECT_EQ(first.filename(), "recipes");
  EXPECT_EQ(first.parent_path().parent_path().filename(), "share");
}

TEST(SharedFiles, ThatDoNotExistAreAnEmptyPath) {
  EXPECT_TRUE(shared_file("models", "nowhere.safetensors").empty());
}

}  // namespace
}  // namespace groundglass
