#include <gtest/gtest.h>

#include "groundglass/adapt/pseudo_set.h"
#include "groundglass/core/task.h"
#include "tests/adapt/adapt_samples.h"
#include "tests/complaint.h"

namespace groundglass {
namespace {
namespace fs = std::filesystem;

/// Marks what is bright, noise among it, so that its masks are not the true ones.
class Bright final : public SegmentationModel {
 public:
  Features encode(torch::Tensor image) override { return {{image}, {}, {}}; }
  Prediction decode(const Features& f) override { return {(f.maps[0] - 0.15) * 20, {}}; }
  int64_t stride() const override { return 1; }
  int64_t in_channels() const override { return 1; }
  int64_t out_channels() const override { return 1; }
  std::vector<std::string> layer_names() const override { return {}; }
};

/// A job that labels "far" by brightness and takes two rows of "near" to train and one to validate.
PseudoSetJob bright_job(const PreparedSet& set, const fs::path& folder) {
  PseudoSetJob job;
  job.model = std::make_shared<Bright>();
  job.options.limit = 0.5;
  job.options.share = 0.2;
  job.target = &set;
  job.target_rows = rows_in(set, "far");
  job.source = &set;
  job.source_split.train = {{0, 0, 0}, {1, 0, 0}};
  job.source_split.validation = {{8, 0, 0}};
  job.folder = folder;
  job.fingerprint = "first";
  return job;
}

TEST(PseudoSet, HoldsTheSourcesValidationAndTheChosenSlicesWithTheirNewMasks) {
  const ScratchFolder folder;
  const PreparedSet set = two_hospitals(folder);
  const SelectionReport report = make_pseudo_set(bright_job(set, folder / "run"));
  EXPECT_EQ(report.slices, 20);
  EXPECT_EQ(report.asked, 4);
  EXPECT_EQ(report.chosen, 4);
  EXPECT_EQ(report.parts.source, 0);
  EXPECT_EQ(report.parts.validation, 1);
  const PreparedSet made(folder / "run/pseudo.ggset");
  ASSERT_EQ(made.size(), 5);
  EXPECT_EQ(made.rows()[0], set.rows()[8]);
  EXPECT_TRUE(torch::equal(made.mask(0), set.mask(8)));
  EXPECT_EQ(made.header().preprocess, set.header().preprocess);
  for (int64_t i = 1; i < 5; ++i) {
    const std::string id = report.chosen_ids[static_cast<size_t>(i - 1)];
    EXPECT_EQ(made.rows()[static_cast<size_t>(i)].id, id + "~pseudo");
    const auto bright = made.image(i)[0].to(torch::kFloat32) / 255 > 0.15;
    EXPECT_TRUE(torch::equal(made.mask(i), bright.to(torch::kUInt8)));
  }
  EXPECT_NE(read_file(folder / "run/pseudo_labels.csv").find("beyond the share"),
            std::string::npos);
}

TEST(PseudoSet, MixesTheSourceInAndKeepsTheRestUnlabelled) {
  const ScratchFolder folder;
  const PreparedSet set = two_hospitals(folder);
  PseudoSetJob job = bright_job(set, folder / "run");
  job.options.mix_source = true;
  job.options.entropy_weight = 0.1;
  const auto parts = make_pseudo_set(job).parts;
  EXPECT_EQ(parts.source, 2);
  EXPECT_EQ(parts.chosen, 4);
  EXPECT_EQ(parts.unlabelled, 16);
  const PreparedSet made(folder / "run/pseudo.ggset");
  ASSERT_EQ(made.size(), 2 + 1 + 4 + 16);
  EXPECT_TRUE((made.mask(22) == kIgnoreLabel).all().item<bool>());
  EXPECT_FALSE(made.rows()[22].has_mask);
  const Split split = pseudo_split(parts);
  EXPECT_EQ(split.train.size(), 22U);
  ASSERT_EQ(split.validation.size(), 1U);
  EXPECT_EQ(split.validation[0].row, 2);
  EXPECT_TRUE(split.test.empty());
}

TEST(PseudoSet, HoldsOutEveryFifthChosenSliceWhereThereIsNoSource) {
  PseudoSetParts parts;
  parts.chosen = 11;
  const Split split = pseudo_split(parts);
  EXPECT_EQ(split.train.size(), 9U);
  ASSERT_EQ(split.validation.size(), 2U);
  EXPECT_EQ(split.validation[0].row, 4);
  EXPECT_EQ(split.validation[1].row, 9);
  parts.chosen = 1;
  EXPECT_EQ(pseudo_split(parts).train.size(), 1U);
  EXPECT_EQ(pseudo_split(parts).validation.size(), 1U);
}

TEST(PseudoSet, WithoutAnySureSliceIsRefusedBeforeAnythingIsWritten) {
  const ScratchFolder folder;
  const PreparedSet set = two_hospitals(folder);
  PseudoSetJob job = bright_job(set, folder / "run");
  job.options.limit = 1;
  EXPECT_TRUE(says(complaint(ErrorKind::data, [&] { make_pseudo_set(job); }),
                   {"no slice", "of 20 slices", "20 lie below the limit 1", "adapt.limit"}));
  EXPECT_THROW(make_pseudo_set(job), NothingChosen);
  EXPECT_FALSE(fs::exists(folder / "run"));
}

TEST(PseudoSet, AsksForTheSourceItNeeds) {
  const ScratchFolder folder;
  const PreparedSet set = two_hospitals(folder);
  PseudoSetJob job = bright_job(set, folder / "run");
  job.source = nullptr;
  EXPECT_TRUE(says(complaint(ErrorKind::usage, [&] { make_pseudo_set(job); }),
                   {"--source", "adapt.stop_on=pseudo"}));
  job.options.stop_on = StopOn::pseudo;
  EXPECT_EQ(make_pseudo_set(job).parts.validation, 0);
}

TEST(PseudoSet, IsReadBackAndNotGivenToAnotherAdaptation) {
  const ScratchFolder folder;
  const PreparedSet set = two_hospitals(folder);
  PseudoSetJob job = bright_job(set, folder / "run");
  const SelectionReport first = make_pseudo_set(job);
  job.model = nullptr;  // not asked again
  const SelectionReport again = make_pseudo_set(job);
  EXPECT_EQ(again.chosen_ids, first.chosen_ids);
  EXPECT_EQ(again.histogram, first.histogram);
  job.fingerprint = "second";
  EXPECT_TRUE(says(complaint(ErrorKind::usage, [&] { make_pseudo_set(job); }),
                   {"holds an adaptation of another", "another folder"}));
  write_file(folder / "run/selection.json", "{\"slices\": 3");
  EXPECT_TRUE(says(complaint(ErrorKind::checkpoint, [&] { make_pseudo_set(job); }),
                   {"selection.json", "damaged"}));
}

TEST(PseudoSet, IsWrittenAgainIfOnlyTheSelectionWasFinished) {
  const ScratchFolder folder;
  const PreparedSet set = two_hospitals(folder);
  const PseudoSetJob job = bright_job(set, folder / "run");
  make_pseudo_set(job);
  const std::string whole = read_file(folder / "run/pseudo.ggset");
  fs::remove(folder / "run/pseudo.ggset");
  make_pseudo_set(job);
  EXPECT_EQ(read_file(folder / "run/pseudo.ggset"), whole);
}

}  // namespace
}  // namespace groundglass
