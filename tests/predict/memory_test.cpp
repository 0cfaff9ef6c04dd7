// How much memory a prediction says that it takes, what it refuses, and what it took.
#include <gtest/gtest.h>

#include "groundglass/core/process.h"
#include "groundglass/data/phantom_files.h"
#include "groundglass/io/nifti.h"
#include "groundglass/io/picture.h"
#include "groundglass/predict/pace.h"
#include "groundglass/predict/predict.h"
#include "tests/complaint.h"
#include "tests/predict/bright_is_lesion.h"
#include "tests/scratch_folder.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

constexpr int64_t kMib = 1 << 20;

struct NoteListener final : Observer {
  void on(const Note& e) override { notes.push_back(e.message); }
  std::vector<std::string> notes;
};

fs::path phantom_study(const fs::path& folder, int64_t slices, int64_t side) {
  PhantomSetOptions options;
  options.cases = 1;
  options.format = PhantomFormat::dicom;
  options.phantom = {.slices = slices, .side = side};
  return write_phantom_set(folder, options);
}

PredictJob everything(const fs::path& input, const fs::path& output) {
  PredictJob job;
  job.inputs = find_inputs(input).inputs;
  job.output = output;
  job.model_name = "bright";
  job.save_probabilities = job.overlay = true;
  return job;
}

/// A volume whose slices are sagittal: it must be turned as a whole.
fs::path sagittal(const fs::path& path, int64_t depth, int64_t side) {
  Volume volume{torch::full({depth, side, side}, -900, torch::kInt16), {}, Units::hu, 255, {}};
  volume.geometry.direction = {0, 0, 1, 0, -1, 0, 1, 0, 0};
  write_volume(path, volume);
  return path;
}

TEST(PredictMemory, IsToldBeforeTheWorkAndHoldsAfterIt) {
#if defined(__SANITIZE_ADDRESS__)
  GTEST_SKIP() << "the address sanitizer keeps what is freed";
#endif
  const ScratchFolder folder;
  const auto study = phantom_study(folder / "axial", 60, 256);
  const auto turned = sagittal(folder / "turned.nii.gz", 160, 160);
  for (const auto& input : {study, turned}) {
    Segmenter segmenter = bright_segmenter(256);
    PredictJob job = everything(input, folder / "out");
    job.batch = 16;
    const double start = watch_peak_mib();
    const double bound = predict(segmenter, job).memory_bound_mib - start;
    const double grown = watched_peak_mib() - start;
    EXPECT_GT(bound, grown) << input;
    EXPECT_LT(bound, 2.5 * grown) << input;
  }
}

TEST(PredictMemory, IsToldToBeNoLessThanWhatWasTakenBefore) {
#if defined(__SANITIZE_ADDRESS__)
  GTEST_SKIP() << "the address sanitizer keeps what is freed";
#endif
  const ScratchFolder folder;
  const auto study = phantom_study(folder / "data", 6, 64);
  Segmenter segmenter = bright_segmenter(64);
  const double start = watch_peak_mib();
  torch::ones({400 * kMib}, torch::kUInt8);  // as making a plan takes and gives back
  EXPECT_GT(predict(segmenter, everything(study, folder / "out")).memory_bound_mib, start + 390);
}

TEST(PredictMemory, CountsTheMapsOfAnImageForEachThread) {
  Segmenter segmenter = bright_segmenter(1024);  // on two threads
  Image image;
  image.pixels = torch::zeros({1, 1024, 1024}, torch::kUInt8);
  segmenter.segment({image});
  if (segmenter.runner().engine() != "plan") GTEST_SKIP() << "no plans here";
  watch_peak_mib();
  MemoryNeed need;
  need.whole = 512 * kMib;
  Pace one(segmenter, {1, 0}, silent_observer()), four(segmenter, {4, 0}, silent_observer());
  one.next("a.nii", need);
  four.next("a.nii", need);
  const double maps = static_cast<double>(segmenter.arena_bytes()) / kMib;
  EXPECT_GT(maps, 3);
  EXPECT_NEAR(four.bound_mib() - one.bound_mib(), maps, 0.5 * maps);
}

TEST(PredictMemory, IsToldInOneLine) {
  const ScratchFolder folder;
  const auto study = phantom_study(folder / "data", 6, 64);
  Segmenter segmenter = bright_segmenter(64);
  NoteListener listener;
  const auto summary = predict(segmenter, everything(study, folder / "out"), listener);
  ASSERT_EQ(listener.notes.size(), 1U);
  EXPECT_TRUE(says(listener.notes[0], {"memory: at most", "slices at once", "may be taken"}));
  EXPECT_EQ(listener.notes[0].find('\n'), std::string::npos);
  EXPECT_GT(summary.memory_bound_mib, rss_mib() / 2);
}

TEST(PredictMemory, RefusesInOneLineWhatWouldHelp) {
  const ScratchFolder folder;
  const auto turned = sagittal(folder / "turned.nii.gz", 64, 64);
  Segmenter segmenter = bright_segmenter(64);
  PredictJob job = everything(turned, folder / "out");
  job.memory_limit = 20 * kMib;
  const auto refusal = complaint(ErrorKind::device, [&] { predict(segmenter, job); });
  EXPECT_TRUE(
      says(refusal, {"turned.nii.gz", "takes up to", "20 MiB may be taken",
                     "no --save-probabilities", "no --overlay", "axial slices", "--memory"}));
  EXPECT_EQ(refusal.find("--batch"), std::string::npos);  // it is one slice already
  EXPECT_EQ(refusal.find('\n'), std::string::npos);
  EXPECT_FALSE(fs::exists(folder / "out/turned_mask.nii.gz"));
  EXPECT_EQ(segmenter.runner().engine(), "none");  // nothing was read on
}

TEST(PredictMemory, RefusesABatchThatIsGivenAndShrinksOneThatIsNot) {
  watch_peak_mib();  // what other tests took is not this one's
  Segmenter segmenter = bright_segmenter(64);
  Image image;
  image.pixels = torch::zeros({1, 64, 64}, torch::kUInt8);
  segmenter.segment({image});
  MemoryNeed need;
  need.each = 64 * kMib;
  const auto limit = static_cast<int64_t>(rss_mib() + 64 * 5) * kMib;
  Pace given(segmenter, {16, limit}, silent_observer());
  EXPECT_TRUE(says(complaint(ErrorKind::device, [&] { given.next("a.nii", need); }),
                   {"a.nii", "a smaller --batch than 16"}));
  Pace chosen(segmenter, {0, limit}, silent_observer());
  const int64_t batch = chosen.next("a.nii", need);
  EXPECT_LE(batch, 4);
  EXPECT_GE(batch, 2);
  EXPECT_LE(chosen.bound_mib(), static_cast<double>(limit / kMib));
  EXPECT_GT(chosen.bound_mib(), rss_mib());
}

TEST(PredictMemory, GrowsWithTheLargestPicture) {
  const ScratchFolder folder;
  for (const int64_t side : {64, 700, 80}) {
    write_png(folder / ("in/" + std::to_string(side) + ".png"),
              torch::full({side, side}, 30, torch::kUInt8));
  }
  Segmenter segmenter = bright_segmenter(64);
  NoteListener listener;
  PredictJob job = everything(folder / "in", folder / "out");
  job.batch = 2;
  EXPECT_GT(predict(segmenter, job, listener).memory_bound_mib, 0);
  EXPECT_GE(listener.notes.size(), 1U);
  job.memory_limit = 30 * kMib;
  job.output = folder / "less";
  EXPECT_TRUE(says(complaint(ErrorKind::device, [&] { predict(segmenter, job); }),
                   {".png", "30 MiB may be taken"}));
}

TEST(PredictMemory, MasksAreTheSameForAnyBatch) {
  const ScratchFolder folder;
  const auto study = phantom_study(folder / "data", 20, 64);
  std::vector<torch::Tensor> masks;
  for (const int64_t batch : {0, 1, 3, 16}) {
    Segmenter segmenter = bright_segmenter(64);
    PredictJob job = everything(study, folder / ("out" + std::to_string(batch)));
    job.batch = batch;
    predict(segmenter, job);
    masks.push_back(read_label_volume(job.output / "case_000_mask.nii.gz").labels);
    EXPECT_TRUE(torch::equal(masks.back(), masks.front()));
  }
}

}  // namespace
}  // namespace groundglass
