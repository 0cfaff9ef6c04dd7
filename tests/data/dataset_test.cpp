#include <fstream>

#include <gtest/gtest.h>

#include "groundglass/core/files.h"
#include "groundglass/data/dataset.h"
#include "tests/complaint.h"
#include "tests/scratch_folder.h"

namespace groundglass {
namespace {

/// Makes empty files: lists are read without their images.
void touch(const ScratchFolder& folder, std::initializer_list<const char*> names) {
  for (const char* name : names) write_file(folder / name, "");
}

TEST(Dataset, ReadsATableWithAllItsColumns) {
  const ScratchFolder folder;
  touch(folder, {"a/1.png", "a/1_m.png", "b.png"});
  write_file(folder / "cases.csv",
             "domain,patient,case,z,image,infection,label\n"
             "site,pat,study,4,a/1.png,a/1_m.png,COVID\n"
             "site,pat2,,5,b.png,,\n");
  const Dataset d = read_dataset(folder / "cases.csv");
  EXPECT_EQ(d.layout, DatasetLayout::table);
  EXPECT_EQ(d.mask_column, "infection");
  EXPECT_TRUE(d.warnings.empty());
  ASSERT_EQ(d.rows.size(), 2U);
  EXPECT_EQ(d.rows[0].id, "a/1");
  EXPECT_EQ(d.rows[0].case_id, "study");
  EXPECT_EQ(d.rows[0].patient, "pat");
  EXPECT_EQ(d.rows[0].domain, "site");
  EXPECT_EQ(d.rows[0].label, "COVID");
  EXPECT_EQ(d.rows[0].mask, folder / "a/1_m.png");
  EXPECT_EQ(d.rows[1].case_id, "b");  // a case of its own
  EXPECT_TRUE(d.rows[1].mask.empty());
}

TEST(Dataset, TakesTheMaskColumnItIsTold) {
  const ScratchFolder folder;
  touch(folder, {"x.png", "i.png", "l.png"});
  write_file(folder / "t.csv", "image,lung,infection\nx.png,l.png,i.png\n");
  EXPECT_EQ(read_dataset(folder / "t.csv").mask_column, "infection");
  EXPECT_EQ(read_dataset(folder / "t.csv", {"lung"}).rows[0].mask, folder / "l.png");
  EXPECT_TRUE(says(complaint(ErrorKind::data, [&] { read_dataset(folder / "t.csv", {"lungs"}); }),
                   {"no column 'lungs'", "did you mean 'lung'"}));
}

TEST(Dataset, TakesBlanksAndCapitalsInATable) {
  const ScratchFolder folder;
  touch(folder, {"x.png", "m.png"});
  write_file(folder / "t.csv", "Image, Infection,patient\n x.png, m.png ,p \n");
  const Dataset d = read_dataset(folder / "t.csv");
  EXPECT_EQ(d.rows[0].image, folder / "x.png");
  EXPECT_EQ(d.rows[0].mask, folder / "m.png");
  EXPECT_EQ(d.rows[0].patient, "p");
  ASSERT_EQ(d.warnings.size(), 1U);
  EXPECT_TRUE(says(d.warnings[0], {"'Infection'", "masks"}));
  require_masks(d);
}

TEST(Dataset, RefusesAMaskColumnWithATypingMistake) {
  const ScratchFolder folder;
  touch(folder, {"x.png", "m.png", "l.png"});
  for (const char* column : {"infections", "infectoin", "Infektion", "masks", "lungs"}) {
    write_file(folder / "t.csv", std::string("image,patient,") + column + "\nx.png,p,m.png\n");
    EXPECT_TRUE(says(complaint(ErrorKind::data, [&] { read_dataset(folder / "t.csv"); }),
                     {column, "did you mean", "data.mask"}));
    EXPECT_EQ(read_dataset(folder / "t.csv", {column}).rows[0].mask, folder / "m.png");
  }
  write_file(folder / "t.csv", "image,infectoin,lung\nx.png,m.png,l.png\n");  // not the lungs
  EXPECT_TRUE(says(complaint(ErrorKind::data, [&] { read_dataset(folder / "t.csv"); }),
                   {"infectoin", "did you mean 'infection'"}));
  write_file(folder / "t.csv", "image,infection,masks,task\nx.png,m.png,l.png,1\n");
  EXPECT_EQ(read_dataset(folder / "t.csv").mask_column, "infection");
}

TEST(Dataset, RequiresMasksWhereTheyAreLearned) {
  const ScratchFolder folder;
  touch(folder, {"x.png", "m.png"});
  const auto refusal = [&](const char* table) {
    write_file(folder / "t.csv", table);
    return complaint(ErrorKind::data, [&] { require_masks(read_dataset(folder / "t.csv")); });
  };
  EXPECT_TRUE(says(refusal("image,patient\nx.png,p\n"), {"no column with masks", "infection"}));
  EXPECT_TRUE(says(refusal("image,lesion_file\nx.png,m.png\n"),
                   {"'lesion_file'", "data.mask=lesion_file"}));
  EXPECT_TRUE(says(refusal("image,infection\nx.png, \n"), {"none of 1 images", "'infection'"}));
}

TEST(Dataset, WarnsThatSplitsMayLeakWithoutPatients) {
  const ScratchFolder folder;
  touch(folder, {"x.png"});
  write_file(folder / "t.csv", "image\nx.png\n");
  const Dataset d = read_dataset(folder / "t.csv");
  ASSERT_EQ(d.warnings.size(), 1U);
  EXPECT_TRUE(says(d.warnings[0], {"patient", "leak"}));
}

TEST(Dataset, WarnsOfColumnsThatATypingMistakeKeepsFromCounting) {
  const ScratchFolder folder;
  touch(folder, {"x.png", "y.png"});
  write_file(folder / "t.csv", "image,mask,patient,domian\nx.png,y.png,1,here\n");
  const Dataset d = read_dataset(folder / "t.csv");
  ASSERT_EQ(d.warnings.size(), 1U);
  EXPECT_TRUE(says(d.warnings[0], {"t.csv:1: column 'domian' is passed over", "'domain'"}));
}

TEST(Dataset, KnowsAFileHoweverItIsWritten) {
  const ScratchFolder folder;
  touch(folder, {"x.png"});
  write_file(folder / "t.csv", "image,patient\nx.png,1\n./x.png,2\n");
  EXPECT_TRUE(says(complaint(ErrorKind::data, [&] { read_dataset(folder / "t.csv"); }),
                   {":3: './x.png' is listed already on line 2"}));
}

TEST(Dataset, ListsEveryProblemOfATableAtOnce) {
  const ScratchFolder folder;
  touch(folder, {"x.png"});
  write_file(folder / "t.csv",
             "image,mask,patient\nx.png,gone.png,1\nlost.png,,2\nx.png,,3\n,,4\n");
  const std::string text = complaint(ErrorKind::data, [&] { read_dataset(folder / "t.csv"); });
  EXPECT_TRUE(
      says(text, {"4 problems", ":2: ", "gone.png: no such file", ":3: ", "lost.png: no such file",
                  ":4: 'x.png' is listed already on line 2", ":5: the image column is empty"}));
}

TEST(Dataset, RefusesTablesThatAreNone) {
  const ScratchFolder folder;
  write_file(folder / "a.csv", "picture,mask\n1,2\n");
  write_file(folder / "b.csv", "image,mask\n");
  const auto refusal = [&](const char* name) {
    return complaint(ErrorKind::data, [&] { read_dataset(folder / name); });
  };
  EXPECT_TRUE(says(refusal("a.csv"), {"no column 'image'", "picture,mask"}));
  EXPECT_TRUE(says(refusal("b.csv"), {"lists no images"}));
  EXPECT_TRUE(says(refusal("c.csv"), {"no such file"}));
}

TEST(Dataset, ReadsAnNnunetFolder) {
  const ScratchFolder folder;
  write_file(folder / "dataset.json",
             R"({"channel_names":{"0":"CT"},"labels":{"background":0,"infection":1},)"
             R"("numTraining":2,"file_ending":".nii.gz"})");
  touch(folder, {"imagesTr/k1_0000.nii.gz", "imagesTr/k2_0000.nii.gz", "labelsTr/k1.nii.gz",
                 "labelsTr/k2.nii.gz"});
  const Dataset d = read_dataset(folder.path());
  EXPECT_EQ(d.layout, DatasetLayout::nnunet);
  ASSERT_EQ(d.rows.size(), 2U);
  EXPECT_EQ(d.rows[1].id, "k2");
  EXPECT_EQ(d.rows[1].mask, folder / "labelsTr/k2.nii.gz");
}

TEST(Dataset, ListsEveryProblemOfAnNnunetFolder) {
  const ScratchFolder folder;
  write_file(folder / "dataset.json", R"({"channel_names":{"0":"CT"},"file_ending":".nii.gz"})");
  touch(folder, {"imagesTr/k1_0000.nii.gz", "imagesTr/k2.nii.gz", "labelsTr/k3.nii.gz"});
  EXPECT_TRUE(says(complaint(ErrorKind::data, [&] { read_dataset(folder.path()); }),
                   {"3 problems", "k1.nii.gz: no such file", "does not end in _0000.nii.gz",
                    "k3.nii.gz: has no image"}));
  write_file(folder / "dataset.json", R"({"channel_names":{"0":"T1","1":"T2"}})");
  EXPECT_TRUE(says(complaint(ErrorKind::data, [&] { read_dataset(folder.path()); }),
                   {"2 channels", "one image per case"}));
  write_file(folder / "dataset.json", "{");
  EXPECT_TRUE(
      says(complaint(ErrorKind::data, [&] { read_dataset(folder.path()); }), {"no JSON object"}));
}

TEST(Dataset, ReadsPairedFolders) {
  const ScratchFolder folder;
  touch(folder, {"frames/1.png", "frames/2.png", "masks/1.png", "masks/2_mask.png"});
  const Dataset d = read_dataset(folder.path());
  EXPECT_EQ(d.layout, DatasetLayout::paired_folders);
  ASSERT_EQ(d.rows.size(), 2U);
  EXPECT_EQ(d.rows[1].mask, folder / "masks/2_mask.png");
  EXPECT_EQ(d.warnings.size(), 1U);
  touch(folder, {"frames/3.png", "masks/4.png", "masks/1_mask.png"});
  EXPECT_TRUE(says(
      complaint(ErrorKind::data, [&] { read_dataset(folder.path()); }),
      {"3 problems", "3.png: has no partner", "4.png: has no image", "a second mask for '1'"}));
}

TEST(Dataset, RefusesAFolderOfNoKnownLayout) {
  const ScratchFolder folder;
  touch(folder, {"something.txt"});
  EXPECT_FALSE(is_dataset(folder.path()));
  EXPECT_TRUE(says(complaint(ErrorKind::data, [&] { read_dataset(folder.path()); }),
                   {"is no data set", "dataset.json", "masks"}));
}

TEST(WithoutEnding, KnowsCompressedEndingsAndHiddenFiles) {
  EXPECT_EQ(without_ending("a/b.c/d.nii.gz"), "a/b.c/d");
  EXPECT_EQ(without_ending("a/b.c/d"), "a/b.c/d");
  EXPECT_EQ(without_ending("x.y.png"), "x.y");
  EXPECT_EQ(without_ending("a/.hidden"), "a/.hidden");
}

}  // namespace
}  // namespace groundglass
