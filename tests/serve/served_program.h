#pragma once

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <httplib.h>
#include <nlohmann/json.hpp>

#include "groundglass/core/clock.h"
#include "groundglass/core/files.h"
#include "tests/cli/run_program.h"
#include "tests/scratch_folder.h"

namespace groundglass {
namespace {
namespace fs = std::filesystem;
using nlohmann::json;

/// `groundglass serve` in a process group of its own.
class Program {
 public:
  explicit Program(const fs::path& workspace, const std::vector<std::string>& more = {}) {
    std::vector<std::string> words = {
        GROUNDGLASS_BINARY, "serve", workspace.string(), "--port", "0",
        "--precision",      "fp32",  "--quiet"};
    words.insert(words.end(), more.begin(), more.end());
    std::vector<char*> arguments;
    for (auto& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    int ends[2] = {};
    EXPECT_EQ(pipe(ends), 0);
    process_ = fork();
    if (process_ == 0) {
      dup2(ends[1], STDOUT_FILENO);
      execv(arguments[0], arguments.data());
      _exit(127);
    }
    close(ends[1]);
    char c = 0;
    while (read(ends[0], &c, 1) == 1 && c != '\n') address_ += c;
    close(ends[0]);
  }
  ~Program() { end(SIGKILL); }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  int end(int signal) {
    if (process_ <= 0) return -1;
    kill(process_, signal);
    int status = 0;
    waitpid(process_, &status, 0);
    process_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

  pid_t process() const { return process_; }
  const std::string& address() const { return address_; }
  int port() const { return std::stoi(address_.substr(17)); }
  std::string token() const { return address_.substr(address_.find('=') + 1); }

 private:
  pid_t process_ = -1;
  std::string address_;
};

class Api {
 public:
  explicit Api(const Program& program) : client_("127.0.0.1", program.port()) {
    client_.set_default_headers({{"Authorization", "Bearer " + program.token()}});
    client_.set_read_timeout(20);
  }

  json get(const std::string& path, int status = 200) {
    return answer(client_.Get("/api/v1" + path), status, path);
  }
  std::string bytes(const std::string& path) {
    const auto result = client_.Get("/api/v1" + path);
    EXPECT_TRUE(result && result->status == 200) << path << (result ? result->body : "");
    return result ? result->body : "";
  }
  json post(const std::string& path, const json& body, int status) {
    return answer(client_.Post("/api/v1" + path, body.dump(), "application/json"), status, path);
  }
  json send(const std::string& path, const std::string& body, int status) {
    return answer(client_.Post("/api/v1" + path, body, "application/octet-stream"), status, path);
  }
  json put(const std::string& path, const std::string& body, int status) {
    return answer(client_.Put("/api/v1" + path, body, "application/octet-stream"), status, path);
  }
  int remove(const std::string& path) {
    const auto result = client_.Delete("/api/v1" + path);
    return result ? result->status : 0;
  }

  /// The job, when it has ended.
  json done(int64_t job, const std::string& state = "done") {
    json found;
    for (const double begin = now_s(); now_s() - begin < 300;) {
      found = get("/jobs/" + std::to_string(job));
      const std::string now = found["state"];
      if (now != "queued" && now != "running") break;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    EXPECT_EQ(found["state"], state) << found.dump(1);
    return found;
  }
  json ready(const std::string& version) {
    json found;
    for (const double begin = now_s(); now_s() - begin < 120;) {
      found = get(version);
      if (found["state"] != "measuring") break;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    EXPECT_EQ(found["state"], "ready") << found.dump(1);
    return found;
  }

 private:
  static json answer(const httplib::Result& result, int status, const std::string& path) {
    EXPECT_TRUE(result) << path;
    if (!result) return {};
    EXPECT_EQ(result->status, status) << path << "\n" << result->body;
    return json::parse(result->body, nullptr, false);
  }
  httplib::Client client_;
};

class Serve : public testing::Test {
 protected:
  /// A study of one small volume, uploaded and imported.
  std::string small_study(Api& api, const std::string& format = "nifti") {
    run("groundglass phantom data --cases 1 --slices 12 --side 64 -q --format " + format);
    const std::string id = api.post("/studies", json::object(), 201)["id"];
    const fs::path from = folder / "data";
    if (format == "nifti") {
      api.put("/studies/" + id + "/files?path=Miller_Ann.nii.gz",
              read_file(from / "imagesTr/case_000_0000.nii.gz"), 201);
    } else {
      for (const auto& file : fs::directory_iterator(from / "case_000")) {
        api.put("/studies/" + id + "/files?path=Miller/" + file.path().filename().string(),
                read_file(file.path()), 201);
      }
    }
    api.done(api.post("/studies/" + id + "/import", json::object(), 202)["id"]);
    return id;
  }
  /// A study of files of the scratch folder, imported.
  std::string imported(Api& api, const std::vector<std::string>& files) {
    const std::string id = api.post("/studies", json::object(), 201)["id"];
    for (const auto& file : files) {
      api.put("/studies/" + id + "/files?path=" + file, read_file(folder / file), 201);
    }
    api.done(api.post("/studies/" + id + "/import", json::object(), 202)["id"]);
    return id;
  }
  void run(const std::string& command) const {
    const Outcome outcome = run_shell(command, folder.path());
    EXPECT_EQ(outcome.code, 0) << command << "\n" << outcome.err;
  }
  ScratchFolder folder;
};

}  // namespace
}  // namespace groundglass
