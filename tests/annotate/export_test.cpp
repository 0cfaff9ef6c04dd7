#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "groundglass/annotate/export.h"
#include "tests/annotate/made_up_project.h"
#include "tests/complaint.h"

namespace groundglass {
namespace {
namespace fs = std::filesystem;

class Export : public testing::Test {
 protected:
  void SetUp() override {
    for (int64_t id = 1; id <= 3; ++id) {
      Choice c;
      c.round = 1;
      c.case_id = id;
      c.annotator = "anna";
      c.letter = made.letter(id, id == 3 ? "manual" : "near");
      made.store.add_choices({c}, Earlier::keep);
    }
  }
  Dataset exported(ExportLayout layout, const std::string& list = "") {
    export_masks(made.store, final_masks(made.store).masks, made.folder / "out", layout, 1);
    return read_dataset(made.folder / ("out" + list));
  }
  torch::Tensor mask_of(const Dataset& set, size_t row) {
    return read_case_mask(set.rows[row].mask, made.store.case_of(1), {});
  }
  void expect_our_masks(const Dataset& set) {
    ASSERT_EQ(set.rows.size(), 3U);
    EXPECT_TRUE(torch::equal(mask_of(set, 0), square(10, 11)));
    EXPECT_TRUE(torch::equal(mask_of(set, 2), square(10, 10)));
    EXPECT_TRUE(torch::equal(read_picture(set.rows[1].image).pixels,
                             read_picture(made.store.case_of(2).image).pixels));
  }
  MadeUpProject made;
};

TEST_F(Export, AsATableKeepsPatients) {
  const Dataset set = exported(ExportLayout::table, "/cases.csv");
  expect_our_masks(set);
  EXPECT_EQ(set.rows[0].patient, "patient_0");
  EXPECT_EQ(set.rows[2].patient, "patient_1");
  EXPECT_EQ(set.rows[2].case_id, "s/case_2");
}

TEST_F(Export, AsNnUnetIsReadAsSuch) {
  const Dataset set = exported(ExportLayout::nnunet);
  EXPECT_EQ(set.layout, DatasetLayout::nnunet);
  expect_our_masks(set);
  EXPECT_EQ(set.rows[0].id, "s_case_0");
  const auto document = nlohmann::json::parse(read_file(made.folder / "out/dataset.json"));
  EXPECT_EQ(document["numTraining"], 3);
  EXPECT_EQ(document["file_ending"], ".png");
  EXPECT_EQ(document["labels"]["background"], 0);
  EXPECT_EQ(document["labels"]["infection"], 1);
  EXPECT_EQ(document["channel_names"]["0"], "gray");
  EXPECT_TRUE(fs::exists(made.folder / "out/imagesTr/s_case_1_0000.png"));
  // nnU-Net wants consecutive class numbers, not 0 and 255.
  EXPECT_EQ(read_mask_picture(made.folder / "out/labelsTr/s_case_1.png").max().item<int>(), 1);
}

TEST_F(Export, AsMonaiLabelHasImagesAtTheRootAndFinalLabels) {
  expect_our_masks(exported(ExportLayout::monai_label, "/cases.csv"));
  EXPECT_TRUE(fs::exists(made.folder / "out/s_case_0.png"));
  EXPECT_TRUE(fs::exists(made.folder / "out/labels/final/s_case_0.png"));
}

TEST_F(Export, SaysWhereEachMaskComesFrom) {
  exported(ExportLayout::table, "/cases.csv");
  EXPECT_EQ(read_file(made.folder / "out/sources.csv"),
            "case,image,mask,source,round,votes,voters,annotators,weights_sha256\n"
            "s/case_0,images/s_case_0.png,masks/s_case_0.png,near,1,1,1,anna,sha_of_near\n"
            "s/case_1,images/s_case_1.png,masks/s_case_1.png,near,1,1,1,anna,sha_of_near\n"
            "s/case_2,images/s_case_2.png,masks/s_case_2.png,manual,1,1,1,anna,\n");
}

TEST_F(Export, MayBeRepeatedButTakesNoStrangersIn) {
  exported(ExportLayout::nnunet);
  EXPECT_EQ(exported(ExportLayout::nnunet).rows.size(), 3U);
  write_png(made.folder / "out/imagesTr/older_0000.png", square(0, 0));
  EXPECT_TRUE(says(complaint(ErrorKind::usage, [&] { exported(ExportLayout::nnunet); }),
                   {"older_0000.png: is no part of this export", "choose another folder"}));
}

TEST_F(Export, OfNothingAndInUnknownLayoutsIsRefused) {
  EXPECT_TRUE(
      says(complaint(
               ErrorKind::data,
               [&] { export_masks(made.store, {}, made.folder / "none", ExportLayout::table, 1); }),
           {"no case has a chosen or drawn mask yet", "annotate choose"}));
  EXPECT_FALSE(fs::exists(made.folder / "none"));
  EXPECT_EQ(export_layout("monai-label"), ExportLayout::monai_label);
  EXPECT_TRUE(says(complaint(ErrorKind::usage, [] { export_layout("nnunett"); }),
                   {"--layout 'nnunett'", "did you mean 'nnunet'"}));
}

TEST(ExportOfClasses, KeepsNumbersAndNamesAnIgnoreLabel) {
  const ScratchFolder folder;
  auto labels = square(10, 10);
  labels.narrow(0, 0, 2).fill_(2);
  labels.narrow(0, 38, 2).fill_(255);
  write_png(folder / "a.png", square(0, 0));
  write_png(folder / "a_mask.png", labels);
  write_file(folder / "t.csv", "image,mask\na.png,a_mask.png\n");
  const DataOptions data{"", MaskLabels::classes, 3};
  auto store = AnnotationStore::create(folder / "p", {"t", data},
                                       cases_of(read_dataset(folder / "t.csv"), data, 1));
  export_masks(store, final_masks(store, "", Unreviewed::keep_manual).masks, folder / "out",
               ExportLayout::nnunet, 1);
  const auto document = nlohmann::json::parse(read_file(folder / "out/dataset.json"));
  EXPECT_EQ(document["labels"]["class_2"], 2);
  EXPECT_EQ(document["labels"]["ignore"], 3);
  EXPECT_TRUE(torch::equal(read_mask_picture(folder / "out/labelsTr/a.png"),
                           labels.masked_fill(labels == 255, 3)));
}

}  // namespace
}  // namespace groundglass
