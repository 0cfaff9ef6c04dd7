// From images that come in to results at a PACS, with a network that is played by the test.
#include "groundglass/pacs/site_work.h"

#include <gtest/gtest.h>

#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/io/dicom_sr.h"
#include "groundglass/io/dicom_sr_reader.h"
#include "tests/complaint.h"
#include "tests/pacs/ct_files.h"
#include "tests/pacs/peers.h"
#include "tests/scratch_folder.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

class Log final : public Observer {
 public:
  void on(const Note& note) override { text += note.message + "\n"; }
  std::string text;
};

class SiteWorkTest : public ::testing::Test {
 protected:
  SiteWorkTest() {
    site_.options.folder = (scratch_ / "work").string();
    site_.options.settle_seconds = 0;
    site_.options.gap_minutes = 0;
    site_.options.free_mib = 0;
    site_.rule.min_images = 3;
    actions_.segment = [this](const QueuedJob&, const fs::path& images, const fs::path& results) {
      ++runs_;
      if (!problem_.empty()) fail(kind_, problem_);
      return objects(images, results, "1.2.3.99");
    };
    actions_.explain = [this](const QueuedJob&, const fs::path& images, const fs::path& results,
                              const std::string& problem) {
      explained_ = problem;
      return objects(images, results, "1.2.3.98");
    };
  }

  static std::vector<SpooledObject> objects(const fs::path& images, const fs::path& results,
                                            const std::string& series) {
    CtFile result;
    result.series = series;
    result.number =
        static_cast<int>(std::distance(fs::directory_iterator(images), fs::directory_iterator()));
    write_ct(results / "infection_seg.dcm", result);
    return {
        {"infection_seg.dcm", instance_of(result), sha256_of_file(results / "infection_seg.dcm")}};
  }

  /// A PACS of dcmtk's that puts what it gets into a folder.
  std::unique_ptr<Child> pacs() {
    Destination to;
    to.name = "pacs";
    to.ae = "PACS";
    to.host = "127.0.0.1";
    to.port = free_port();
    site_.destinations = {to};
    fs::create_directories(scratch_ / "pacs");
    auto child = std::make_unique<Child>(
        std::vector<std::string>{"storescp", "-aet", "PACS", "-od", (scratch_ / "pacs").string(),
                                 std::to_string(to.port)},
        scratch_ / "pacs.log");
    wait_until([&] { return BareConnection(static_cast<uint16_t>(to.port)).connected(); });
    return child;
  }

  void take(SiteWork& work, CtFile ct, int count) {
    for (ct.number = 1; ct.number <= count; ++ct.number) {
      ReceivedImage image;
      image.file = work.new_part();
      write_ct(image.file, ct);
      ASSERT_EQ(why_refused(image), "");
      ASSERT_EQ(work.take(image, {"CT1", "127.0.0.1"}, 1), kStored);
    }
  }

  ScratchFolder scratch_;
  Site site_;
  SiteActions actions_;
  Log log_;
  int runs_ = 0;
  std::string problem_, explained_;
  ErrorKind kind_ = ErrorKind::data;
};

TEST_F(SiteWorkTest, AStudyThatHasComeIsSegmentedAndSent) {
  if (!has_peers()) GTEST_SKIP() << "dcmtk's storescp is not installed";
  const auto receiver = pacs();
  SiteWork work(site_, "secret of the site", actions_, log_);
  take(work, {}, 4);
  EXPECT_FALSE(work.settle());  // the association that sends it is open
  work.ended({1, {"CT1", "127.0.0.1"}, 4, 0, "released"});
  EXPECT_TRUE(work.settle());
  EXPECT_TRUE(work.run_next());
  EXPECT_FALSE(work.run_next());
  EXPECT_EQ(work.queue().jobs().front().state, JobState::spooled);
  EXPECT_TRUE(work.send_due()) << log_.text << read_file(scratch_ / "pacs.log");
  EXPECT_EQ(work.queue().jobs().front().state, JobState::sent);
  EXPECT_FALSE(work.send_due());
  EXPECT_EQ(std::distance(fs::directory_iterator(scratch_ / "pacs"), fs::directory_iterator()), 1);
  EXPECT_EQ(verify_audit(site_.options.folder, "secret of the site").problem, "");
  // What is logged and audited names no patient.
  EXPECT_EQ(log_.text.find("Jane"), std::string::npos) << log_.text;
  EXPECT_EQ(log_.text.find("P1"), std::string::npos) << log_.text;
  EXPECT_EQ(read_file(scratch_ / "work/audit.db").find("Jane"), std::string::npos);
  EXPECT_EQ(read_file(scratch_ / "work/queue.db").find("Jane"), std::string::npos);
}

TEST_F(SiteWorkTest, OfSeveralSeriesTheBestIsChosen) {
  SiteWork work(site_, "secret of the site", actions_, log_);
  CtFile thick;
  thick.series = "1.2.3.5";
  thick.thickness = "5";
  take(work, thick, 4);
  take(work, {}, 4);
  CtFile scout;
  scout.series = "1.2.3.6";
  scout.image_type = "ORIGINAL\\PRIMARY\\LOCALIZER";
  take(work, scout, 1);
  work.ended({1, {}, 0, 0, ""});
  EXPECT_TRUE(work.settle());
  ASSERT_EQ(work.queue().jobs().size(), 1u);
  EXPECT_EQ(work.queue().jobs().front().series, "1.2.3.4");
  EXPECT_EQ(work.queue().series(SeriesState::passed_over).size(), 2u);
}

TEST_F(SiteWorkTest, EachXrayIsAJobAndNoneIsWaitedFor) {
  problem_ = "is a lateral view";
  site_.options.gap_minutes = 10;
  SiteWork work(site_, "secret of the site", actions_, log_);
  CtFile xray;
  xray.modality = "CR";
  take(work, xray, 1);
  xray.series = "1.2.3.5";
  take(work, xray, 1);
  work.ended({1, {}, 0, 0, ""});
  EXPECT_TRUE(work.settle());
  EXPECT_EQ(work.queue().jobs().size(), 2u);
  EXPECT_TRUE(work.queue().series(SeriesState::passed_over).empty()) << log_.text;
  EXPECT_TRUE(work.run_next());
  EXPECT_EQ(explained_, problem_);  // at once: no slices can be missing
}

TEST_F(SiteWorkTest, ImagesInAcquisitionSayThatASeriesIsWhole) {
  site_.options.settle_seconds = 1000;
  SiteWork work(site_, "secret of the site", actions_, log_);
  CtFile ct;
  ct.in_acquisition = "4";
  take(work, ct, 3);
  work.ended({1, {}, 0, 0, ""});
  EXPECT_FALSE(work.settle());
  take(work, ct, 4);  // three of them are known
  work.ended({1, {}, 0, 0, ""});
  EXPECT_TRUE(work.settle());
}

TEST_F(SiteWorkTest, WhyASeriesCannotBeSegmentedIsSentAfterTheWait) {
  site_.destinations = {Destination{}};
  problem_ = "slices are missing between 1.dcm and 3.dcm";
  site_.options.gap_minutes = 10;
  SiteWork work(site_, "secret of the site", actions_, log_);
  take(work, {}, 3);
  work.ended({1, {}, 0, 0, ""});
  work.settle();
  EXPECT_TRUE(work.run_next());
  EXPECT_EQ(work.queue().jobs().front().state, JobState::ready);
  EXPECT_FALSE(work.run_next());  // not before ten minutes, or another image
  EXPECT_EQ(explained_, "");
  site_.options.gap_minutes = 0;
  CtFile late;
  late.number = 4;
  take(work, late, 4);
  work.ended({1, {}, 0, 0, ""});
  work.settle();
  EXPECT_TRUE(work.run_next());
  EXPECT_EQ(explained_, problem_);
  EXPECT_EQ(work.queue().jobs().front().state, JobState::spooled);
  EXPECT_EQ(work.queue().jobs().front().problem, problem_);
}

TEST_F(SiteWorkTest, WhatIsNoFaultOfTheSeriesIsTriedAgain) {
  problem_ = "not enough memory";
  kind_ = ErrorKind::device;
  SiteWork work(site_, "secret of the site", actions_, log_);
  take(work, {}, 3);
  work.ended({1, {}, 0, 0, ""});
  work.settle();
  EXPECT_TRUE(work.run_next());
  EXPECT_EQ(work.queue().jobs().front().state, JobState::ready);
  EXPECT_EQ(work.queue().jobs().front().attempts, 1);
  EXPECT_EQ(explained_, "");
}

TEST_F(SiteWorkTest, APacsThatIsNotThereIsAskedAgain) {
  Destination to;
  to.name = "pacs";
  to.ae = "PACS";
  to.host = "127.0.0.1";
  to.port = 1;
  site_.destinations = {to};
  SiteWork work(site_, "secret of the site", actions_, log_);
  take(work, {}, 3);
  work.ended({1, {}, 0, 0, ""});
  work.settle();
  work.run_next();
  EXPECT_FALSE(work.send_due());
  const auto delivery = work.queue().deliveries(1).front();
  EXPECT_EQ(delivery.state, DeliveryState::waiting);
  EXPECT_EQ(delivery.attempts, 1);
  EXPECT_TRUE(says(delivery.problem, {"PACS@127.0.0.1:1:"}));
}

TEST_F(SiteWorkTest, AResultThatWasChangedIsNotSent) {
  site_.destinations = {Destination{}};
  SiteWork work(site_, "secret of the site", actions_, log_);
  take(work, {}, 3);
  work.ended({1, {}, 0, 0, ""});
  work.settle();
  work.run_next();
  write_file(work.queue().results(1) / "infection_seg.dcm", "changed");
  EXPECT_FALSE(work.send_due());
  EXPECT_TRUE(says(work.queue().deliveries(1).front().problem, {"is not what was written"}));
}

TEST_F(SiteWorkTest, RefusesImagesWhereThereIsNoRoom) {
  SiteWork work(site_, "secret of the site", actions_, log_);
  EXPECT_EQ(work.may_take(), kStored);
  site_.options.free_mib = int64_t{1} << 40;
  EXPECT_EQ(work.may_take(), kOutOfResources);
  site_.options.free_mib = 0;
  site_.options.waiting_jobs = 1;
  take(work, {}, 3);
  work.ended({1, {}, 0, 0, ""});
  work.settle();
  EXPECT_EQ(work.may_take(), kOutOfResources);
}

TEST_F(SiteWorkTest, AConflictIsAudited) {
  SiteWork work(site_, "secret of the site", actions_, log_);
  take(work, {}, 1);
  CtFile other;
  other.value = 9;
  take(work, other, 1);
  EXPECT_TRUE(says(log_.text, {"conflict: CT1 sent other content for instance"}));
}

TEST(ReasonReport, IsAValidReportWithoutASegmentation) {
  const ScratchFolder scratch;
  write_cts(scratch / "ct", 2);
  const DicomSource source({scratch / "ct/1.dcm", scratch / "ct/2.dcm"});
  DicomMaker maker;
  maker.model = "ct_infection";
  maker.weights_sha256 = std::string(64, 'a');
  maker.date = "20260131";
  maker.time = "081500";
  MeasurementReport report;
  report.remarks = {{own_code("not-segmented", "Not segmented"), "1 slice is missing"}};
  const auto file = dicom_report(source, DicomObject{}, report, maker);
  save_object(file, "sr", scratch.path(), "sr.dcm");
  EXPECT_TRUE(says(read_dicom_report(scratch / "sr.dcm").remarks.at(0), {"1 slice is missing"}));
  if (std::system("command -v dciodvfy > /dev/null") != 0) return;
  const std::string line = "dciodvfy '" + (scratch / "sr.dcm").string() + "' > '" +
                           (scratch / "said").string() + "' 2>&1";
  [[maybe_unused]] const int status = std::system(line.c_str());
  EXPECT_EQ(read_file(scratch / "said").find("Error"), std::string::npos)
      << read_file(scratch / "said");
}

TEST(ShortUids, StandInTextsForLogs) {
  EXPECT_EQ(with_short_uids("/x/1.2.840.113619.2.55.3.604688/3.dcm: no"),
            "/x/...55.3.604688/3.dcm: no");
  EXPECT_EQ(with_short_uids("8.5 mm"), "8.5 mm");
}

}  // namespace
}  // namespace groundglass
