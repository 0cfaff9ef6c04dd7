#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include <gtest/gtest.h>

#include "groundglass/io/sqlite.h"
#include "tests/annotate/made_up_project.h"
#include "tests/complaint.h"

namespace groundglass {
namespace {
namespace fs = std::filesystem;

Choice choice_of(int64_t round, int64_t case_id, const std::string& annotator, char letter) {
  Choice c;
  c.round = round;
  c.case_id = case_id;
  c.annotator = annotator;
  c.letter = letter;
  return c;
}

TEST(Database, SaysThatTheDiskIsFull) {
  const ScratchFolder folder;
  Database database(folder / "a.sqlite", Database::Opening::or_create);
  database.run("CREATE TABLE t(a)");
  database.run("PRAGMA max_page_count = 3");
  const auto fill = [&] { database.run("INSERT INTO t VALUES(?)", {std::string(100'000, 'x')}); };
  EXPECT_THROW(fill(), DatabaseFull);
  EXPECT_TRUE(
      says(complaint(ErrorKind::data, fill), {"a.sqlite: cannot be written, the disk is full"}));
  EXPECT_EQ(database.number("SELECT count(*) FROM t"), 0);
}

TEST(Database, KeepsValuesOfEveryKind) {
  const ScratchFolder folder;
  Database database(folder / "a.sqlite", Database::Opening::or_create);
  database.run("CREATE TABLE t(a, b, c, d)");
  database.run("INSERT INTO t VALUES(?, ?, ?, ?)", {int64_t{1} << 40, 0.25, "it's", nullptr});
  int rows = 0;
  database.each("SELECT a, b, c, d FROM t", {}, [&](const SqlRow& row) {
    ++rows;
    EXPECT_EQ(row.integer(0), int64_t{1} << 40);
    EXPECT_EQ(row.real(1), 0.25);
    EXPECT_EQ(row.text(2), "it's");
    EXPECT_TRUE(row.null(3));
    EXPECT_FALSE(row.null(2));
    EXPECT_EQ(row.text(3), "");
  });
  EXPECT_EQ(rows, 1);
}

TEST(Database, TakesBackWhatWasNotCommitted) {
  const ScratchFolder folder;
  Database database(folder / "a.sqlite", Database::Opening::or_create);
  database.run("CREATE TABLE t(a)");
  {
    Transaction transaction(database);
    database.run("INSERT INTO t VALUES(1)");
  }
  EXPECT_EQ(database.number("SELECT count(*) FROM t"), 0);
  {
    Transaction transaction(database);
    database.run("INSERT INTO t VALUES(1)");
    transaction.commit();
  }
  EXPECT_EQ(database.number("SELECT count(*) FROM t"), 1);
}

TEST(AnnotationStore, RefusesANumberOfClassesThatIsNone) {
  MadeUpProject made;
  const fs::path project = made.store.project();
  for (const char* classes : {"", "many", "2.5", "1", "2 and more", "1e300"}) {
    Database(project / "annotation.sqlite", Database::Opening::existing)
        .run("UPDATE notes SET value = ? WHERE name = 'classes'", {classes});
    EXPECT_TRUE(says(complaint(ErrorKind::data, [&] { AnnotationStore store(project); }),
                     {"annotation.sqlite: its note 'classes' is '", classes,
                      "expected a whole number from 2 to 64"}));
  }
}

TEST(AnnotationStore, KeepsHowUndecidedANetworkWas) {
  MadeUpProject made;  // as programs leave it that did not keep it
  for (const auto& p : made.store.proposals(made.round.id)) EXPECT_FALSE(p.entropy);
  const Round round = made.store.begin_round(2, 1, {"a", "b"});
  const int64_t id = cases_of_stage(made.store, 2).front().id;
  made.store.add_proposals(round.id, {{0, id, "a", "a.png", "", 0.5, 0.125}});
  made.store.add_proposals(round.id, {{0, id, "b", "b.png", "", 0.5}});
  const auto again = AnnotationStore(made.store.project()).proposals(round.id);
  ASSERT_EQ(again.size(), 2U);
  EXPECT_EQ(again[0].entropy, 0.125);
  EXPECT_FALSE(again[1].entropy);
  made.store.drop_unfinished_round();
  EXPECT_TRUE(made.store.proposals(round.id).empty());
}

TEST(AnnotationStore, CountsEntropyInBits) {
  EXPECT_DOUBLE_EQ(entropy_bits(torch::full({1, 2, 2}, 0.5)), 1);
  EXPECT_DOUBLE_EQ(entropy_bits(torch::zeros({1, 2, 2})), 0);
  EXPECT_DOUBLE_EQ(entropy_bits(torch::ones({1, 2, 2})), 0);
  EXPECT_DOUBLE_EQ(entropy_bits(torch::full({3, 2, 2}, 0.25)), 2);  // and the background's quarter
  const auto half = torch::tensor({0.5F, 0.0F}).view({1, 1, 2});
  EXPECT_DOUBLE_EQ(entropy_bits(half), 0.5);
}

TEST(Database, SaysWhatIsWrong) {
  const ScratchFolder folder;
  EXPECT_TRUE(says(complaint(ErrorKind::data,
                             [&] { Database missing(folder / "no", Database::Opening::existing); }),
                   {"/no: unable to open"}));
  write_file(folder / "text", std::string(4096, 'x'));
  EXPECT_TRUE(says(complaint(ErrorKind::data,
                             [&] {
                               Database text(folder / "text", Database::Opening::existing);
                               text.number("PRAGMA user_version");
                             }),
                   {"/text: file is not a database"}));
  Database database(folder / "a.sqlite", Database::Opening::or_create);
  EXPECT_TRUE(says(complaint(ErrorKind::data, [&] { database.run("SELECT * FROM nowhere"); }),
                   {"no such table: nowhere"}));
}

TEST(Database, SaysThatAnotherCallHoldsIt) {
  const ScratchFolder folder;
  Database first(folder / "a.sqlite", Database::Opening::or_create);
  Database second(folder / "a.sqlite", Database::Opening::existing);
  second.run("PRAGMA busy_timeout = 50");
  const Transaction held(first);
  EXPECT_TRUE(says(complaint(ErrorKind::data, [&] { const Transaction waiting(second); }),
                   {"is in use by another call"}));
}

TEST(AnnotationStore, KeepsCasesRoundsAndChoices) {
  MadeUpProject made;
  made.store.add_choices({choice_of(1, 1, "anna", 'B'), choice_of(1, 2, "anna", 0)}, Earlier::keep);
  AnnotationStore again(made.store.project());
  ASSERT_EQ(again.cases().size(), 6U);
  const AnnotationCase& c = again.cases()[2];
  EXPECT_EQ(c.name, "s/case_2");
  EXPECT_EQ(c.file, "s_case_2");
  EXPECT_EQ(c.patient, "patient_1");
  EXPECT_EQ(c.height, 40);
  EXPECT_EQ(c.width, 48);
  EXPECT_TRUE(fs::exists(c.manual));
  EXPECT_TRUE(c.image.is_absolute());
  EXPECT_TRUE(again.cases()[5].manual.empty());
  EXPECT_EQ(again.case_named("s/case_3")->id, 4);
  EXPECT_EQ(again.case_named("elsewhere"), nullptr);
  ASSERT_EQ(again.rounds().size(), 1U);
  EXPECT_EQ(again.rounds()[0].networks, (std::vector<std::string>{"near", "far"}));
  EXPECT_EQ(again.rounds()[0].begun.size(), 20U);
  EXPECT_FALSE(again.rounds()[0].finished.empty());
  EXPECT_EQ(again.proposals(1).size(), 8U);
  EXPECT_EQ(again.proposals(1)[1].network, "far");
  EXPECT_EQ(again.proposals(1)[1].weights_sha256, "sha_of_far");
  EXPECT_EQ(again.candidates(1).size(), 12U);
  const auto choices = again.choices();
  ASSERT_EQ(choices.size(), 2U);
  EXPECT_EQ(choices[0].letter, 'B');
  EXPECT_EQ(choices[1].letter, 0);
  EXPECT_FALSE(choices[0].seconds.has_value());
  EXPECT_EQ(choices[0].time.back(), 'Z');
}

TEST(AnnotationStore, IsBegunTwiceWithoutHarmAndNotForOtherCases) {
  MadeUpProject made;
  const auto table = made.folder / "data/set.csv";
  const auto again = AnnotationStore::create(made.store.project(), {table.string(), {}},
                                             cases_of(read_dataset(table), {}, 1));
  EXPECT_EQ(again.cases().size(), 6U);
  const auto other = write_made_up_set(made.folder / "other", 3, 1);
  EXPECT_TRUE(says(complaint(ErrorKind::usage,
                             [&] {
                               AnnotationStore::create(made.store.project(), {other.string(), {}},
                                                       cases_of(read_dataset(other), {}, 1));
                             }),
                   {"holds a project of other cases", "choose another folder"}));
}

TEST(AnnotationStore, RefusesWhatIsNoProject) {
  const ScratchFolder folder;
  EXPECT_TRUE(says(complaint(ErrorKind::data, [&] { AnnotationStore none(folder.path()); }),
                   {"holds no annotation.sqlite", "annotate init"}));
  { Database(folder / "annotation.sqlite", Database::Opening::or_create).run("CREATE TABLE t(a)"); }
  EXPECT_TRUE(says(complaint(ErrorKind::data, [&] { AnnotationStore none(folder.path()); }),
                   {"is no annotation project"}));
  MadeUpProject made;
  Database(made.store.project() / "annotation.sqlite", Database::Opening::existing)
      .run("PRAGMA user_version = 7");
  EXPECT_TRUE(says(complaint(ErrorKind::data, [&] { AnnotationStore later(made.store.project()); }),
                   {"has layout 7, this program knows 1"}));
}

TEST(AnnotationStore, FindsTheRoundThatItIsIn) {
  MadeUpProject made;
  EXPECT_EQ(made.store.begin_round(1, 1, {"near", "far"}).id, 1);  // nobody has chosen in it
  made.store.add_choices({choice_of(1, 1, "anna", 'A')}, Earlier::keep);
  const Round next = made.store.begin_round(1, 9, {"near", "far"});
  EXPECT_EQ(next.id, 2);
  EXPECT_TRUE(next.finished.empty());
  EXPECT_EQ(made.store.begin_round(1, 9, {"near", "far"}).id, 2);
  EXPECT_TRUE(says(complaint(ErrorKind::usage, [&] { made.store.begin_round(2, 9, {"x"}); }),
                   {"round 2 (stage 1, networks near and far) is unfinished", "--restart"}));
  EXPECT_EQ(made.store.drop_unfinished_round(), 2);
  EXPECT_EQ(made.store.drop_unfinished_round(), 0);
  EXPECT_EQ(made.store.rounds().size(), 1U);
  EXPECT_EQ(made.store.begin_round(2, 9, {"x"}).stage, 2);
}

TEST(AnnotationStore, WantsNetworksThatLettersCanTellApart) {
  MadeUpProject made;
  const auto refused = [&](const std::vector<std::string>& names) {
    return complaint(ErrorKind::usage, [&] { made.store.begin_round(1, 1, names); });
  };
  EXPECT_TRUE(says(refused({"a", "b", "a"}), {"two networks are called 'a'"}));
  EXPECT_TRUE(says(refused({"manual"}), {"called 'manual'"}));
  EXPECT_TRUE(says(refused({}), {"0 networks", "1 to 25"}));
  std::vector<std::string> many;
  for (int i = 0; i < 26; ++i) many.push_back("n" + std::to_string(i));
  EXPECT_TRUE(says(refused(many), {"26 networks"}));
}

TEST(AnnotationStore, ReplacesAChoiceOnlyWhenAsked) {
  MadeUpProject made;
  made.store.add_choices({choice_of(1, 1, "anna", 'A')}, Earlier::keep);
  EXPECT_EQ(made.store.add_choices({choice_of(1, 1, "anna", 'A')}, Earlier::keep), 0);
  EXPECT_TRUE(says(complaint(ErrorKind::data,
                             [&] {
                               made.store.add_choices(
                                   {choice_of(1, 2, "anna", 'A'), choice_of(1, 1, "anna", 'B')},
                                   Earlier::keep);
                             }),
                   {"s/case_0: anna has chosen already, on 20", "--replace"}));
  EXPECT_EQ(made.store.choices().size(), 1U);  // all or none
  EXPECT_EQ(made.store.add_choices({choice_of(1, 1, "anna", 'B')}, Earlier::replace), 1);
  ASSERT_EQ(made.store.choices().size(), 1U);
  EXPECT_EQ(made.store.choices()[0].letter, 'B');
  Database file(made.store.project() / "annotation.sqlite", Database::Opening::existing);
  EXPECT_EQ(file.number("SELECT count(*) FROM choices WHERE replaced IS NOT NULL"), 1);
}

TEST(AnnotationStore, RefusesALetterThatWasNeverShown) {
  MadeUpProject made;
  EXPECT_TRUE(says(complaint(ErrorKind::data,
                             [&] {
                               made.store.add_choices(
                                   {choice_of(1, 1, "anna", 'A'), choice_of(1, 2, "anna", 'F')},
                                   Earlier::keep);
                             }),
                   {"FOREIGN KEY"}));
  EXPECT_TRUE(made.store.choices().empty());
}

/// Runs `work` in a process of its own, which it must end by SIGKILL.
template <class Work>
void killed(const Work& work) {
  const pid_t child = fork();
  if (child == 0) {
    work();
    _exit(1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  ASSERT_TRUE(WIFSIGNALED(status));
}

TEST(AnnotationStore, LosesNothingThatWasFinishedWhenKilledInTheMiddle) {
  MadeUpProject made;
  const fs::path file = made.store.project() / "annotation.sqlite";
  killed([&] {
    AnnotationStore store(made.store.project());
    store.add_choices({choice_of(1, 1, "anna", 'A')}, Earlier::keep);
    Database database(file, Database::Opening::existing);
    database.run("PRAGMA cache_size = 2");  // so that half of the work stands in the file already
    Transaction transaction(database);
    for (int i = 0; i < 3000; ++i) {
      database.run(
          "INSERT INTO choices(round, case_id, annotator, note, time) VALUES(1, 2, ?, "
          "'a note of some length that fills the pages of the file', '')",
          {"person_" + std::to_string(i)});
    }
    raise(SIGKILL);  // before the transaction ends by itself
  });
  EXPECT_TRUE(fs::exists(file.string() + "-journal"));  // what the kill has left behind
  AnnotationStore store(made.store.project());
  ASSERT_EQ(store.choices().size(), 1U);
  EXPECT_EQ(store.choices()[0].letter, 'A');
  Database database(file, Database::Opening::existing);
  database.each("PRAGMA integrity_check", {},
                [](const SqlRow& row) { EXPECT_EQ(row.text(0), "ok"); });
}

TEST(AnnotationStore, IsBegunAnewWhereTheFirstCallWasKilled) {
  const ScratchFolder folder;
  killed([&] {
    Database database(folder / "annotation.sqlite", Database::Opening::or_create);
    const Transaction transaction(database);
    database.run("CREATE TABLE notes(name, value)");
    raise(SIGKILL);
  });
  const auto table = write_made_up_set(folder / "data");
  const auto store = AnnotationStore::create(folder.path(), {table.string(), {}},
                                             cases_of(read_dataset(table), {}, 1));
  EXPECT_EQ(store.cases().size(), 6U);
}

}  // namespace
}  // namespace groundglass
