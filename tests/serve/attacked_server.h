#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "groundglass/core/files.h"
#include "groundglass/serve/serve.h"
#include "tests/scratch_folder.h"
#include "tests/serve/raw_request.h"

namespace groundglass {

/// A server that runs in this process, so that a sanitizer sees all of it, a study in it, and words
/// to ask it with. Beside its workspace lies a secret, to which links lead.
class AttackedServer : public testing::Test {
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
    std::filesystem::create_symlink(*folder_ / "secret.txt",
                                    *folder_ / "workspace/studies" / study_ / "files/link.txt");
    std::filesystem::create_directory_symlink(
        folder_->path(), *folder_ / "workspace/studies" / study_ / "files/out");
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

  static inline std::unique_ptr<ScratchFolder> folder_;
  static inline std::unique_ptr<ServeSession> session_;
  static inline std::string study_;
};

}  // namespace groundglass
