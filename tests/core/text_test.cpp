#include "groundglass/core/text.h"

#include <cstdlib>
#include <limits>

#include <gtest/gtest.h>

#include "groundglass/core/field.h"
#include "tests/complaint.h"

namespace groundglass {
namespace {

using Strings = std::vector<std::string>;

TEST(Text, ListsWordsAsASentenceWould) {
  EXPECT_EQ(listed({}), "nothing");
  EXPECT_EQ(listed({"a"}), "a");
  EXPECT_EQ(listed({"a", "b"}), "a and b");
  EXPECT_EQ(listed({"a", "b", "c"}), "a, b and c");
  EXPECT_EQ(in_quotes("dice"), "'dice'");
}

TEST(Text, JoinsAndSplits) {
  EXPECT_EQ(joined({"a", "", "b"}, "; "), "a; ; b");
  EXPECT_EQ(joined({}, ","), "");
  EXPECT_EQ(split_text("a,,b", ','), (Strings{"a", "", "b"}));
  EXPECT_EQ(split_text("", ','), (Strings{""}));
  EXPECT_EQ(split_text("a,", ','), (Strings{"a", ""}));
}

TEST(Text, CountsEdits) {
  EXPECT_EQ(edit_distance("", ""), 0U);
  EXPECT_EQ(edit_distance("", "abc"), 3U);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3U);
  EXPECT_EQ(edit_distance("sitting", "kitten"), 3U);
  EXPECT_EQ(edit_distance("learning_rte", "learning_rate"), 1U);
  EXPECT_EQ(edit_distance("ab", "ba"), 2U);
}

TEST(Text, OffersTheNearestWordOrAll) {
  const Strings known = {"dice", "tversky", "cross_entropy"};
  EXPECT_EQ(did_you_mean("dcie", known), "; did you mean 'dice'?");
  EXPECT_EQ(did_you_mean("tverski", known), "; did you mean 'tversky'?");
  EXPECT_EQ(did_you_mean("something_else", known), "; known: dice, tversky and cross_entropy");
  EXPECT_EQ(did_you_mean("x", {}), "; known: nothing");
}

TEST(Text, WritesNumbersWithoutLocale) {
  EXPECT_EQ(fixed(0.5, 3), "0.500");
  EXPECT_EQ(fixed(-1.25, 1), "-1.2");
  EXPECT_EQ(fixed(1e22, 0), "10000000000000000000000");
  EXPECT_EQ(shortest(1), "1");
  EXPECT_EQ(shortest(0.1), "0.1");
  EXPECT_EQ(shortest(1e-7), "1e-07");
  for (const double v : {1.0 / 3, 6.02214076e23, -0.1, 5e-324}) {
    EXPECT_EQ(std::strtod(shortest(v).c_str(), nullptr), v);
  }
  EXPECT_EQ(fixed(-std::numeric_limits<double>::max(), 6).size(), 317U);  // 309 digits and 6
}

TEST(Text, SaysTimesAsPeopleDo) {
  EXPECT_EQ(human_seconds(0.04), "0.0 s");
  EXPECT_EQ(human_seconds(9.94), "9.9 s");
  EXPECT_EQ(human_seconds(45), "45 s");
  EXPECT_EQ(human_seconds(59.6), "1 min 00 s");
  EXPECT_EQ(human_seconds(200), "3 min 20 s");
  EXPECT_EQ(human_seconds(3599.7), "1 h 00 min");
  EXPECT_EQ(human_seconds(7500), "2 h 05 min");
}

TEST(Text, SaysSizesInPowersOf1024) {
  EXPECT_EQ(human_bytes(812), "812 B");
  EXPECT_EQ(human_bytes(1024), "1.0 KiB");
  EXPECT_EQ(human_bytes(3.4 * 1024 * 1024), "3.4 MiB");
  EXPECT_EQ(human_bytes(5e15), "4547.5 TiB");
}

TEST(Text, LowersAndKnowsEndings) {
  EXPECT_EQ(lower("CT-Slice_7.PNG"), "ct-slice_7.png");
  EXPECT_TRUE(ends_with("scan.NII.GZ", ".nii.gz"));
  EXPECT_FALSE(ends_with("gz", ".nii.gz"));
  EXPECT_TRUE(ends_with("x", ""));
}

TEST(Field, NamesTheWordsThatMayStandThere) {
  check_word("train", "optimizer", "adam", {"adam", "sgd"});
  EXPECT_EQ(complaint(ErrorKind::recipe,
                      [] {
                        check_word("train", "optimizer", "adma", {"adam", "sgd"});
                      }),
            "[train] optimizer is 'adma', expected one of adam and sgd");
}

TEST(Error, CarriesItsKindAsExitCode) {
  const Error e(ErrorKind::checkpoint, "what");
  EXPECT_EQ(e.exit_code(), 5);
  EXPECT_STREQ(e.what(), "what");
  EXPECT_EQ(Error(ErrorKind::internal, "").exit_code(), 1);
  EXPECT_EQ(Error(ErrorKind::usage, "").exit_code(), 2);
  EXPECT_EQ(Error(ErrorKind::recipe, "").exit_code(), 3);
  EXPECT_EQ(Error(ErrorKind::data, "").exit_code(), 4);
  EXPECT_EQ(Error(ErrorKind::device, "").exit_code(), 6);
  EXPECT_EQ(Stopped(15, "").exit_code(), 143);
}

}  // namespace
}  // namespace groundglass
