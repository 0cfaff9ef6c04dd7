#include <gtest/gtest.h>

#include "groundglass/core/files.h"
#include "groundglass/core/rng.h"
#include "groundglass/data/curation.h"
#include "groundglass/io/picture.h"
#include "tests/complaint.h"
#include "tests/scratch_folder.h"

namespace groundglass {
namespace {
namespace fs = std::filesystem;

/// Smooth random shades, so that hashes of two keys have little in common.
torch::Tensor shades(uint64_t key) {
  Rng rng(key);
  auto coarse = torch::empty({1, 1, 9, 9});
  for (int64_t i = 0; i < 81; ++i) coarse.view(-1)[i] = rng.uniform(20, 200);
  return torch::upsample_bilinear2d(coarse, {72, 80}, true)[0][0].to(torch::kUInt8);
}

TEST(Curation, FindsCopiesAndOverExposedPicturesAndKeepsTheRest) {
  const ScratchFolder folder;
  const auto put = [&](const std::string& name, const torch::Tensor& gray) {
    write_png(folder / ("in/" + name + ".png"), gray.contiguous());
  };
  put("a", shades(1));
  put("b", shades(2));
  put("same", shades(1));
  put("brighter", (shades(2).to(torch::kFloat32) * 1.1 + 5).to(torch::kUInt8));
  auto white = shades(3);
  white.narrow(0, 0, 30).fill_(252);
  put("white", white);
  put("flat", torch::full({72, 80}, 90, torch::kUInt8));
  put("other_flat", torch::full({72, 80}, 91, torch::kUInt8));
  write_file(folder / "in/set.csv",
             "image,patient,domain,label\na.png,p,d,x\nb.png,p,d,\nsame.png,q,d,\n"
             "brighter.png,q,d,\nwhite.png,r,d,\nflat.png,r,d,\nother_flat.png,r,d,\n");
  const Dataset dataset = read_dataset(folder / "in/set.csv");
  const Curation found = find_copies_and_over_exposed(dataset, {}, 2);
  ASSERT_EQ(found.copies.size(), 2U);
  EXPECT_EQ(found.copies[0].row, 2U);
  EXPECT_EQ(found.copies[0].of, 0U);
  EXPECT_TRUE(found.copies[0].same_pixels);
  EXPECT_EQ(found.copies[1].row, 3U);
  EXPECT_EQ(found.copies[1].of, 1U);
  EXPECT_FALSE(found.copies[1].same_pixels);
  ASSERT_EQ(found.over_exposed.size(), 1U);
  EXPECT_EQ(found.over_exposed[0].row, 4U);
  EXPECT_NEAR(found.over_exposed[0].share, 30.0 / 72, 1e-9);
  const auto lines = curation_lines(found, dataset);
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_EQ(lines[0], "same: has the pixels of a");
  EXPECT_TRUE(says(lines[1], {"brighter: looks like (", "of 256 bits differ) b"}));
  EXPECT_EQ(lines[2], "white: is over-exposed, 42 % of its pixels are white");
  EXPECT_EQ(write_curated(folder / "kept.csv", dataset, found), 4);
  const Dataset kept = read_dataset(folder / "kept.csv");
  ASSERT_EQ(kept.rows.size(), 4U);
  EXPECT_EQ(kept.rows[0].label, "x");
  EXPECT_EQ(kept.rows[3].patient, "r");
  EXPECT_EQ(fs::weakly_canonical(kept.rows[1].image), fs::weakly_canonical(folder / "in/b.png"));
}

TEST(Curation, TakesBothLimitsExactly) {
  const ScratchFolder folder;
  auto half_white = shades(3);
  half_white.narrow(0, 0, 36).fill_(252);  // of 72 rows
  write_png(folder / "a.png", shades(2));
  write_png(folder / "b.png",
            (shades(2).to(torch::kFloat32) * 1.3).clamp(0, 200).to(torch::kUInt8));
  write_png(folder / "c.png", half_white.contiguous());
  write_file(folder / "set.csv", "image\na.png\nb.png\nc.png\n");
  const Dataset dataset = read_dataset(folder / "set.csv");
  const auto with = [&](int64_t bits, double white) {
    return find_copies_and_over_exposed(dataset, {.max_bits = bits, .white_share = white}, 1);
  };
  const Curation alike = with(255, 0.5);
  ASSERT_GE(alike.copies.size(), 1U);
  const int64_t apart = alike.copies[0].bits;
  ASSERT_GT(apart, 0);
  EXPECT_TRUE(alike.over_exposed.empty());  // as white as may be, not more
  EXPECT_EQ(with(apart, 0.49).copies.size(), 1U);
  EXPECT_EQ(with(apart, 0.49).over_exposed.size(), 1U);
  EXPECT_TRUE(with(apart - 1, 0.5).copies.empty());
}

TEST(Curation, ListsEveryPictureThatCannotBeRead) {
  const ScratchFolder folder;
  write_png(folder / "a.png", shades(1));
  write_file(folder / "b.png", "no picture");
  write_file(folder / "set.csv", "image\na.png\nb.png\n");
  EXPECT_TRUE(says(
      complaint(ErrorKind::data,
                [&] { find_copies_and_over_exposed(read_dataset(folder / "set.csv"), {}, 1); }),
      {"b.png: is no picture that can be read"}));
}

}  // namespace
}  // namespace groundglass
