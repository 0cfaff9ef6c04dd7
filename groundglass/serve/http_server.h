#pragma once

#include <atomic>
#include <filesystem>
#include <memory>
#include <string>

#include <httplib.h>

#include "groundglass/serve/limits.h"

namespace groundglass {

class LimitedStream;

/// cpp-httplib's server with limits that it does not have itself: on the bytes and the time of
/// headers, on slow bodies and answers, on connections that wait; and a stop that does not wait for
/// clients. Requests with a body end their connection, so that what a handler leaves unread is
/// never taken for a request.
///
/// A body's Content-Type is in the header kContentType: cpp-httplib would keep multipart headers of
/// any length in memory.
class HttpServer : public httplib::Server {
 public:
  static constexpr const char* kContentType = "X-Groundglass-Content-Type";

  explicit HttpServer(const ServeLimits& limits);
  ~HttpServer() override;

  /// Speaks TLS from now on, with a certificate (chain) and its key in PEM files. Throws
  /// Error(usage) if they cannot be used.
  void use_tls(const std::filesystem::path& certificate, const std::filesystem::path& key);

  /// Binds `port`, 0 for a free one, and returns it. Throws Error(usage) if that does not work.
  int bind(const std::string& address, int port);

  /// Ends listen_after_bind() soon, whatever clients do.
  void end();
  bool ending() const { return ending_; }

 private:
  class Connections;
  struct Tls;

  bool process_and_close_socket(socket_t socket) override;
  void serve_connection(LimitedStream& stream);

  ServeLimits limits_;
  std::atomic<bool> ending_ = false;
  std::atomic<int64_t> waiting_ = 0;  ///< connections that no thread has taken yet
  std::unique_ptr<Tls> tls_;
};

}  // namespace groundglass
