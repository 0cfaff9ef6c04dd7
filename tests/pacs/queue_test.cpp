#include "groundglass/pacs/queue.h"

#include <gtest/gtest.h>

#include "groundglass/core/files.h"
#include "tests/complaint.h"
#include "tests/pacs/ct_files.h"
#include "tests/scratch_folder.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

class QueueTest : public ::testing::Test {
 protected:
  Taken take(SiteQueue& queue, const CtFile& ct) {
    ReceivedImage image;
    image.file = queue.new_part();
    write_ct(image.file, ct);
    EXPECT_EQ(why_refused(image), "");
    return queue.take(image);
  }

  int64_t new_job(SiteQueue& queue) {
    take(queue, {});
    EXPECT_TRUE(queue.add_job("1.2.3.4"));
    return queue.jobs().front().id;
  }

  ScratchFolder scratch_;
};

TEST_F(QueueTest, KeepsTheFirstContentOfAnInstance) {
  SiteQueue queue(scratch_ / "site");
  EXPECT_EQ(take(queue, {}), Taken::stored);
  const std::string first = read_file(queue.folder_of_series("1.2.3.4") / "1.2.3.4.9.1.dcm");
  EXPECT_EQ(take(queue, {}), Taken::known);
  CtFile other;
  other.value = 7;
  EXPECT_EQ(take(queue, other), Taken::conflict);
  EXPECT_EQ(read_file(queue.folder_of_series("1.2.3.4") / "1.2.3.4.9.1.dcm"), first);
  EXPECT_TRUE(queue.add_job("1.2.3.4"));
  EXPECT_EQ(queue.jobs().front().conflict, 1);
  EXPECT_TRUE(fs::is_empty(scratch_ / "site/parts"));
}

TEST_F(QueueTest, TellsOthersHowManyImagesOfASeriesItHolds) {
  EXPECT_EQ(queued_images(scratch_ / "site", "1.2.3.4"), 0);
  SiteQueue queue(scratch_ / "site");  // which a listen holds
  CtFile ct;
  for (ct.number = 1; ct.number <= 3; ++ct.number) take(queue, ct);
  EXPECT_EQ(queued_images(scratch_ / "site", "1.2.3.4"), 3);
  EXPECT_EQ(queued_images(scratch_ / "site", "1.2.3.5"), 0);
}

TEST_F(QueueTest, AGrownSeriesGetsANewJobAndTheSameImagesDoNot) {
  SiteQueue queue(scratch_ / "site");
  const int64_t first = new_job(queue);
  EXPECT_FALSE(queue.add_job("1.2.3.4"));
  queue.set_running(first);
  fs::create_directories(queue.results(first));
  queue.set_spooled(first, {}, {}, "");
  EXPECT_EQ(queue.job(first)->state, JobState::sent);
  CtFile second;
  second.number = 2;
  take(queue, second);
  EXPECT_EQ(queue.series(SeriesState::receiving).size(), 1u);
  EXPECT_TRUE(queue.add_job("1.2.3.4"));
  EXPECT_EQ(queue.jobs().size(), 2u);
  EXPECT_TRUE(queue.series(SeriesState::receiving).empty());
}

TEST_F(QueueTest, TimesOfAClockThatWasSetBackAreNotWaitedFor) {
  constexpr int64_t kFarAhead = 4000000000;
  {
    SiteQueue queue(scratch_ / "site");
    const int64_t job = new_job(queue);
    queue.set_running(job);
    queue.wait_until(job, kFarAhead, "slice 2 is missing");
    EXPECT_FALSE(queue.next_job());
  }
  {
    Database database(scratch_ / "site" / "queue.db", Database::Opening::existing);
    database.run("UPDATE series SET last = ?", {kFarAhead});
  }
  SiteQueue queue(scratch_ / "site");
  EXPECT_TRUE(queue.next_job());
  EXPECT_LT(queue.series_of_study("1.2.3").front().last_s, kFarAhead);
}

TEST_F(QueueTest, AJobThatWaitsTakesLateImagesIn) {
  SiteQueue queue(scratch_ / "site");
  const int64_t job = new_job(queue);
  queue.set_running(job);
  queue.wait_until(job, 4000000000, "slice 2 is missing");
  EXPECT_FALSE(queue.next_job());
  CtFile second;
  second.number = 2;
  take(queue, second);
  EXPECT_FALSE(queue.add_job("1.2.3.4"));
  ASSERT_TRUE(queue.next_job());
  EXPECT_EQ(queue.next_job()->id, job);
  const auto images = queue.linked_images(*queue.next_job());
  EXPECT_EQ(std::distance(fs::directory_iterator(images), fs::directory_iterator()), 2);
}

TEST_F(QueueTest, StartsAgainWhereAKilledProcessEnded) {
  int64_t job = 0;
  {
    SiteQueue queue(scratch_ / "site");
    job = new_job(queue);
    queue.set_running(job);
    // What a kill leaves: half an image, and a whole one that was never made known.
    write_file(queue.new_part(), "half");
    write_file(queue.folder_of_series("1.2.3.4") / "1.2.3.4.9.8.dcm", "unknown");
  }
  SiteQueue queue(scratch_ / "site");
  ASSERT_TRUE(queue.next_job());
  EXPECT_EQ(queue.next_job()->id, job);
  EXPECT_TRUE(fs::is_empty(scratch_ / "site/parts"));
  EXPECT_FALSE(fs::exists(queue.folder_of_series("1.2.3.4") / "1.2.3.4.9.8.dcm"));
  EXPECT_TRUE(fs::exists(queue.folder_of_series("1.2.3.4") / "1.2.3.4.9.1.dcm"));
}

TEST_F(QueueTest, AJobIsSentWhenEveryDestinationHasEveryObject) {
  SiteQueue queue(scratch_ / "site");
  const int64_t job = new_job(queue);
  fs::create_directories(queue.results(job));
  queue.set_spooled(job, {{"a.dcm", "1.9", "aa"}, {"b.dcm", "1.8", "bb"}}, {"pacs", "archive"}, "");
  EXPECT_EQ(queue.job(job)->state, JobState::spooled);
  for (const auto& one : queue.due_deliveries("pacs")) queue.set_sent(one);
  EXPECT_EQ(queue.job(job)->state, JobState::spooled);
  const auto late = queue.due_deliveries("archive");
  ASSERT_EQ(late.size(), 2u);
  queue.set_sent(late[0]);
  queue.delivery_problem(late[1], "is not there");
  EXPECT_TRUE(queue.due_deliveries("archive").empty());  // not before ten seconds
  EXPECT_EQ(queue.deliveries(job)[3].state, DeliveryState::waiting);
  Delivery last = late[1];
  last.attempts = 5;
  queue.delivery_problem(last, "is not there");
  EXPECT_EQ(queue.job(job)->state, JobState::failed);
}

TEST_F(QueueTest, WaitsLongerAfterEachFailureAndEnds) {
  EXPECT_EQ(wait_after(1), 10);
  EXPECT_EQ(wait_after(5), 7200);
  EXPECT_FALSE(wait_after(6));
  SiteQueue queue(scratch_ / "site");
  const int64_t job = new_job(queue);
  for (int i = 0; i < 6; ++i) {
    queue.set_running(job);
    queue.try_again(job, "no memory");
    EXPECT_EQ(queue.job(job)->state, i < 5 ? JobState::ready : JobState::failed) << i;
  }
}

TEST_F(QueueTest, ForgetsOnlyWhatWasSentLongAgo) {
  SiteQueue queue(scratch_ / "site");
  const int64_t job = new_job(queue);
  queue.remove_older_than(-10);  // ten seconds ahead: everything is older
  EXPECT_EQ(queue.jobs().size(), 1u);
  fs::create_directories(queue.results(job));
  queue.set_spooled(job, {}, {}, "");
  queue.remove_older_than(3600);
  EXPECT_EQ(queue.jobs().size(), 1u);
  queue.remove_older_than(-10);
  EXPECT_TRUE(queue.jobs().empty());
  EXPECT_FALSE(fs::exists(queue.folder_of_series("1.2.3.4")));
  EXPECT_FALSE(fs::exists(queue.results(job)));
}

TEST_F(QueueTest, RefusesAStateThatItDoesNotKnow) {
  {
    SiteQueue queue(scratch_ / "site");
    new_job(queue);
  }
  Database(scratch_ / "site/queue.db", Database::Opening::existing)
      .run("UPDATE jobs SET state = 'resting'");
  SiteQueue queue(scratch_ / "site");
  EXPECT_TRUE(says(complaint(ErrorKind::data, [&] { queue.jobs(); }),
                   {"unknown state 'resting'", "another version"}));
}

TEST_F(QueueTest, BelongsToOneProcess) {
  const SiteQueue queue(scratch_ / "site");
  const auto said = complaint(ErrorKind::usage, [&] { SiteQueue other(scratch_ / "site"); });
  EXPECT_TRUE(says(said, {"another listen works in this folder"}));
}

}  // namespace
}  // namespace groundglass
