// Masks of class numbers on their way into a prepared set and into batches.
#include <gtest/gtest.h>

#include "groundglass/core/files.h"
#include "groundglass/data/loader.h"
#include "groundglass/data/phantom_files.h"
#include "groundglass/data/prepare.h"
#include "groundglass/data/read_pair.h"
#include "groundglass/io/picture.h"
#include "groundglass/io/volume_reader.h"
#include "tests/complaint.h"
#include "tests/scratch_folder.h"

namespace groundglass {
namespace {

const DataOptions kThreeClasses{"classes", MaskLabels::classes, 3};

/// A picture whose mask holds 0 and 2 in stripes of three pixels: a blend of both would be 1.
PrepareJob striped_job(const ScratchFolder& folder) {
  auto mask = torch::zeros({90, 90}, torch::kUInt8);
  for (int64_t y = 0; y < 90; y += 6) mask.narrow(0, y, 3).fill_(2);
  write_png(folder / "a.png", mask * 100 + 20);
  write_png(folder / "a_class.png", mask);
  write_file(folder / "cases.csv", "image,classes\na.png,a_class.png\n");
  PrepareJob job;
  job.dataset = read_dataset(folder / "cases.csv", {"classes"});
  job.data = kThreeClasses;
  job.preprocess.size = {64, 64};
  job.output = folder / "set.ggset";
  job.class_names = {"ground glass", "consolidation"};
  return job;
}

bool holds_only(const torch::Tensor& mask, std::initializer_list<int> values) {
  auto other = torch::ones_like(mask, torch::kBool);
  for (const int v : values) other = other & (mask != v);
  return !other.any().item<bool>();
}

TEST(ClassMasks, KeepTheirNumbersThroughResizeAndAugmentation) {
  const ScratchFolder folder;
  const PrepareJob job = striped_job(folder);
  prepare(job);
  const PreparedSet set(job.output);
  EXPECT_TRUE(holds_only(set.mask(0), {0, 2}));
  EXPECT_GT((set.mask(0) == 2).sum().item<int64_t>(), 64 * 64 / 3);
  EXPECT_EQ(set.header().classes, "0 background, 1 ground glass, 2 consolidation; 255 ignored");
  EXPECT_EQ(set.header().class_count, 3);
  LoaderOptions options;
  options.vary = true;
  options.augment.mode = AugmentMode::online;
  options.augment.affine_probability = options.augment.warp_probability = 1;
  options.augment.rotate_deg = 20;
  options.augment.scale = 0.3;
  for (int64_t draw = 0; draw < 20; ++draw) {
    EXPECT_TRUE(holds_only(load_sample(set, {0, 0, draw}, options).mask, {0, 2})) << draw;
  }
}

TEST(ClassMasks, AreNotTakenForEmptyWhereThereIsNone) {
  const ScratchFolder folder;
  PrepareJob job = striped_job(folder);
  write_png(folder / "b.png", torch::full({90, 90}, 20, torch::kUInt8));
  write_file(folder / "cases.csv", "image,classes\na.png,a_class.png\nb.png,\n");
  job.dataset = read_dataset(folder / "cases.csv", {"classes"});
  class Listener final : public Observer {
   public:
    void on(const Warning& e) override { heard += e.message; }
    std::string heard;
  } listener;
  EXPECT_EQ(prepare(job, listener), 1);
  EXPECT_TRUE(says(listener.heard, {"1 of 2 images have no mask", "left out"}));
  job.dataset.rows.erase(job.dataset.rows.begin());
  job.output = folder / "none.ggset";
  EXPECT_TRUE(
      says(complaint(ErrorKind::data, [&] { prepare(job); }), {"1 of 1 images", "no mask"}));
  job.data = {"", MaskLabels::any, 2};  // of two classes a missing mask is an empty one, as ever
  listener.heard.clear();
  EXPECT_EQ(prepare(job, listener), 1);
  EXPECT_EQ(listener.heard.find("no mask"), std::string::npos) << "a set without masks is none";
  job.dataset = read_dataset(folder / "cases.csv", {"classes"});
  job.output = folder / "some.ggset";
  EXPECT_EQ(prepare(job, listener), 2);
  EXPECT_TRUE(says(listener.heard, {"1 of 2 images have no mask (b, for one)",
                                    "count as images without infection"}));
}

TEST(ClassMasks, AreSaidToMeanWhatTheRecipeCallsThem) {
  EXPECT_EQ(mask_meaning(kThreeClasses, {}), "0 background, 1 class 1, 2 class 2; 255 ignored");
  EXPECT_EQ(mask_meaning({"", MaskLabels::any, 2}, {}),
            "0 background, 1 foreground (labels 'any')");
}

TEST(ClassMasks, AreRefusedIfTheyHoldOtherNumbersOrAreOfTwoClasses) {
  const auto refused = [](const torch::Tensor& mask) {
    return complaint(ErrorKind::data,
                     [&] { known_labels(mask.to(torch::kUInt8), kThreeClasses, "a_class.png"); });
  };
  const auto numbers = torch::tensor({0, 1, 2, 3}).view({2, 2});
  EXPECT_TRUE(says(refused(numbers), {"a_class.png", "label 3", "class numbers below 3"}));
  const auto binary = torch::tensor({0, 255, 255, 0}).view({2, 2});
  EXPECT_TRUE(says(refused(binary), {"255 and no class number", "labels 'binary'"}));
  const auto ignoring = torch::tensor({0, 255, 2, 0}, torch::kUInt8).view({2, 2});
  EXPECT_TRUE(torch::equal(known_labels(ignoring, kThreeClasses, "x"), ignoring));
  const auto empty = torch::zeros({2, 2}, torch::kUInt8);
  EXPECT_TRUE(torch::equal(known_labels(empty, kThreeClasses, "x"), empty));
}

TEST(PhantomClasses, StandInVolumesAndTheirDescription) {
  const ScratchFolder folder;
  PhantomSetOptions options;
  options.cases = 2;
  options.format = PhantomFormat::nifti;
  options.phantom = {.slices = 12, .side = 64};
  options.classes = true;
  write_phantom_set(folder / "n", options);
  EXPECT_TRUE(says(read_file(folder / "n/dataset.json"), {"ground glass", "consolidation"}));
  int64_t most = 0;
  for (const char* name : {"case_000", "case_001"}) {
    const auto labels =
        read_label_volume(folder / "n/labelsTr" / (std::string(name) + ".nii.gz")).labels;
    EXPECT_TRUE(holds_only(labels, {0, 1, 2}));
    most = std::max<int64_t>(most, labels.max().item<int64_t>());
  }
  EXPECT_EQ(most, 2);
  options.classes = false;
  write_phantom_set(folder / "one", options);
  EXPECT_EQ(read_label_volume(folder / "one/labelsTr/case_000.nii.gz").labels.max().item<int>(), 1);
  options.kind = PhantomKind::cxr;
  options.format = PhantomFormat::png;
  options.classes = true;
  EXPECT_TRUE(says(complaint(ErrorKind::usage, [&] { write_phantom_set(folder / "x", options); }),
                   {"--classes", "--kind ct"}));
}

}  // namespace
}  // namespace groundglass
