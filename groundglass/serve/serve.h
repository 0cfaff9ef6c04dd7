#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "groundglass/serve/limits.h"

namespace groundglass {

struct ServeOptions {
  std::filesystem::path folder;     ///< the workspace
  std::filesystem::path runs = {};  ///< folder of trainings; empty: FOLDER/runs
  std::string address = "127.0.0.1";
  int port = -1;  ///< 0: a free one; -1: kServePort, or a free one if it is taken
  std::filesystem::path tls_certificate = {}, tls_key = {};
  std::string proxy_host = {};      ///< "name" or "name:port" of a proxy that speaks TLS for us
  std::filesystem::path site = {};  ///< TOML file of a site whose destinations may be used
  bool show_identity = false;
  std::vector<std::string> job_command =
      {};  ///< program and words that the path of an order follows, or "-" (answer_questions())
  ServeLimits limits = {};
};

/// The port that is tried first, so that bookmarks stay valid.
constexpr int kServePort = 8765;

/// A server from its start to its end. Throws Error(usage) for an address other than this machine's
/// own without TLS or a proxy, for TLS files and ports that cannot be used, and as read_site() and
/// read_site_key() do; Error(data) for a folder that can be no workspace.
class ServeSession {
 public:
  explicit ServeSession(ServeOptions options);
  ~ServeSession();
  ServeSession(const ServeSession&) = delete;
  ServeSession& operator=(const ServeSession&) = delete;

  void start();
  /// Stops listening, ends running jobs (the next server goes on with them) and waits for both.
  void stop();

  int port() const;
  const std::string& token() const;
  std::string address() const;              ///< "http://127.0.0.1:8765/?token=.."
  std::string what_it_exposes() const;      ///< one line, empty for this machine alone
  std::vector<std::string> routes() const;  ///< "GET /studies/{study}", sorted

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace groundglass
