// What somebody may send who means ill, and what has to come back: one line each. These are about
// what may be seen and where names lead; request_attacks_test.cpp sends requests that are none.

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "groundglass/core/files.h"
#include "tests/serve/attacked_server.h"

namespace groundglass {
namespace {
namespace fs = std::filesystem;

class Attacks : public AttackedServer {};

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

}  // namespace
}  // namespace groundglass
