// Against a DICOMweb service of the test's own; tools/hospital_peers asks Orthanc.
#include "groundglass/pacs/dicomweb.h"

#include <httplib.h>

#include <gtest/gtest.h>

#include <fstream>
#include <thread>

#include "groundglass/core/files.h"
#include "groundglass/pacs/fetch.h"
#include "groundglass/pacs/multipart.h"
#include "tests/cli/run_program.h"
#include "tests/complaint.h"
#include "tests/pacs/ct_files.h"
#include "tests/scratch_folder.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

class DicomWebTest : public ::testing::Test {
 protected:
  DicomWebTest() {
    port_ = server_.bind_to_any_port("127.0.0.1");
    to_.name = "web";
    to_.url = "http://127.0.0.1:" + std::to_string(port_) + "/dicom-web/";
  }
  ~DicomWebTest() override {
    server_.stop();
    if (thread_.joinable()) thread_.join();
  }
  void serve() {
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    while (!server_.is_running()) std::this_thread::yield();
  }

  ScratchFolder scratch_;
  httplib::Server server_;
  int port_ = 0;
  Destination to_;
  std::thread thread_;
};

TEST_F(DicomWebTest, TellsWhatBecameOfEachFile) {
  int requests = 0;
  server_.Post("/dicom-web/studies", [&](const httplib::Request& q, httplib::Response& answer) {
    ++requests;
    EXPECT_EQ(q.get_header_value("Authorization"), "Bearer 12345");
    EXPECT_NE(q.body.find("DICM"), std::string::npos);
    const bool third = q.body.find("1.2.3.4.9.3") != std::string::npos;
    const bool second = q.body.find("1.2.3.4.9.2") != std::string::npos;
    answer.status = third ? 500 : second ? 409 : 200;
    answer.set_content(second ? R"({"00081198":{"vr":"SQ","Value":[{"00081197":{"vr":"US",)"
                                R"("Value":[272]}}]}})"
                              : "{}",
                       "application/dicom+json");
  });
  serve();
  write_cts(scratch_ / "ct", 3);
  to_.token_file = (scratch_ / "token").string();
  write_file(scratch_ / "token", "12345\n");
  fs::permissions(scratch_ / "token", fs::perms::owner_read);
  const auto sent = send_files(
      to_, "US", {}, {scratch_ / "ct/1.dcm", scratch_ / "ct/2.dcm", scratch_ / "ct/3.dcm"});
  EXPECT_EQ(requests, 3);
  EXPECT_EQ(sent[0].problem, "");
  EXPECT_EQ(sent[1].problem, "refused with reason 272");
  EXPECT_EQ(sent[2].problem, "refused with status 500");
  EXPECT_EQ(sent[2].sop_instance, "1.2.3.4.9.3");

  fs::permissions(scratch_ / "token", fs::perms::all);
  EXPECT_TRUE(says(complaint(ErrorKind::usage, [&] { DicomWeb(to_, {}); }), {"chmod 600"}));
  to_.token_file = "none";
  EXPECT_TRUE(
      says(complaint(ErrorKind::usage, [&] { DicomWeb(to_, {}); }), {"there is no such token"}));
  to_.url = "pacs/dicom-web";
  EXPECT_TRUE(says(complaint(ErrorKind::usage, [&] { DicomWeb(to_, {}); }),
                   {"'pacs/dicom-web' is no address"}));
}

TEST_F(DicomWebTest, FetchSinceADateLeavesOutWhatIsHere) {
  write_cts(scratch_ / "ct", 1);
  std::string date;
  server_.Get("/dicom-web/studies", [&](const httplib::Request& q, httplib::Response& answer) {
    date = q.get_param_value("StudyDate");
    answer.set_content(R"([{"0020000D":{"vr":"UI","Value":["1.2.3"]}}])", "application/dicom+json");
  });
  server_.Get("/dicom-web/studies/1.2.3/series",
              [](const httplib::Request&, httplib::Response& answer) {
                answer.set_content(R"([{"0020000E":{"vr":"UI","Value":["1.2.3.4"]},)"
                                   R"("00080060":{"vr":"CS","Value":["CT"]},)"
                                   R"("00201209":{"vr":"IS","Value":[1]}}])",
                                   "application/dicom+json");
              });
  int fetched = 0;
  server_.Get("/dicom-web/studies/1.2.3/series/1.2.3.4",
              [&](const httplib::Request&, httplib::Response& answer) {
                ++fetched;
                answer.set_content("--b\r\nContent-Type: application/dicom\r\n\r\n" +
                                       read_file(scratch_ / "ct/1.dcm") + "\r\n--b--\r\n",
                                   "multipart/related; type=\"application/dicom\"; boundary=\"b\"");
              });
  serve();
  write_file(scratch_ / "key", "0123456789abcdef0123456789\n");
  write_file(scratch_ / "site.toml",
             "[site]\nfolder = \"work\"\nkey = \"key\"\n[[destination]]\nname = \"web\"\nurl = \"" +
                 to_.url + "\"\n");
  const auto fetch = [&](const std::string& since) {
    return run_shell("groundglass fetch --site site.toml --from web -o in --since " + since,
                     scratch_.path());
  };
  const auto first = fetch("20260101");
  EXPECT_EQ(first.code, 0) << first.err;
  EXPECT_EQ(date, "20260101-");
  EXPECT_TRUE(says(first.out, {"1 series with 1 images fetched"}));
  const auto second = fetch("3d");
  EXPECT_EQ(second.code, 0) << second.err;
  EXPECT_EQ(date.size(), 9u);
  EXPECT_TRUE(says(second.out, {"0 series", "1 are here already"}));
  EXPECT_EQ(fetched, 1);
  const auto wrong = fetch("yesterday");
  EXPECT_EQ(wrong.code, 2);
  EXPECT_TRUE(says(wrong.err, {"--since 'yesterday'", "20260131", "3d"}));
}

/// The time zone of this process, until the end of a test.
class TimeZone {
 public:
  explicit TimeZone(const char* zone) {
    setenv("TZ", zone, 1);
    tzset();
  }
  ~TimeZone() {
    unsetenv("TZ");
    tzset();
  }
};

TEST(DatesSince, AreCountedByTheCalendarOfThePlace) {
  constexpr std::time_t kLateInMarch = 1772407800;   // 1 March 2026, 23:30 UTC
  constexpr std::time_t kClocksGoBack = 1792967400;  // 25 October 2026, 22:30 UTC
  EXPECT_EQ(dates_since("20260131", kLateInMarch), "20260131-");
  {
    const TimeZone tokyo("JST-9");
    EXPECT_EQ(dates_since("0d", kLateInMarch), "20260302-");
    EXPECT_EQ(dates_since("1d", kLateInMarch), "20260301-");
    EXPECT_EQ(dates_since("61d", kLateInMarch), "20251231-");
  }
  {
    const TimeZone new_york("EST5EDT,M3.2.0,M11.1.0");
    EXPECT_EQ(dates_since("0d", kLateInMarch), "20260301-");
    EXPECT_EQ(dates_since("1d", kLateInMarch), "20260228-");
  }
  const TimeZone berlin("CET-1CEST,M3.5.0,M10.5.0/3");
  EXPECT_EQ(dates_since("0d", kClocksGoBack), "20261025-");
  EXPECT_EQ(dates_since("1d", kClocksGoBack), "20261024-") << "that day had 25 hours";
}

TEST_F(DicomWebTest, FindsSeriesAndFetchesThem) {
  write_cts(scratch_ / "ct", 2);
  server_.Get("/dicom-web/studies", [](const httplib::Request& q, httplib::Response& answer) {
    EXPECT_EQ(q.get_param_value("PatientID"), "A&B=C d");
    answer.set_content(R"([{"0020000D":{"vr":"UI","Value":["1.2.3"]}},)"
                       R"({"0020000D":{"vr":"UI","Value":["../x"]}}])",
                       "application/dicom+json");
  });
  server_.Get("/dicom-web/studies/1.2.3/series",
              [](const httplib::Request&, httplib::Response& answer) {
                answer.set_content(R"([{"0020000E":{"vr":"UI","Value":["1.2.3.4"]},)"
                                   R"("00080060":{"vr":"CS","Value":["CT"]},)"
                                   R"("00201209":{"vr":"IS","Value":[2]}}])",
                                   "application/dicom+json");
              });
  const std::string first = read_file(scratch_ / "ct/1.dcm");
  const std::string second = read_file(scratch_ / "ct/2.dcm");
  std::string end = "--b--\r\n";
  server_.Get("/dicom-web/studies/1.2.3/series/1.2.3.4",
              [&](const httplib::Request&, httplib::Response& answer) {
                const std::string head = "--b\r\nContent-Type: application/dicom\r\n\r\n";
                answer.set_content(head + first + "\r\n" + head + second + "\r\n" + end,
                                   "multipart/related; type=\"application/dicom\"; boundary=\"b\"");
              });
  serve();
  DicomWeb web(to_, {});
  StudyQuery query;
  query.patient = "A&B=C d";
  const auto found = web.find(query);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0], (FoundSeries{"1.2.3", "1.2.3.4", "CT", 2}));
  fs::create_directories(scratch_ / "out");
  const auto files = web.retrieve(found[0], scratch_ / "out");
  ASSERT_EQ(files.size(), 2u);
  EXPECT_EQ(read_file(files[0]), first);
  EXPECT_EQ(read_file(files[1]), second);

  end.clear();
  EXPECT_TRUE(says(complaint(ErrorKind::data, [&] { web.retrieve(found[0], scratch_ / "out"); }),
                   {"the answer ended before its last image"}));
  const auto missing = complaint(ErrorKind::data, [&] {
    web.retrieve({"1.2.3", "1.2.3.5", "CT", 0}, scratch_ / "out");
  });
  EXPECT_TRUE(says(missing, {"answers 404 to /studies/1.2.3/series/1.2.3.5"}));
}

TEST_F(DicomWebTest, SaysThatNobodyAnswers) {
  to_.url = "http://127.0.0.1:1/dicom-web";
  EXPECT_TRUE(says(DicomWeb(to_, {}).why_unreachable(), {"does not answer"}));
}

TEST(Multipart, IsTheSameInWhateverPiecesItComes) {
  const std::string body =
      "preamble\r\n--xyz\r\nA: b\r\n\r\none\r\n--xy\r\n--xyz\r\n\r\n\r\n--xyz--\r\nafter";
  for (size_t piece = 1; piece <= body.size(); ++piece) {
    std::vector<std::string> parts;
    int ends = 0;
    MultipartSplitter reader(
        "xyz", {[&] { parts.emplace_back(); },
                [&](std::string_view bytes) { parts.back() += bytes; }, [&] { ++ends; }});
    for (size_t at = 0; at < body.size(); at += piece) {
      EXPECT_EQ(reader.whole(), false);
      reader.feed(std::string_view(body).substr(at, piece));
      if (reader.whole()) break;
    }
    EXPECT_TRUE(reader.whole()) << piece;
    EXPECT_EQ(parts, (std::vector<std::string>{"one\r\n--xy", ""})) << piece;
    EXPECT_EQ(ends, 2);
  }
  EXPECT_EQ(boundary_of("multipart/related; boundary=abc; type=x"), "abc");
  EXPECT_EQ(boundary_of("multipart/related; boundary=\"a b\""), "a b");
  EXPECT_EQ(boundary_of("text/plain"), "");
}

}  // namespace
}  // namespace groundglass
