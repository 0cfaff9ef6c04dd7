// What somebody may send who means ill, and what has to come back: one line each. The server runs
// in this process, so that a sanitizer sees all of it.
#include <atomic>
#include <cstdlib>
#include <iostream>
#include <thread>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "groundglass/core/clock.h"
#include "groundglass/core/files.h"
#include "groundglass/serve/serve.h"
#include "tests/scratch_folder.h"
#include "tests/serve/raw_request.h"

namespace groundglass {
namespace {
namespace fs = std::filesystem;

class Attacks : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = std::make_unique<ScratchFolder>();
    write_file(*folder_ / "secret.txt", "TOP SECRET");
    ServeOptions options;
    options.folder = *folder_ / "workspace";
    options.port = 0;
    options.job_command = {"/bin/true"};
    options.limits.header_seconds = 0.6;
    options.limits.idle_seconds = 0.6;
    options.limits.slow_seconds = 0.6;
    options.limits.bytes_per_second = 1 << 20;
    options.limits.keep_alive_seconds = 0.6;
    options.limits.file_bytes = options.limits.upload_bytes = 1 << 20;
    options.limits.mask_bytes = 1 << 16;
    options.limits.files = 40;
    options.limits.streams = 2;
    session_ = std::make_unique<ServeSession>(options);
    session_->start();
    const std::string answer = ask("POST /api/v1/studies", json_headers("{}"), "{}");
    study_ = nlohmann::json::parse(body_of(answer))["id"];
    fs::create_symlink(*folder_ / "secret.txt",
                       *folder_ / "workspace/studies" / study_ / "files/link.txt");
    fs::create_directory_symlink(folder_->path(),
                                 *folder_ / "workspace/studies" / study_ / "files/out");
  }
  static void TearDownTestSuite() {
    session_.reset();
    folder_.reset();
  }

  static std::string host() { return "127.0.0.1:" + std::to_string(session_->port()); }
  static std::string bearer() { return "Authorization: Bearer " + session_->token() + "\r\n"; }
  static std::string good() { return "Host: " + host() + "\r\n" + bearer(); }
  static std::string json_headers(const std::string& body) {
    return good() +
           "Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) +
           "\r\n";
  }
  static std::string length(size_t n) { return "Content-Length: " + std::to_string(n) + "\r\n"; }

  /// The answer to "METHOD target", headers (each with its line end) and a body.
  static std::string ask(const std::string& line, const std::string& headers,
                         const std::string& body = "", double seconds = 3) {
    const RawConnection connection(session_->port());
    connection.send(line + " HTTP/1.1\r\n" + headers + "\r\n" + body);
    return connection.receive(seconds);
  }
  static std::string get(const std::string& target) {
    return ask("GET " + target, good() + "Connection: close\r\n");
  }
  static std::string body_of(const std::string& answer) {
    const size_t at = answer.find("\r\n\r\n");
    return at == std::string::npos ? "" : answer.substr(at + 4);
  }
  static std::string files() { return "/api/v1/studies/" + study_ + "/files"; }
  static std::string put(const std::string& path, const std::string& body = "x") {
    return ask("PUT " + files() + "?path=" + path, good() + length(body.size()), body);
  }
  static std::string form(const std::string& body, const std::string& boundary = "b") {
    return ask("POST " + files(),
               good() + length(body.size()) +
                   "Content-Type: multipart/form-data; boundary=" + boundary + "\r\n",
               body);
  }

  /// The status is the one expected, the body says {error, kind}, and nothing leaked.
  static void expect(int status, const std::string& answer, const std::string& what) {
    EXPECT_EQ(status_of(answer), status) << what << "\n" << answer.substr(0, 400);
    EXPECT_EQ(answer.find("TOP SECRET"), std::string::npos) << what;
    EXPECT_EQ(answer.find(folder_->path().string()), std::string::npos) << what << "\n" << answer;
    if (status >= 400 && status_of(answer) == status) {
      const auto said = nlohmann::json::parse(body_of(answer), nullptr, false);
      ASSERT_TRUE(said.is_object() && said.contains("error") && said.contains("kind"))
          << what << "\n"
          << answer;
      EXPECT_EQ(said["error"].get<std::string>().find('\n'), std::string::npos) << what;
    }
    if (status != 0) {
      EXPECT_NE(answer.find("X-Content-Type-Options: nosniff"), std::string::npos) << what;
      EXPECT_EQ(answer.find("X-Content-Type-Options", answer.find("X-Content-Type-Options") + 1),
                std::string::npos)
          << what << ": said twice";
    }
  }

  static std::unique_ptr<ScratchFolder> folder_;
  static std::unique_ptr<ServeSession> session_;
  static std::string study_;
};

std::unique_ptr<ScratchFolder> Attacks::folder_;
std::unique_ptr<ServeSession> Attacks::session_;
std::string Attacks::study_;

TEST_F(Attacks, WithoutTheTokenNothingIsSeen) {
  const std::string h = "Host: " + host() + "\r\nConnection: close\r\n";
  for (const std::string target : {"/", "/index.html", "/api/v1/studies", "/api/v1/openapi.json",
                                   "/api/v1/version", "/niivue.js", "/nothing"}) {
    expect(401, ask("GET " + target, h), target);
  }
  expect(401, ask("GET /?token=", h), "empty token");
  expect(401, ask("GET /?token=0000", h), "short token");
  expect(401, ask("GET /?token=" + std::string(64, '0'), h), "wrong token");
  expect(401, ask("GET /api/v1/version?token=" + session_->token(), h), "token elsewhere");
  expect(401, ask("GET /api/v1/version", h + "Authorization: Bearer \r\n"), "empty bearer");
  expect(401, ask("GET /api/v1/version", h + "Authorization: Basic " + session_->token() + "\r\n"),
         "basic");
  expect(401, ask("GET /api/v1/version", h + "Cookie: groundglass=" + session_->token() + "\r\n"),
         "another cookie");
  expect(401, ask("POST /api/v1/studies", h + length(2), "{}"), "post");
  expect(401, ask("PUT " + files() + "?path=a", h + length(1), "x"), "put");
  expect(401, ask("DELETE /api/v1/studies/" + study_, h), "delete");
}

TEST_F(Attacks, TheTokenBecomesACookieThatScriptsCannotRead) {
  const std::string h = "Host: " + host() + "\r\nConnection: close\r\n";
  const std::string answer = ask("GET /?token=" + session_->token(), h);
  EXPECT_EQ(status_of(answer), 303);
  const std::string cookie = "groundglass_" + std::to_string(session_->port());
  EXPECT_NE(answer.find("Set-Cookie: " + cookie + "=" + session_->token() +
                        "; Path=/; HttpOnly; SameSite=Strict\r\n"),
            std::string::npos)
      << answer;
  EXPECT_NE(answer.find("Referrer-Policy: no-referrer"), std::string::npos);
  const std::string with = h + "Cookie: a=b; " + cookie + "=" + session_->token() + "\r\n";
  expect(200, ask("GET /", with), "page");
  expect(200, ask("GET /api/v1/version", with), "api");
}

TEST_F(Attacks, OtherSitesAreRefused) {
  const std::string port = std::to_string(session_->port());
  const auto with = [&](const std::string& more) {
    return ask("GET /api/v1/version", bearer() + "Connection: close\r\n" + more);
  };
  const std::string h = "Host: " + host() + "\r\n";
  expect(403, with(""), "no host");
  expect(403, with("Host: evil.example\r\n"), "rebinding");
  expect(403, with("Host: evil.example:" + port + "\r\n"), "rebinding with port");
  expect(403, with("Host: 127.0.0.1:1\r\n"), "another port");
  expect(403, with("Host: 127.0.0.1." + port + "\r\n"), "dotted");
  expect(403, with(h + h), "two hosts");
  expect(403, with(h + "Host: evil.example\r\n"), "two different hosts");
  expect(403, with(h + "Origin: http://evil.example\r\n"), "origin");
  expect(403, with(h + "Origin: null\r\n"), "null origin");
  expect(403, with(h + "Origin: https://" + host() + "\r\n"), "origin of another scheme");
  expect(403, with(h + "Origin: http://" + host() + ".evil.example\r\n"), "longer origin");
  expect(403, with(h + "Sec-Fetch-Site: cross-site\r\n"), "cross-site");
  expect(403, with(h + "Sec-Fetch-Site: same-site\r\n"), "same site, another port");
  expect(403,
         ask("GET /?token=" + session_->token(), "Host: evil.example\r\nConnection: close\r\n"),
         "token for another host");
  expect(200, with(h + "Origin: http://" + host() + "\r\nSec-Fetch-Site: same-origin\r\n"), "ours");
  expect(200, with("Host: LOCALHOST:" + port + "\r\n"), "localhost");
}

TEST_F(Attacks, AddressesLeadNowhereElse) {
  const std::string up = "/..";
  for (const std::string target : {"/../secret.txt",
                                   "/%2e%2e/secret.txt",
                                   "/..%2fsecret.txt",
                                   "/%2e%2e%2fsecret.txt",
                                   "/api/v1/../../secret.txt",
                                   "/api/v1/runs/%2e%2e/files/secret.txt",
                                   "//etc/passwd",
                                   "/./index.html",
                                   "/index.html%00",
                                   "/%00",
                                   "/a%0d%0aX-Evil:%201",
                                   "/..\\secret.txt",
                                   "/%5c..%5csecret.txt",
                                   "/%c0%ae%c0%ae/secret.txt",
                                   "/%ff",
                                   "/%zz",
                                   "/%",
                                   "/%2",
                                   "/api/v1/runs/a%2fb",
                                   "/api/v1/rounds/..%2f..",
                                   "/api/v1/rounds/..%2f../cases?annotator=a",
                                   "/api/v1/rounds/%2e%2e"}) {
    expect(400, get(target), target);
  }
  expect(414, get("/" + std::string(5000, 'a')), "long");
  expect(404, get("/api/v1"), "api without a name");
  expect(404, get("/api/v2/studies"), "another version");
  expect(404, get("/api/v1/studies/" + study_ + "/files/link.txt"), "no such route");
  expect(404, get("/api/v1/studies/0123456789abcdef"), "unknown study");
  expect(404, get("/api/v1/studies/" + std::string(16, 'G')), "no id");
  expect(404, get("/api/v1/studies/" + std::string(17, 'a')), "long id");
  expect(404, get("/api/v1/studies/" + study_ + "/images/0"), "no image route");
  expect(404, get("/api/v1/studies/" + study_ + "/images/1/volume.nii"), "no image");
  expect(404, get("/api/v1/studies/" + study_ + "/images/-1/volume.nii"), "negative");
  expect(404, get("/api/v1/studies/" + study_ + "/images/99999999999999999999/volume.nii"), "huge");
  expect(400, get("/api/v1/studies/' OR 1=1 --/jobs"), "a blank in the line");
  expect(404, get("/api/v1/studies/'%20OR%201=1--"), "SQL");
  expect(404, get("/api/v1/jobs/1e3"), "no number");
  expect(404, get("/api/v1/jobs/777/file"), "no job");
  expect(404, get("/web"), "no listing");
  expect(404, get("/api/"), "no listing");
  expect(404, get("/api/v1/rounds/a/cases/1/candidates/A.png"), "no round");
}

TEST_F(Attacks, NamesOfFilesStayInside) {
  for (const std::string path : {"..%2fevil",
                                 "%2e%2e/evil",
                                 "a/../../evil",
                                 "/etc/passwd",
                                 "%2fetc%2fpasswd",
                                 "",
                                 "a//b",
                                 "./a",
                                 "a/.",
                                 "a%00.nii",
                                 "a%0a.nii",
                                 "C:%5ca",
                                 "c:a",
                                 "%5c%5cserver%5ca",
                                 "CON",
                                 "con.nii",
                                 "NUL.txt",
                                 "a/COM1",
                                 "lpt9.dcm",
                                 "aux.",
                                 "a.",
                                 "a%20",
                                 "%ff%fe",
                                 "a.partial",
                                 "COM%c2%b9",
                                 "lpt%c2%b3.nii",
                                 "%e2%80%aegnp.nii",
                                 "a%e2%80%a8b.nii",
                                 "%e2%80%8b",
                                 "a%e2%81%a6b",
                                 "%ef%bb%bfa.nii",
                                 "%ed%a0%80",
                                 "..%c0%af"}) {
    expect(400, put(path), path);
  }
  expect(400, put(std::string(300, 'a')), "long part");
  std::string deep = "a";
  for (int i = 0; i < 30; ++i) deep += "/a";
  expect(400, put(deep), "deep");
  expect(400, put(std::string(1900, 'a')), "long path");
  expect(400, put("link.txt"), "over a symbolic link");
  expect(400, put("out/evil.txt"), "through a symbolic link");
  EXPECT_EQ(read_file(*folder_ / "secret.txt"), "TOP SECRET");
  EXPECT_FALSE(fs::exists(*folder_ / "evil.txt"));
  EXPECT_FALSE(fs::exists(*folder_ / "workspace/studies/evil"));
  expect(201, put("good/scan.nii"), "a good one");
  expect(201, put("good/caf%c3%a9%20%f0%9f%98%80.nii"), "other alphabets");
  expect(400, put("good"), "a folder of that name");
  expect(400, put("good/scan.nii/x"), "a file on the way");
}

TEST_F(Attacks, BodiesHaveLimits) {
  const std::string target = "PUT " + files() + "?path=big";
  expect(413, ask(target, good() + length(size_t{1} << 40)), "told too long");
  expect(413, ask(target, good() + "Content-Length: 1048577\r\n", std::string(1 << 20, 'x')),
         "one byte more");
  std::string chunks;
  for (int i = 0; i < 40; ++i) chunks += "10000\r\n" + std::string(0x10000, 'x') + "\r\n";
  expect(413, ask(target, good() + "Transfer-Encoding: chunked\r\n", chunks), "chunks without end");
  expect(400, ask(target, good() + "Transfer-Encoding: chunked\r\n", "zz\r\nhello\r\n"),
         "bad chunk");
  expect(400, ask(target, good() + "Content-Length: -1\r\n"), "negative length");
  expect(400, ask(target, good() + "Content-Length: 12abc\r\n", "x"), "no length");
  expect(415, ask(target, good() + length(1) + "Content-Encoding: gzip\r\n", "x"), "packed");
  expect(415, ask(target, good() + length(1) + "Content-Encoding: br\r\n", "x"),
         "packed by brotli");
  const std::string huge(2 << 20, '[');
  expect(413, ask("POST /api/v1/studies", json_headers(huge), huge), "huge JSON");
  const std::string nested(100000, '[');
  expect(400, ask("POST /api/v1/studies", json_headers(nested), nested), "nested JSON");
  for (const std::string body : {"[1]", "{", "nul", "\"a\"", "{\"name\": 3}",
                                 "{\"name\": \"\\u0000\"}", "{\"name\": \"a\nb\"}", "\xff\xfe"}) {
    expect(400, ask("POST /api/v1/studies", json_headers(body), body), body);
  }
  const std::string named = "{\"name\": \"" + std::string(101, 'n') + "\"}";
  expect(400, ask("POST /api/v1/studies", json_headers(named), named), "long name");
  expect(415,
         ask("POST /api/v1/studies", good() + length(2) + "Content-Type: text/plain\r\n", "{}"),
         "JSON that any page may send");
  EXPECT_FALSE(fs::exists(*folder_ / "workspace/studies" / study_ / "files/big"));
}

TEST_F(Attacks, TrainingsAndProposalsStayInside) {
  const auto post = [](const std::string& path, const std::string& body) {
    return ask("POST /api/v1" + path, json_headers(body), body);
  };
  for (const std::string round : {"..", ".", "../studies", "a/b", "/etc", "a\\b", "\\u0000"}) {
    expect(404, post("/trainings", "{\"round\": \"" + round + "\"}"), round);
  }
  for (const std::string model :
       {"../x", "run:../x", "run:..", "/etc/passwd", "run:/etc", ".x", "a b", "run:a~b\\n"}) {
    expect(400, post("/trainings", "{\"model\": \"" + model + "\"}"), model);
  }
  for (const std::string body :
       {"{\"epochs\": 0}", "{\"epochs\": -1}", "{\"epochs\": 1e9}", "{\"epochs\": \"8\"}",
        "{\"epochs\": 1001}", "{\"studies\": 1}", "{\"studies\": [1]}", "{\"round\": 1}",
        "{\"run\": \"../x\"}", "{\"run_folder\": \"/tmp/x\"}", "[]"}) {
    expect(400, post("/trainings", body), body);
  }
  expect(404, post("/trainings", "{\"studies\": [\"../../x\"]}"), "a study that is a path");
  expect(422, post("/trainings", "{}"), "nothing to learn");
  expect(404, post("/rounds/none/proposals", "{\"stage\": 2, \"models\": [\"x\"]}"), "no round");
  expect(400, post("/rounds/%2e%2e/proposals", "{}"), "a round that leads out");
  expect(405, get("/api/v1/trainings"), "nothing to read");
  EXPECT_FALSE(fs::exists(*folder_ / "workspace/runs"));
}

TEST_F(Attacks, NothingIsSentWithoutASite) {
  const auto post = [](const std::string& path, const std::string& body) {
    return ask("POST /api/v1" + path, json_headers(body), body);
  };
  const std::string send = "/studies/" + study_ + "/send";
  for (const std::string to : {"", "127.0.0.1", "http://127.0.0.1:1/", "../pacs", "/etc/passwd"}) {
    expect(409, post("/fetches", "{\"from\": \"" + to + "\", \"study_uid\": \"1.2\"}"), to);
    const std::string body = "{\"image\": 1, \"version\": 1, \"to\": \"" + to + "\"}";
    expect(409, post(send, body), to);
  }
  for (const std::string body :
       {"{\"url\": \"http://x\"}", "{\"site\": \"/tmp/x\"}", "{\"host\": 1}", "[]", "{"}) {
    expect(400, post("/fetches", body), body);
    expect(400, post(send, body), body);
  }
  expect(404, post("/studies/0123456789abcdef/send", "{\"image\": 1, \"version\": 1}"), "no study");
  expect(405, get("/api/v1/fetches"), "nothing to read");
}

TEST_F(Attacks, FormsThatAreNone) {
  const std::string part = "--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"";
  expect(415, ask("POST " + files(), good() + length(1), "x"), "no type");
  expect(400, form("x", ""), "no boundary");
  expect(400, form("x", std::string(200, 'b')), "long boundary");
  expect(400, form("hello"), "no parts");
  expect(400, form("--b\r\n\r\nx\r\n--b--\r\n"), "no disposition");
  expect(400, form(part + "a.nii\"\r\n\r\nhello"), "no end");
  expect(400, form(part + "../../evil\"\r\n\r\nx\r\n--b--\r\n"), "path");
  expect(400, form(part + "/etc/cron.d/x\"\r\n\r\nx\r\n--b--\r\n"), "absolute path");
  expect(400, form("--bX\r\n\r\n--b--"), "another boundary");
  expect(400, form("--b\r\nContent-Disposition: form-data; name=\"" + std::string(20000, 'n')),
         "headers without end");
  std::string many;
  for (int i = 0; i < 60; ++i) many += part + std::to_string(i) + ".dcm\"\r\n\r\nx\r\n";
  expect(413, form(many + "--b--\r\n"), "too many files");
  const std::string tricky = "x\r\n--", value = tricky + "\r\n-b\r\n";
  EXPECT_NE(status_of(form(part + "t.nii\"\r\n\r\n" + value + "\r\n--b--\r\n")), 500);
}

TEST_F(Attacks, RequestsThatAreNone) {
  const auto raw = [&](const std::string& bytes, double seconds = 2) {
    const RawConnection connection(session_->port());
    connection.send(bytes);
    return status_of(connection.receive(seconds));
  };
  EXPECT_EQ(raw("\r\n\r\n"), 400);
  EXPECT_EQ(raw("GET\r\n\r\n"), 400);
  EXPECT_EQ(raw("GET / HTTP/9.9\r\n\r\n"), 400);
  EXPECT_EQ(raw(std::string("\x16\x03\x01\x02\x00\x01", 6) + std::string(50, 'x') + "\r\n\r\n"),
            400)
      << "TLS";
  EXPECT_EQ(raw("GET / HTTP/1.1\r\nHost 127.0.0.1\r\n\r\n"), 403) << "no colon";
  EXPECT_EQ(raw("GET /" + std::string(9000, 'a') + " HTTP/1.1\r\n" + good() + "\r\n"), 414);
  EXPECT_EQ(raw("GET / HTTP/1.1\r\nX: " + std::string(40000, 'a') + "\r\n\r\n"), 400)
      << "one long header";
  std::string many;
  for (int i = 0; i < 5000; ++i) many += "X-" + std::to_string(i) + ": a\r\n";
  EXPECT_EQ(raw("GET / HTTP/1.1\r\n" + many + "\r\n"), 400) << "many headers";
  EXPECT_EQ(raw(std::string(1 << 20, 'A')), 0) << "no line";
  for (const std::string method : {"TRACE", "CONNECT", "OPTIONS", "PRI", "EVIL"}) {
    const int status = raw(method + " /api/v1/version HTTP/1.1\r\n" + good() + "\r\n");
    EXPECT_TRUE(status == 400 || status == 405) << method << " " << status;
  }
  expect(405, ask("DELETE /api/v1/version", good()), "method");
  expect(405, ask("POST /index.html", good() + length(0)), "method on a page");
  // A body that a handler leaves unread is no second request.
  const std::string smuggled = "GET /api/v1/studies HTTP/1.1\r\n" + good() + "\r\n";
  const std::string answer = ask("POST /nothing", good() + length(smuggled.size()), smuggled);
  EXPECT_EQ(answer.find("HTTP/1.1", 5), std::string::npos) << answer;
  const std::string two = ask("GET /nothing", good() + length(smuggled.size()), smuggled);
  EXPECT_EQ(two.find("HTTP/1.1", 5), std::string::npos) << two;
}

TEST_F(Attacks, NoRequestHidesInAnother) {
  const std::string hidden = "DELETE /api/v1/studies/" + study_ + " HTTP/1.1\r\n" + good() + "\r\n";
  const std::string chunks = "2\r\n{}\r\n0\r\n\r\n" + hidden;
  const auto post = [&](const std::string& headers, const std::string& body) {
    const std::string answer =
        ask("POST /api/v1/studies", good() + "Content-Type: application/json\r\n" + headers, body);
    EXPECT_EQ(answer.find("HTTP/1.1", 5), std::string::npos) << headers << answer;
    return answer;
  };
  const std::string chunked = "Transfer-Encoding: chunked\r\n";
  expect(400, post(chunked + length(2), chunks), "both lengths");
  expect(400, post(length(chunks.size()) + chunked, chunks), "both lengths, the other way round");
  expect(400, post(chunked + chunked, chunks), "chunked twice");
  expect(400, post("Transfer-Encoding: xchunked\r\n" + length(2), "{}" + hidden), "xchunked");
  expect(400, post("Transfer-Encoding: chunked, identity\r\n", chunks), "chunked and more");
  expect(400, post("Transfer-Encoding: identity\r\n" + length(2), "{}" + hidden), "identity");
  expect(400, post("Transfer-Encoding : chunked\r\n" + length(2), "{}" + hidden),
         "blank in a name");
  expect(400, post(length(2) + length(2), "{}" + hidden), "two lengths");
  expect(400, post(length(2) + length(2 + hidden.size()), "{}" + hidden), "two other lengths");
  for (const std::string value : {"+2", "0x2", "2, 2", "99999999999999999999999"}) {
    expect(400, post("Content-Length: " + value + "\r\n", "{}" + hidden), value);
  }
  expect(404, get("/api/v1/studies/" + study_ + "/images/1/versions"), "the study is there still");
  EXPECT_TRUE(fs::exists(*folder_ / "workspace/studies" / study_));
}

TEST_F(Attacks, HeadersThatMeanTwoThings) {
  const auto with = [&](const std::string& more) {
    return ask("GET /api/v1/version", good() + "Connection: close\r\n" + more);
  };
  expect(400, with("Authorization: Bearer wrong\r\n"), "a second token");
  expect(400, with("Origin: http://" + host() + "\r\nOrigin: http://evil.example\r\n"),
         "two origins");
  expect(400, with("Sec-Fetch-Site: same-origin\r\nSec-Fetch-Site: cross-site\r\n"), "two sites");
  expect(400, with(std::string("X: a\0b\r\n", 8)), "NUL in a header");
  expect(400, with("X: a\rX-Evil: b\r\n"), "a line that ends by halves");
  expect(400, with("X Y: a\r\n"), "a blank in a name");
  expect(400, with("X\xc3\xa9: a\r\n"), "letters of other alphabets in a name");
  expect(401,
         ask("GET /api/v1/version",
             "Host: " + host() + "\r\nConnection: close\r\nCookie: " + std::string("groundglass_") +
                 std::to_string(session_->port()) + "=\"" + session_->token() + "\"\r\n"),
         "a cookie in quotes");
  expect(200, with("X-Forwarded-Host: evil.example\r\nX-HTTP-Method-Override: DELETE\r\n"),
         "headers that other servers believe");
  // Whoever asks for another protocol gets an answer of this one, or none.
  const std::string socket =
      "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: "
      "13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n";
  const std::string upgraded = ask("GET /api/v1/version", good() + socket, "", 0.5);
  EXPECT_EQ(status_of(upgraded), 200) << upgraded;
  expect(400, ask("GET http://evil.example/api/v1/version", "Host: evil.example\r\n" + bearer()),
         "the address of another server");
}

TEST_F(Attacks, PeopleAreToldInAPage) {
  const std::string h = "Host: " + host() + "\r\nConnection: close\r\nAccept: text/html\r\n";
  const std::string page = ask("GET /", h);
  EXPECT_EQ(status_of(page), 401);
  EXPECT_NE(page.find("Content-Type: text/html"), std::string::npos) << page;
  EXPECT_NE(page.find("open the address that the program printed"), std::string::npos);
  EXPECT_NE(page.find("Content-Security-Policy: default-src 'none'"), std::string::npos);
  const std::string none = ask("GET /%3Cscript%3E", h + bearer());
  EXPECT_EQ(status_of(none), 404);
  EXPECT_EQ(none.find("<script"), std::string::npos) << none;
  expect(404, ask("GET /api/v1/nothing", h + bearer()), "the interface answers in JSON");
}

TEST_F(Attacks, RangesAreChecked) {
  const auto range = [&](const std::string& value) {
    return status_of(
        ask("GET /index.html", good() + "Connection: close\r\nRange: " + value + "\r\n"));
  };
  for (const std::string value :
       {"bytes=0-0", "bytes=99999999999999999999-", "bytes=5-1", "bytes=-0", "items=0-1",
        "bytes=", "bytes=0-1,2-3,4-5", "bytes=a-b", "bytes=--5"}) {
    const int status = range(value);
    EXPECT_TRUE(status == 200 || status == 206 || status == 416) << value << " " << status;
  }
}

TEST_F(Attacks, SlowClientsAreLeft) {
  const auto seconds_of = [&](const std::string& first, const std::string& each) {
    const RawConnection connection(session_->port());
    connection.send(first);
    const auto begin = std::chrono::steady_clock::now();
    const auto passed = [&] {
      return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    };
    while (passed() < 6) {
      if (!connection.send(each)) break;
      pollfd none = {-1, 0, 0};
      poll(&none, 1, 100);
      if (!connection.receive(0).empty() || !connection.send(each)) break;
    }
    return passed();
  };
  EXPECT_LT(seconds_of("GET / HTTP/1.1\r\n", "X"), 3) << "headers, a byte at a time";
  EXPECT_LT(
      seconds_of("PUT " + files() + "?path=slow HTTP/1.1\r\n" + good() + length(100000) + "\r\n",
                 "x"),
      3)
      << "body, a byte at a time";
  const double begin = now_s();
  EXPECT_EQ(RawConnection(session_->port()).receive(5), "") << "nothing at all";
  EXPECT_LT(now_s() - begin, 3);
  EXPECT_EQ(status_of(get("/api/v1/version")), 200);
}

TEST_F(Attacks, StreamsAreCounted) {
  const std::string headers = good() + "Accept: text/event-stream\r\n";
  RawConnection first(session_->port()), second(session_->port());
  first.send("GET /api/v1/events HTTP/1.1\r\n" + headers + "\r\n");
  second.send("GET /api/v1/events HTTP/1.1\r\n" + headers + "\r\n");
  EXPECT_NE(first.receive(0.3).find("event: hello"), std::string::npos);
  EXPECT_NE(second.receive(0.3).find("event: hello"), std::string::npos);
  expect(429, get("/api/v1/events"), "one more");
}

/// 1,200 connections, or as many as GROUNDGLASS_CONNECTIONS says (./check --all: 10,000), by eight
/// clients at once. A third says nothing and leaves; all others are answered.
TEST_F(Attacks, ManyConnectionsDoNotBringItDown) {
  const char* wanted = std::getenv("GROUNDGLASS_CONNECTIONS");
  const int each = (wanted != nullptr ? std::atoi(wanted) : 1200) / 8;
  std::atomic<int> answered = 0, refused = 0;
  std::vector<std::thread> threads;
  const double begin = now_s();
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < each; ++i) {
        const RawConnection connection(session_->port());
        if (i % 3 == 0) continue;  // says nothing and leaves
        connection.send("GET /api/v1/version HTTP/1.1\r\n" + good() + "Connection: close\r\n\r\n");
        const int status = status_of(connection.receive(5));
        if (status == 200) ++answered;
        if (status == 503 || status == 0) ++refused;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  std::cout << 8 * each << " connections in " << now_s() - begin << " s, " << answered
            << " answered\n";
  const int asked = 8 * (each - (each + 2) / 3);
  EXPECT_EQ(answered + refused, asked);
  EXPECT_GT(answered, asked / 2);
  EXPECT_EQ(status_of(get("/api/v1/version")), 200);
}

}  // namespace
}  // namespace groundglass
