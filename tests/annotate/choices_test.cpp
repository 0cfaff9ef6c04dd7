#include <gtest/gtest.h>

#include "groundglass/annotate/choices.h"
#include "tests/annotate/made_up_project.h"
#include "tests/complaint.h"

namespace groundglass {
namespace {
namespace fs = std::filesystem;

TEST(Choices, AreReadWithDrawnMasks) {
  MadeUpProject made;
  write_png(made.folder / "mine/a.png", square(0, 0) * 255);
  const auto file = made.write_choices({{"s/case_0", "b", "", "12.5"},
                                        {"s/case_1", "Reject", "mine/a.png", "200"},
                                        {"s/case_2", "reject", "", ""},
                                        {"s/case_3", "", "", ""}});
  const ChoicesRead counts = read_choices(made.store, file, "anna", Earlier::keep);
  EXPECT_EQ(counts.lines, 4);
  EXPECT_EQ(counts.added, 3);
  EXPECT_EQ(counts.open, 1);
  const auto choices = made.store.choices();
  ASSERT_EQ(choices.size(), 3U);
  EXPECT_EQ(choices[0].letter, 'B');
  EXPECT_EQ(choices[0].seconds, 12.5);
  EXPECT_EQ(choices[1].letter, 0);
  EXPECT_TRUE(torch::equal(
      read_case_mask(made.store.project() / choices[1].drawn, made.store.case_of(2), {}),
      square(0, 0)));
  EXPECT_TRUE(choices[2].drawn.empty());
}

TEST(Choices, OfTheSameFileAreReadTwiceWithoutHarm) {
  MadeUpProject made;
  write_png(made.folder / "a.png", square(0, 0) * 255);
  auto file = made.write_choices({{"s/case_0", "A", "", ""}, {"s/case_1", "reject", "a.png", ""}});
  read_choices(made.store, file, "anna", Earlier::keep);
  file = made.write_choices(
      {{"s/case_0", "A", "", ""}, {"s/case_1", "reject", "a.png", ""}, {"s/case_2", "C", "", ""}});
  const ChoicesRead counts = read_choices(made.store, file, "anna", Earlier::keep);
  EXPECT_EQ(counts.known, 2);
  EXPECT_EQ(counts.added, 1);
  EXPECT_EQ(made.store.choices().size(), 3U);
  EXPECT_EQ(read_choices(made.store, file, "boris", Earlier::keep).added, 3);
}

TEST(Choices, AnotherDrawingIsAnotherChoice) {
  MadeUpProject made;
  write_png(made.folder / "a.png", square(0, 0) * 255);
  const auto file = made.write_choices({{"s/case_1", "reject", "a.png", ""}});
  read_choices(made.store, file, "anna", Earlier::keep);
  const fs::path first = made.store.choices()[0].drawn;
  write_png(made.folder / "a.png", square(2, 2) * 255);
  EXPECT_TRUE(says(
      complaint(ErrorKind::data, [&] { read_choices(made.store, file, "anna", Earlier::keep); }),
      {"choices.csv:2: s/case_1: anna has chosen already, on 20", "--replace"}));
  EXPECT_EQ(read_choices(made.store, file, "anna", Earlier::replace).added, 1);
  EXPECT_NE(made.store.choices()[0].drawn, first);
  EXPECT_TRUE(fs::exists(made.store.project() / first));
}

TEST(Choices, AreRefusedAllAtOnceAndNothingIsWritten) {
  MadeUpProject made;
  write_png(made.folder / "small.png", torch::zeros({4, 4}, torch::kUInt8));
  write_png(made.folder / "gray.png", square(0, 0) * 90);
  write_png(made.folder / "good.png", square(0, 0) * 255);
  write_file(made.folder / "cut.png", "\x89PNG");
  const auto file = made.write_choices({{"s/case_0", "A", "", ""},
                                        {"s/case_9", "A", "", ""},
                                        {"s/case_5", "A", "", ""},
                                        {"s/case_1", "D", "", ""},
                                        {"s/case_0", "B", "", ""},
                                        {"s/case_2", "reject", "small.png", ""},
                                        {"s/case_3", "B", "good.png", "soon"}});
  const std::string all =
      complaint(ErrorKind::data, [&] { read_choices(made.store, file, "anna", Earlier::keep); });
  EXPECT_TRUE(says(all, {"choices.csv: 6 problems", ":3: unknown case 's/case_9'",
                         ":4: case 's/case_5' was not shown in round 1",
                         ":5: choice 'D', expected A, B and C or reject",
                         ":6: case 's/case_0' stands in the file twice",
                         ":7: ", "small.png: is 4 x 4 and the image of s/case_2 is 40 x 48",
                         ":8: seconds is 'soon', expected a number from 0 on"}));
  EXPECT_TRUE(made.store.choices().empty());
  EXPECT_FALSE(fs::exists(made.store.project() / "drawn"));
  const auto again = made.write_choices({{"s/case_0", "B", "good.png", ""},
                                         {"s/case_1", "", "good.png", ""},
                                         {"s/case_2", "reject", "gray.png", ""},
                                         {"s/case_3", "reject", "cut.png", "-1"}});
  EXPECT_TRUE(says(
      complaint(ErrorKind::data, [&] { read_choices(made.store, again, "anna", Earlier::keep); }),
      {"4 problems", ":2: names a mask and the letter B; a drawn mask goes with reject",
       ":3: names a mask and no choice", "gray.png: holds the label 90", ":5: seconds is '-1'"}));
  const auto last = made.write_choices({{"s/case_3", "reject", "cut.png", ""},
                                        {"s/case_1", "reject", "nowhere.png", ""},
                                        {"s/case_2", "reject", "good.png", ""}});
  EXPECT_TRUE(says(
      complaint(ErrorKind::data, [&] { read_choices(made.store, last, "anna", Earlier::keep); }),
      {"2 problems", "cut.png", "nowhere.png"}));
  EXPECT_FALSE(fs::exists(made.store.project() / "drawn"));
}

TEST(Choices, NameTheirRoundOrMeanTheLatest) {
  MadeUpProject made;
  made.propose(2, 1, {{"near", square(10, 11)}});
  const std::vector<std::string> head = {"round", "case", "choice"};
  auto file = made.write_choices({{"2", "s/case_5", "A"}, {"1", "s/case_0", "C"}}, head);
  EXPECT_EQ(read_choices(made.store, file, "anna", Earlier::keep).added, 2);
  file = made.write_choices({{"3", "s/case_5", "A"}, {"1", "s/case_5", "A"}, {"", "s/case_0", "A"}},
                            head);
  EXPECT_TRUE(says(
      complaint(ErrorKind::data, [&] { read_choices(made.store, file, "boris", Earlier::keep); }),
      {"3 problems", ":2: no finished round '3'", ":3: case 's/case_5' was not shown in round 1",
       ":4: case 's/case_0' was not shown in round 2"}));
}

TEST(Choices, WantTheirColumnsARoundAndAName) {
  MadeUpProject made;
  const auto file = made.write_choices({{"s/case_0", "A"}}, {"case", "letter"});
  EXPECT_TRUE(says(
      complaint(ErrorKind::data, [&] { read_choices(made.store, file, "anna", Earlier::keep); }),
      {"no column 'choice'", "case,letter"}));
  for (const char* name : {"", "a/b", "..", "anna\n"}) {
    EXPECT_TRUE(says(
        complaint(ErrorKind::usage, [&] { read_choices(made.store, file, name, Earlier::keep); }),
        {"--annotator", "letters, digits"}));
  }
  const ScratchFolder folder;
  const auto table = write_made_up_set(folder / "data");
  auto fresh = AnnotationStore::create(folder / "p", {table.string(), {}},
                                       cases_of(read_dataset(table), {}, 1));
  EXPECT_TRUE(
      says(complaint(ErrorKind::data, [&] { read_choices(fresh, file, "anna", Earlier::keep); }),
           {"has no finished round", "annotate propose"}));
}

}  // namespace
}  // namespace groundglass
