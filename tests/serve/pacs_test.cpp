// The PACS of a site through the server: a DICOMweb service of the test's own.
#include <mutex>

#include "groundglass/pacs/received_image.h"
#include "tests/complaint.h"
#include "tests/serve/served_program.h"

namespace groundglass {
namespace {

/// Holds the images of one series and takes what is sent.
class Service {
 public:
  explicit Service(const fs::path& series) {
    for (const auto& file : fs::directory_iterator(series)) {
      ReceivedImage image;
      image.file = file.path();
      EXPECT_EQ(why_refused(image), "");
      study_ = image.study;
      series_ = image.series;
      images_.push_back(read_file(file.path()));
    }
    const auto json_text = [](httplib::Response& answer, const json& document) {
      answer.set_content(document.dump(), "application/dicom+json");
    };
    server_.Get("/dicom-web/studies", [=, this](const httplib::Request& q, httplib::Response& a) {
      const bool known = q.get_param_value("StudyInstanceUID") == study_ ||
                         q.get_param_value("AccessionNumber") == "A7";
      json found = json::array();
      if (known) found.push_back({{"0020000D", {{"vr", "UI"}, {"Value", {study_}}}}});
      json_text(a, found);
    });
    server_.Get("/dicom-web/studies/" + study_ + "/series",
                [=, this](const httplib::Request&, httplib::Response& a) {
                  json_text(a, json::array({{{"0020000E", {{"vr", "UI"}, {"Value", {series_}}}},
                                             {"00080060", {{"vr", "CS"}, {"Value", {"CT"}}}}}}));
                });
    server_.Get("/dicom-web/studies/" + study_ + "/series/" + series_,
                [this](const httplib::Request&, httplib::Response& a) {
                  std::string body;
                  for (const auto& image : images_) {
                    body += "--b\r\nContent-Type: application/dicom\r\n\r\n" + image + "\r\n";
                  }
                  a.set_content(body + "--b--\r\n",
                                "multipart/related; type=\"application/dicom\"; boundary=\"b\"");
                });
    server_.Post("/dicom-web/studies", [this](const httplib::Request& q, httplib::Response& a) {
      const std::lock_guard lock(mutex_);
      a.status = refuses ? 500 : 200;
      taken.push_back(q.body);
      a.set_content("{}", "application/dicom+json");
    });
    port_ = server_.bind_to_any_port("127.0.0.1");
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    while (!server_.is_running()) std::this_thread::yield();
  }
  ~Service() {
    server_.stop();
    thread_.join();
  }
  int port() const { return port_; }
  const std::string& study() const { return study_; }

  std::vector<std::string> taken;
  std::atomic<bool> refuses = false;

 private:
  std::string study_, series_;
  std::vector<std::string> images_;
  httplib::Server server_;
  std::mutex mutex_;
  int port_ = 0;
  std::thread thread_;
};

TEST_F(Serve, FetchesFromAPacsAndSendsTheCorrectedMaskBack) {
  run("groundglass phantom data --cases 1 --slices 12 --side 64 -q --format dicom");
  Service pacs(folder / "data/case_000");
  write_file(folder / "key", "0123456789abcdef0123456789\n");
  fs::permissions(folder / "key", fs::perms::owner_read | fs::perms::owner_write);
  write_file(folder / "site.toml",
             "[site]\nfolder = \"work\"\nkey = \"key\"\n[[destination]]\nname = \"pacs\"\nurl = "
             "\"http://127.0.0.1:" +
                 std::to_string(pacs.port()) + "/dicom-web\"\n");
  fs::create_directories(folder / "work");
  Program program(folder / "w", {"--site", (folder / "site.toml").string()});
  Api api(program);
  EXPECT_EQ(api.get("/destinations"), (json{{{"name", "pacs"}, {"kind", "DICOMweb"}}}));
  const auto refused = [&](const std::string& path, const json& body, int status = 400) {
    return api.post(path, body, status)["error"];
  };
  EXPECT_TRUE(says(refused("/fetches", {{"from", "other"}, {"study_uid", "1.2"}}),
                   {"from: expected pacs, a destination of the site"}));
  EXPECT_TRUE(says(refused("/fetches", {{"from", "pacs"}}), {"a study_uid or an accession"}));
  EXPECT_TRUE(says(refused("/fetches", {{"from", "pacs"}, {"study_uid", "x"}}), {"is no UID"}));
  EXPECT_TRUE(
      says(refused("/fetches", {{"from", "pacs"}, {"accession", "A*"}}), {"without '*', '?'"}));
  const json none =
      api.done(api.post("/fetches", {{"from", "pacs"}, {"accession", "B8"}}, 202)["id"], "failed");
  EXPECT_TRUE(says(none["error"]["error"], {"pacs: has no such series of modality 'CT'"}));

  const json fetched =
      api.done(api.post("/fetches", {{"from", "pacs"}, {"accession", "A7"}}, 202)["id"]);
  const std::string id = fetched["study"];
  const json study = api.get("/studies/" + id);
  EXPECT_EQ(study["state"], "ready");
  EXPECT_EQ(study["files"], 12);
  EXPECT_EQ(study["name"], "From pacs");
  EXPECT_EQ(study["images"][0]["dicom"], true);
  api.done(api.post("/studies/" + id + "/jobs", {{"kind", "predict"}}, 202)["id"]);
  const std::string at = "/studies/" + id + "/images/1/versions";
  api.send(at + "?author=A&reason=r&parent=1", api.bytes(at + "/1/mask.nii.gz"), 201);
  api.ready(at + "/2");

  const std::string to = "/studies/" + id + "/send";
  json order = {{"image", 1}, {"version", 1}, {"to", "pacs"}};
  EXPECT_TRUE(says(refused(to, order, 409),
                   {"version 1: was corrected by hand as version 2; send that one"}));
  order["version"] = 2;
  json odd = order;
  odd["objects"] = {"pdf"};
  EXPECT_TRUE(says(refused(to, odd), {"objects: expected seg, sr or both"}));
  const json sent = api.done(api.post(to, order, 202)["id"]);
  EXPECT_TRUE(says(sent["notes"].back(), {"2 of 2 objects sent to pacs"}));
  ASSERT_EQ(pacs.taken.size(), 2U);
  EXPECT_NE(pacs.taken[0].find("1.2.840.10008.5.1.4.1.1.66.4"), std::string::npos) << "SEG";
  for (const auto& object : pacs.taken) {
    EXPECT_NE(object.find("ct_infection (corrected by hand)"), std::string::npos);
  }
  EXPECT_NE(pacs.taken[0].find("SEMIAUTOMATIC"), std::string::npos);
  EXPECT_NE(pacs.taken[0].find(pacs.study()), std::string::npos);
  pacs.refuses = true;
  const json failed = api.done(api.post(to, order, 202)["id"], "failed");
  EXPECT_TRUE(says(failed["error"]["error"], {"2 of 2 objects were not taken by pacs: refused"}));
  const Outcome audit = run_shell("groundglass audit verify site.toml", folder.path());
  EXPECT_EQ(audit.code, 0) << audit.err;
  EXPECT_TRUE(says(audit.out, {"5 rows, each as it was written"})) << "1 fetched, 2 sent, 2 not";
}

TEST_F(Serve, RefusesASiteThatIsNone) {
  write_file(folder / "site.toml", "[site]\nfolder = \"work\"\nkey = \"none\"\n");
  const Outcome missing = run_shell("groundglass serve w --site other.toml", folder.path());
  EXPECT_EQ(missing.code, 2);
  EXPECT_TRUE(says(missing.err, {"error: ", "other.toml"}));
  const Outcome keyless = run_shell("groundglass serve w --site site.toml", folder.path());
  EXPECT_EQ(keyless.code, 2);
  EXPECT_TRUE(says(keyless.err, {"error: ", "none"}));
}

}  // namespace
}  // namespace groundglass
