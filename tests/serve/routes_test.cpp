// The interface's document and the routes that the server has are the same set, and the document
// names what it refers to.
#include <algorithm>
#include <set>

#include <gtest/gtest.h>
#include <httplib.h>
#include <nlohmann/json.hpp>

#include "groundglass/core/files.h"
#include "groundglass/serve/serve.h"
#include "groundglass/serve/web_files.h"
#include "tests/complaint.h"
#include "tests/scratch_folder.h"
#include "tests/serve/raw_request.h"

namespace groundglass {
namespace {
using nlohmann::json;

json document() {
  return json::parse(
      read_file(std::filesystem::path(GROUNDGLASS_SOURCE_DIR) / "groundglass/serve/openapi.json"));
}

/// Calls `found` with every "$ref" in the document.
void each_reference(const json& node, const std::function<void(const std::string&)>& found) {
  if (node.is_object()) {
    for (const auto& [key, value] : node.items()) {
      if (key == "$ref") found(value);
      each_reference(value, found);
    }
  } else if (node.is_array()) {
    for (const auto& value : node) each_reference(value, found);
  }
}

TEST(OpenApi, NamesTheRoutesThatTheServerHas) {
  const ScratchFolder folder;
  ServeOptions options;
  options.folder = folder / "workspace";
  options.port = 0;
  const ServeSession session(options);
  const json all = document();
  std::vector<std::string> written;
  for (const auto& [path, operations] : all["paths"].items()) {
    for (const auto& [method, operation] : operations.items()) {
      std::string word = method;
      std::transform(word.begin(), word.end(), word.begin(), ::toupper);
      if (path != "/openapi.json") written.push_back(word + " " + path);  // an embedded file
    }
  }
  std::sort(written.begin(), written.end());
  EXPECT_EQ(written, session.routes());
}

TEST(OpenApi, IsWhole) {
  const json all = document();
  EXPECT_EQ(all["openapi"], "3.1.0");
  EXPECT_NE(all["info"]["description"].get<std::string>().find(
                "Research use only, not a medical device."),
            std::string::npos);
  each_reference(all, [&](const std::string& reference) {
    ASSERT_EQ(reference.compare(0, 2, "#/"), 0) << reference;
    EXPECT_TRUE(all.contains(json::json_pointer(reference.substr(1)))) << reference;
  });
  std::set<std::string> ids;
  for (const auto& [path, operations] : all["paths"].items()) {
    for (const auto& [method, operation] : operations.items()) {
      EXPECT_TRUE(ids.insert(operation["operationId"]).second) << operation["operationId"];
      std::set<std::string> named;
      for (const auto& parameter : operation.value("parameters", json::array())) {
        if (parameter.contains("$ref")) {
          const std::string reference = parameter["$ref"];
          named.insert(reference.substr(reference.rfind('/') + 1));
        }
      }
      for (size_t at = path.find('{'); at != std::string::npos; at = path.find('{', at + 1)) {
        const std::string part = path.substr(at + 1, path.find('}', at) - at - 1);
        EXPECT_EQ(named.count(part), 1U) << method << " " << path << ": " << part;
      }
    }
  }
}

TEST(WebFiles, HoldTheDocumentAsItIs) {
  const auto files = web_files();
  const auto found = std::find_if(files.begin(), files.end(), [](const WebFile& file) {
    return file.path == "/api/v1/openapi.json";
  });
  ASSERT_NE(found, files.end());
  EXPECT_EQ(found->type, "application/json");
  EXPECT_EQ(json::parse(found->bytes), document());
}

/// What a server with these runs answers to GET.
json answer_of(const ScratchFolder& folder, const std::string& path) {
  ServeOptions options;
  options.folder = folder / "workspace";
  options.port = 0;
  ServeSession session(options);
  session.start();
  httplib::Client client("127.0.0.1", session.port());
  client.set_default_headers({{"Authorization", "Bearer " + session.token()}});
  const auto answer = client.Get("/api/v1" + path);
  EXPECT_TRUE(answer && answer->status == 200) << path << (answer ? answer->body : "");
  return answer ? json::parse(answer->body, nullptr, false) : json();
}

TEST(Runs, DamagedOnesAreShownForWhatTheyAre) {
  const ScratchFolder folder;
  const auto runs = folder / "workspace/runs";
  const auto run = [&](const std::string& name, const std::string& events) {
    write_file(runs / name / "recipe.toml", "[model]\nname = \"unet\"\n\n[train]\nepochs = 4\n");
    write_file(runs / name / "events.jsonl", events);
  };
  const std::string epoch = R"({"event":"epoch","epoch":1,"loss":0.5,"monitor":0.25,"seconds":2})";
  run("a_good", epoch + "\n" + R"({"event":"warning","message":"means nothing yet"})" + "\n");
  run("b_damaged", R"({"event":"epoch","epoch":"x","loss":1})"
                   "\n" +
                       epoch + "\nnot json\n" +
                       R"({"event":"epoch","epoch":2,"seconds":null,"loss":null,"monitor":"a"})"
                       "\n" +
                       R"({"event":"epoch","epo)");
  run("c_tested", epoch);
  write_file(runs / "c_tested/test.json", R"({"columns": 3, "items": "x")");
  run("d_no_text", epoch);
  write_file(runs / "d_no_text/recipe.toml", "[model]\nname = \"\xff\xfe\"\n");
  write_file(runs / "d_no_text/environment.json", R"({"begun": 3})");
  run("e_folder", epoch);
  std::filesystem::remove(runs / "e_folder/events.jsonl");
  std::filesystem::create_directory(runs / "e_folder/events.jsonl");
  std::filesystem::create_directory(runs / "f_empty");
  write_file(runs / "g_file", "x");
  run(std::string("h_\xff"), epoch);
  const json all = answer_of(folder, "/runs");
  ASSERT_EQ(all.size(), 4U) << all.dump(1);
  EXPECT_EQ(all[0]["problem"], nullptr);
  EXPECT_EQ(all[0]["best"], 0.25);
  EXPECT_EQ(all[1]["problem"], "2 lines of events.jsonl cannot be read");
  EXPECT_EQ(all[1]["epoch"], 2);
  EXPECT_EQ(all[1]["best"], 0.25) << "of the epoch whose number can be read";
  EXPECT_EQ(all[2]["state"], "finished");
  EXPECT_EQ(all[2]["problem"], "test.json holds no scores that can be read");
  EXPECT_EQ(all[3]["problem"], "recipe.toml is no text");
  for (const auto& one : all) EXPECT_EQ(one["changed"].get<std::string>().size(), 20U) << one;
  EXPECT_EQ(answer_of(folder, "/runs/a_good")["warnings"], json({"means nothing yet"}));
  const json damaged = answer_of(folder, "/runs/b_damaged");
  ASSERT_EQ(damaged["curves"].size(), 2U);
  EXPECT_EQ(damaged["curves"][1]["loss"], nullptr);
  EXPECT_FALSE(damaged["curves"][1].contains("monitor"));
}

TEST(Serve, SaysWhatItWillNotDo) {
  const ScratchFolder folder;
  const auto refusal = [&](ServeOptions options, ErrorKind kind = ErrorKind::usage) {
    options.folder = folder / "w";
    if (options.port < 0) options.port = 0;
    return complaint(kind, [&] { ServeSession session(options); });
  };
  EXPECT_TRUE(
      says(refusal({.folder = {}, .address = "0.0.0.0"}), {"--listen 0.0.0.0", "--tls-cert"}));
  EXPECT_TRUE(
      says(refusal({.folder = {}, .tls_certificate = "a.pem"}), {"expected both or neither"}));
  write_file(folder / "a.pem", "nothing");
  EXPECT_TRUE(says(
      refusal({.folder = {}, .tls_certificate = folder / "a.pem", .tls_key = folder / "a.pem"}),
      {"a.pem", "cannot be read as a certificate"}));
  EXPECT_TRUE(says(refusal({.folder = {}, .address = "203.0.113.7", .proxy_host = "x"}),
                   {"cannot be listened on"}));
  ServeOptions options;
  options.folder = folder / "w";
  options.port = 0;
  const ServeSession session(options);
  EXPECT_TRUE(says(refusal({.folder = {}}, ErrorKind::data), {"another server has it open"}));
  ServeOptions second = options;
  second.folder = folder / "v";
  second.port = session.port();
  EXPECT_TRUE(says(complaint(ErrorKind::usage, [&] { ServeSession again(second); }),
                   {"cannot be listened on", "--port"}));
}

TEST(Serve, SaysWhatItExposes) {
  const ScratchFolder folder;
  ServeOptions options;
  options.folder = folder / "w";
  options.port = 0;
  EXPECT_EQ(ServeSession(options).what_it_exposes(), "");
  options.address = "0.0.0.0";
  options.proxy_host = "lungs.example";
  const ServeSession session(options);
  EXPECT_TRUE(says(session.what_it_exposes(), {"everybody who can reach 0.0.0.0", "all studies"}));
  EXPECT_EQ(session.address().compare(0, 29, "https://lungs.example/?token="), 0)
      << session.address();
}

TEST(Serve, SpeaksTls) {
  const ScratchFolder folder;
  const std::string make =
      "openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=localhost -keyout '" +
      (folder / "key.pem").string() + "' -out '" + (folder / "cert.pem").string() +
      "' >/dev/null 2>&1";
  if (std::system(make.c_str()) != 0) GTEST_SKIP() << "openssl makes no certificate here";
  ServeOptions options;
  options.folder = folder / "w";
  options.port = 0;
  options.tls_certificate = folder / "cert.pem";
  options.tls_key = folder / "key.pem";
  options.limits.header_seconds = 1;
  ServeSession session(options);
  session.start();
  EXPECT_EQ(session.address().compare(0, 8, "https://"), 0);
  httplib::SSLClient client("127.0.0.1", session.port());
  client.set_ca_cert_path((folder / "cert.pem").c_str());
  client.enable_server_certificate_verification(false);
  client.set_default_headers({{"Authorization", "Bearer " + session.token()}});
  for (int i = 0; i < 3; ++i) {
    const auto answer = client.Get("/api/v1/openapi.json");
    ASSERT_TRUE(answer) << httplib::to_string(answer.error());
    EXPECT_EQ(answer->status, 200);
    EXPECT_EQ(json::parse(answer->body), document());
  }
  const auto cookie = client.Get("/?token=" + session.token());
  ASSERT_TRUE(cookie);
  EXPECT_TRUE(says(cookie->get_header_value("Set-Cookie"), {"; Secure"}));
  const RawConnection plain(session.port());
  plain.send("GET / HTTP/1.1\r\n\r\n");
  EXPECT_EQ(status_of(plain.receive(3)), 0);
}

}  // namespace
}  // namespace groundglass
