// Masks beside pictures that are stored turned: they lie as the file does.
#include <gtest/gtest.h>

#include "groundglass/core/files.h"
#include "groundglass/io/picture.h"
#include "groundglass/report/explanation.h"
#include "groundglass/report/find_infection.h"
#include "tests/io/picture_samples.h"
#include "tests/predict/bright_is_lesion.h"
#include "tests/scratch_folder.h"

namespace groundglass {
namespace {

constexpr int kQuarterTurn = 6;

/// An X-ray that is bright in its upper half, and lungs in its left third: upright as u.png and
/// u_lung.png, and the same stored a quarter turned as t.png and t_lung.png.
void write_two_ways(const ScratchFolder& folder, int64_t height, int64_t width) {
  auto pixels = torch::full({height, width}, 20, torch::kUInt8);
  pixels.narrow(0, 0, height / 2).fill_(230);
  auto lung = torch::zeros({height, width}, torch::kUInt8);
  lung.narrow(1, 0, width / 3).fill_(255);
  lung.narrow(0, 0, height / 4).fill_(0);
  write_png(folder / "u.png", pixels);
  write_png(folder / "u_lung.png", lung);
  write_file(folder / "t.png",
             turned_png(encode_png(as_stored(pixels, kQuarterTurn).contiguous()), kQuarterTurn));
  write_png(folder / "t_lung.png", as_stored(lung, kQuarterTurn).contiguous());
}

class TurnedPictures : public testing::TestWithParam<std::pair<int64_t, int64_t>> {
 protected:
  void SetUp() override { write_two_ways(folder, GetParam().first, GetParam().second); }
  /// Of a square picture that is stored turned nobody can tell how its mask lies.
  static size_t doubts(const std::string& name) {
    return name == "t" && GetParam().first == GetParam().second ? 1 : 0;
  }

  const ScratchFolder folder;
  Segmenter segmenter = bright_segmenter();
};

TEST_P(TurnedPictures, HaveTheSameShareOfTheirLungsInfected) {
  std::vector<double> shares;
  for (const std::string name : {"u", "t"}) {
    Xray xray;
    xray.path = folder / (name + ".png");
    xray.lung = folder / (name + "_lung.png");
    xray.stem = name;
    const auto found = find_infections(segmenter, {xray}, {}, silent_observer());
    ASSERT_TRUE(found.failed.empty()) << found.failed[0].problem;
    shares.push_back(found.findings[0].lung_fraction.value());
    EXPECT_EQ(found.findings[0].warnings.size(), doubts(name));
  }
  EXPECT_NEAR(shares[0], 1.0 / 3, 0.05);
  EXPECT_EQ(shares[0], shares[1]);
}

TEST_P(TurnedPictures, HaveTheSameShareOfTheMapInTheirLungs) {
  std::vector<nlohmann::ordered_json> shares;
  for (const std::string name : {"u", "t"}) {
    const ChosenInput input{
        {folder / (name + ".png"), name, false}, {}, folder / (name + "_lung.png")};
    ExplainJob job;
    job.output = folder.path();
    const auto line = explain_by_map(segmenter, nullptr, {input}, job)[0];
    shares.push_back(line["heat_in_lung"]);
    EXPECT_EQ(line["warnings"].size(), doubts(name));
  }
  EXPECT_TRUE(shares[0]["inside"].is_number()) << shares[0];
  EXPECT_EQ(shares[0], shares[1]);
  EXPECT_EQ(read_file(folder / "u_panels.png"), read_file(folder / "t_panels.png"));
}

INSTANTIATE_TEST_SUITE_P(Sizes, TurnedPictures,
                         testing::Values(std::pair<int64_t, int64_t>{96, 96},
                                         std::pair<int64_t, int64_t>{96, 60}));

}  // namespace
}  // namespace groundglass
