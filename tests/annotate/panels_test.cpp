#include <map>
#include <set>

#include <gtest/gtest.h>

#include "tests/annotate/made_up_project.h"
#include "tests/complaint.h"

namespace groundglass {
namespace {
namespace fs = std::filesystem;

/// The order of sources of each case as one word, e.g. "manual near far".
std::vector<std::string> orders(AnnotationStore& store) {
  std::map<int64_t, std::string> order;
  for (const auto& c : store.candidates(1)) order[c.case_id] += c.source + " ";
  std::vector<std::string> words;
  for (const auto& [id, text] : order) words.push_back(text);
  return words;
}

TEST(Panels, ShuffleByCaseRoundAndSeedAlone) {
  Round round{1, 1, 7, {"x", "y", "z"}, "", ""};
  std::vector<AnnotationCase> cases(200);
  std::vector<Proposal> proposals;
  for (size_t i = 0; i < cases.size(); ++i) {
    cases[i].id = static_cast<int64_t>(i) + 1;
    cases[i].name = "case " + std::to_string(i);
    for (const char* name : {"x", "y", "z"}) {
      proposals.push_back(
          {static_cast<int64_t>(proposals.size()) + 1, cases[i].id, name, "", "", 0});
    }
  }
  const auto places = [&](const std::vector<Candidate>& all) {
    std::string letters;
    for (const auto& c : all) {
      if (c.source == kManualSource) letters += c.letter;
    }
    return letters;
  };
  const std::string first = places(shuffled_candidates(round, cases, proposals));
  ASSERT_EQ(first.size(), 200U);
  for (const char letter : std::string("ABCD")) {  // 50 expected, standard deviation 6
    EXPECT_NEAR(static_cast<double>(std::count(first.begin(), first.end(), letter)), 50, 25);
  }
  EXPECT_EQ(first, places(shuffled_candidates(round, cases, proposals)));
  const std::vector<AnnotationCase> fewer(cases.begin() + 100, cases.end());
  EXPECT_EQ(first.substr(100), places(shuffled_candidates(round, fewer, proposals)));
  round.seed = 8;
  EXPECT_NE(first, places(shuffled_candidates(round, cases, proposals)));
  round.seed = 7;
  round.id = 2;
  EXPECT_NE(first, places(shuffled_candidates(round, cases, proposals)));
  round.stage = 2;  // no manual mask among the candidates
  EXPECT_EQ(places(shuffled_candidates(round, cases, proposals)), "");
  proposals.pop_back();
  EXPECT_TRUE(
      says(complaint(ErrorKind::internal, [&] { shuffled_candidates(round, cases, proposals); }),
           {"case 199: has 2 proposals, expected 3"}));
}

TEST(Panels, OfferEachSourceOnceUnderItsOwnLetter) {
  MadeUpProject made;
  for (const auto& order : orders(made.store)) {
    EXPECT_TRUE(says(order, {"manual ", "near ", "far "}));
  }
  for (int64_t id = 1; id <= 4; ++id) {
    EXPECT_EQ((std::set<char>{made.letter(id, "near"), made.letter(id, "far"),
                              made.letter(id, kManualSource)}),
              (std::set<char>{'A', 'B', 'C'}));
  }
}

TEST(Panels, TellNothingOfTheSourceInWhatIsHandedOut) {
  MadeUpProject made;
  write_handout(made.store, made.round, {}, 1);
  const fs::path folder = handout_folder(made.store, 1);
  int files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    ++files;
    for (const auto& text : {read_file(entry.path()), entry.path().string()}) {
      for (const char* source : {"near", "far", "manual", "sha_of", "proposals", "_mask"}) {
        EXPECT_EQ(text.find(source), std::string::npos) << entry.path() << " tells " << source;
      }
    }
  }
  EXPECT_EQ(files, 6);  // four panels, a page, choices.csv
  const std::string key = read_file(key_path(made.store, 1));
  EXPECT_TRUE(says(key, {"round,case,letter,source\n", "1,s/case_0,"}));
  for (int64_t id = 1; id <= 4; ++id) {
    EXPECT_TRUE(says(
        key, {"1," + made.store.case_of(id).name + "," + made.letter(id, "near") + ",near\n"}));
  }
  EXPECT_EQ(key_path(made.store, 1).parent_path(), folder.parent_path());  // beside, not inside
}

TEST(Panels, DrawEverySourceTheSameWay) {
  const auto gray = torch::full({40, 48}, 100, torch::kUInt8);
  const auto one = panel_picture(gray, {{'A', square(5, 5)}, {'B', square(5, 5)}});
  // 384 wide cells with gaps of 6; below the bar of 26 lines with the letter.
  EXPECT_EQ(one.size(2), 3 * 384 + 2 * 6);
  EXPECT_EQ(one.size(1), 320 + 26);
  const auto a = one.narrow(1, 26, 320).narrow(2, 390, 384);
  const auto b = one.narrow(1, 26, 320).narrow(2, 780, 384);
  EXPECT_TRUE(torch::equal(a, b));
  EXPECT_FALSE(torch::equal(one.narrow(1, 0, 26).narrow(2, 390, 384),
                            one.narrow(1, 0, 26).narrow(2, 780, 384)));
  const auto red = (a[0] > a[1]).sum().item<int64_t>();
  EXPECT_NEAR(static_cast<double>(red), 96.0 * 96, 200);  // 12 x 12 pixels, eight times as large
  EXPECT_EQ(
      panel_picture(gray, {{'A', square(5, 5)}, {'B', square(5, 5)}, {'C', square(5, 5)}}).size(1),
      2 * (320 + 26));
}

TEST(Panels, AreWrittenOnceAndTheChoicesAreLeftAlone) {
  MadeUpProject made;
  write_handout(made.store, made.round, {64, 3, 3}, 1);
  const fs::path folder = handout_folder(made.store, 1);
  EXPECT_TRUE(fs::exists(folder / "page_001.html"));
  EXPECT_TRUE(fs::exists(folder / "page_002.html"));  // four cases, three a page
  EXPECT_EQ(read_file(folder / "choices.csv"),
            "round,case,candidates,choice,mask,seconds,note\n1,s/case_0,ABC,,,,\n"
            "1,s/case_1,ABC,,,,\n1,s/case_2,ABC,,,,\n1,s/case_3,ABC,,,,\n");
  write_file(folder / "choices.csv", "filled in");
  fs::remove(folder / "panels/s_case_2.png");
  write_handout(made.store, made.round, {64, 3, 3}, 1);
  EXPECT_EQ(read_file(folder / "choices.csv"), "filled in");
  EXPECT_TRUE(fs::exists(folder / "panels/s_case_2.png"));
  const std::string page = read_file(folder / "page_001.html");
  EXPECT_EQ(page.find("src=\"http"), std::string::npos);
  EXPECT_TRUE(says(page, {"data:image/png;base64,", "s/case_0", "not a medical device"}));
}

TEST(Cases, AreRefusedAllAtOnce) {
  const ScratchFolder folder;
  const auto table = write_made_up_set(folder.path());
  write_png(folder / "s/case_0_mask.png", torch::zeros({4, 4}, torch::kUInt8));
  write_png(folder / "s/case_1_mask.png", square(0, 0) * 9);
  write_file(folder / "s/case_2.png", "no picture");
  EXPECT_TRUE(says(
      complaint(ErrorKind::data, [&] { cases_of(read_dataset(table), {}, 1); }),
      {"set.csv: 3 problems", "case_0_mask.png: is 4 x 4", "holds the label 9", "case_2.png"}));
  write_file(folder / "v.csv", "image\nv.nii.gz\n");
  write_file(folder / "v.nii.gz", "x");
  EXPECT_TRUE(
      says(complaint(ErrorKind::data, [&] { cases_of(read_dataset(folder / "v.csv"), {}, 1); }),
           {"v.nii.gz: is a volume; annotation works on pictures"}));
}

TEST(Cases, GetFileNamesThatDiffer) {
  const ScratchFolder folder;
  std::string table = "image\n";
  for (const char* name : {"a/b.png", "a_b.png", "a b.png"}) {
    write_png(folder / name, square(0, 0));
    table += std::string(name) + "\n";
  }
  write_file(folder / "t.csv", table);
  const auto cases = cases_of(read_dataset(folder / "t.csv"), {}, 1);
  EXPECT_EQ(cases[0].file, "a_b");
  EXPECT_EQ(cases[1].file, "a_b-2");
  EXPECT_EQ(cases[2].file, "a_b-3");
  EXPECT_EQ(file_word("../x"), "_._x");
}

TEST(Cases, OfAStageAreThoseThatLackWhatItGives) {
  MadeUpProject made;
  EXPECT_EQ(cases_of_stage(made.store, 1).size(), 4U);
  EXPECT_EQ(cases_of_stage(made.store, 2).size(), 2U);
  made.propose(2, 1, {{"near", square(10, 11)}});
  Choice choice;
  choice.round = 2;
  choice.annotator = "anna";
  choice.case_id = 5;
  choice.letter = 'A';
  made.store.add_choices({choice}, Earlier::keep);
  choice.case_id = 6;
  choice.letter = 0;  // rejected: still to be had
  made.store.add_choices({choice}, Earlier::keep);
  const auto rest = cases_of_stage(made.store, 2);
  ASSERT_EQ(rest.size(), 1U);
  EXPECT_EQ(rest[0].id, 6);
  choice.letter = 'A';
  made.store.add_choices({choice}, Earlier::replace);
  EXPECT_TRUE(says(complaint(ErrorKind::data, [&] { cases_of_stage(made.store, 2); }),
                   {"nothing is left for stage 2"}));
  const ScratchFolder folder;
  const auto table = write_made_up_set(folder / "data", 2, 2);
  auto none = AnnotationStore::create(folder / "p", {table.string(), {}},
                                      cases_of(read_dataset(table), {}, 1));
  EXPECT_TRUE(says(complaint(ErrorKind::data, [&] { cases_of_stage(none, 1); }),
                   {"no case has a manual mask", "--stage 2"}));
}

}  // namespace
}  // namespace groundglass
