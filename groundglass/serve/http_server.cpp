#include "groundglass/serve/http_server.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "groundglass/core/clock.h"
#include "groundglass/core/error.h"

namespace groundglass {
namespace {

/// Set while a connection is handled that has no thread to wait for.
thread_local bool turned_away = false;

}  // namespace

/// A socket, with TLS or without, that gives up on clients that are too slow or say too much.
class LimitedStream final : public httplib::Stream {
 public:
  LimitedStream(int socket, const ServeLimits& limits, const std::atomic<bool>& ending)
      : socket_(socket), limits_(limits), ending_(ending) {}

  /// Returns false if no handshake comes to an end in time.
  bool handshake(SSL_CTX* context) {
    ssl_.reset(SSL_new(context));
    if (!ssl_ || SSL_set_fd(ssl_.get(), socket_) != 1) return false;
    begin_request();
    while (true) {
      const int done = SSL_accept(ssl_.get());
      if (done == 1) return true;
      if (!wait_for_ssl(done)) return false;
    }
  }

  /// Waits for the first byte of a request; not for long while others wait for a thread.
  bool next_request(const std::atomic<int64_t>& others) {
    if (ssl_ && SSL_pending(ssl_.get()) > 0) return true;
    if (buffer_begin_ < buffer_end_) return true;
    for (const double begin = now_s(); now_s() - begin < limits_.keep_alive_seconds;) {
      if (wait(POLLIN, now_s() + 0.2)) return true;
      if (ending_ || (others > 0 && now_s() - begin > limits_.crowded_seconds)) return false;
    }
    return false;
  }

  void begin_request() {
    in_headers_ = true;
    taken_ = 0;
    began_s_ = now_s();
  }
  void end_headers() {
    in_headers_ = false;
    taken_ = 0;
    began_s_ = now_s();
  }

  bool is_readable() const override { return wait(POLLIN, now_s()); }
  bool is_writable() const override { return wait(POLLOUT, now_s()); }

  ssize_t read(char* bytes, size_t size) override {
    if (buffer_begin_ == buffer_end_) {
      const ssize_t got = fill();
      if (got <= 0) return got;
    }
    if (in_headers_ && taken_ >= limits_.header_bytes) return -1;
    const size_t count = std::min(size, buffer_end_ - buffer_begin_);
    std::memcpy(bytes, buffer_.data() + buffer_begin_, count);
    buffer_begin_ += count;
    taken_ += static_cast<int64_t>(count);
    return static_cast<ssize_t>(count);
  }

  ssize_t write(const char* bytes, size_t size) override {
    const double until = now_s() + limits_.idle_seconds;
    while (true) {
      if (ssl_) {
        const int sent =
            SSL_write(ssl_.get(), bytes, static_cast<int>(std::min<size_t>(size, 1 << 16)));
        if (sent > 0) return sent;
        if (!wait_for_ssl(sent)) return -1;
      } else {
        const ssize_t sent = send(socket_, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent >= 0) return sent;
        if (errno != EAGAIN && errno != EINTR) return -1;
        if (!wait(POLLOUT, until)) return -1;
      }
    }
  }

  void get_remote_ip_and_port(std::string& ip, int& port) const override {
    ip.clear();
    port = 0;
  }
  void get_local_ip_and_port(std::string& ip, int& port) const override {
    ip.clear();
    port = 0;
  }
  socket_t socket() const override { return socket_; }

  void goodbye() {
    if (ssl_) SSL_shutdown(ssl_.get());
  }

 private:
  struct CloseSsl {
    void operator()(SSL* ssl) const { SSL_free(ssl); }
  };

  /// Until when the next byte has to be there.
  double deadline() const {
    if (in_headers_) return began_s_ + limits_.header_seconds;
    const double now = now_s();
    if (now - began_s_ > limits_.slow_seconds &&
        static_cast<double>(taken_) < (now - began_s_) * limits_.bytes_per_second) {
      return now;
    }
    return now + limits_.idle_seconds;
  }

  ssize_t fill() {
    const double until = deadline();
    while (true) {
      ssize_t got = 0;
      if (ssl_) {
        got = SSL_read(ssl_.get(), buffer_.data(), static_cast<int>(buffer_.size()));
        if (got <= 0) {
          if (!wait_for_ssl(static_cast<int>(got))) return -1;
          continue;
        }
      } else {
        got = recv(socket_, buffer_.data(), buffer_.size(), MSG_DONTWAIT);
        if (got < 0) {
          if (errno != EAGAIN && errno != EINTR) return -1;
          if (!wait(POLLIN, until)) return -1;
          continue;
        }
      }
      buffer_begin_ = 0;
      buffer_end_ = static_cast<size_t>(std::max<ssize_t>(got, 0));
      return got;
    }
  }

  bool wait_for_ssl(int result) const {
    const int what = SSL_get_error(ssl_.get(), result);
    ERR_clear_error();
    if (what == SSL_ERROR_WANT_READ) return wait(POLLIN, deadline());
    if (what == SSL_ERROR_WANT_WRITE) return wait(POLLOUT, deadline());
    return false;
  }

  /// In short steps, so that the end of the server is not missed.
  bool wait(short events, double until) const {
    while (!ending_) {
      const double left = until - now_s();
      pollfd one = {socket_, events, 0};
      const int step = static_cast<int>(1000 * std::max(0.0, std::min(left, 0.2)));
      const int ready = poll(&one, 1, step);
      if (ready > 0) return true;
      if (ready < 0 && errno != EINTR) return false;
      if (left <= 0) return false;
    }
    return false;
  }

  int socket_;
  const ServeLimits& limits_;
  const std::atomic<bool>& ending_;
  std::unique_ptr<SSL, CloseSsl> ssl_;
  std::array<char, 16384> buffer_{};
  size_t buffer_begin_ = 0, buffer_end_ = 0;
  bool in_headers_ = true;
  int64_t taken_ = 0;
  double began_s_ = 0;
};

/// Threads that take connections in turn. One more connection than may wait is turned away at once,
/// on the thread that accepts.
class HttpServer::Connections final : public httplib::TaskQueue {
 public:
  Connections(const ServeLimits& limits, std::atomic<int64_t>& waiting)
      : most_(limits.waiting), count_(waiting) {
    for (int64_t i = 0; i < limits.threads; ++i) {
      threads_.emplace_back([this] { work(); });
    }
  }

  void enqueue(std::function<void()> connection) override {
    {
      std::unique_lock lock(mutex_);
      if (static_cast<int64_t>(waiting_.size()) >= most_) {
        lock.unlock();
        turned_away = true;
        connection();
        turned_away = false;
        return;
      }
      waiting_.push_back(std::move(connection));
      ++count_;
    }
    changed_.notify_one();
  }

  void shutdown() override {
    {
      const std::lock_guard lock(mutex_);
      ended_ = true;
    }
    changed_.notify_all();
    for (auto& thread : threads_) thread.join();
  }

 private:
  void work() {
    while (true) {
      std::function<void()> connection;
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return ended_ || !waiting_.empty(); });
        if (waiting_.empty()) return;
        connection = std::move(waiting_.front());
        waiting_.pop_front();
        --count_;
      }
      connection();
    }
  }

  int64_t most_;
  std::atomic<int64_t>& count_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::list<std::function<void()>> waiting_;
  std::vector<std::thread> threads_;
  bool ended_ = false;
};

struct HttpServer::Tls {
  struct Free {
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  };
  std::unique_ptr<SSL_CTX, Free> context;
};

HttpServer::HttpServer(const ServeLimits& limits) : limits_(limits) {
  new_task_queue = [this] { return new Connections(limits_, waiting_); };
  // Not SO_REUSEPORT, cpp-httplib's choice, with which two servers would share a port.
  set_socket_options([](socket_t socket) {
    const int yes = 1;
    setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  });
  set_tcp_nodelay(true);
  set_payload_max_length(static_cast<size_t>(std::max(limits.upload_bytes, limits.mask_bytes)));
}

HttpServer::~HttpServer() = default;

void HttpServer::use_tls(const std::filesystem::path& certificate,
                         const std::filesystem::path& key) {
  tls_ = std::make_unique<Tls>();
  tls_->context.reset(SSL_CTX_new(TLS_server_method()));
  SSL_CTX* context = tls_->context.get();
  const auto refuse = [](const std::filesystem::path& path, const std::string& what) {
    fail(ErrorKind::usage,
         path.string() + ": " + what + "; expected PEM files that belong together");
  };
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  if (SSL_CTX_use_certificate_chain_file(context, certificate.c_str()) != 1) {
    refuse(certificate, "cannot be read as a certificate");
  }
  if (SSL_CTX_use_PrivateKey_file(context, key.c_str(), SSL_FILETYPE_PEM) != 1) {
    refuse(key, "cannot be read as the certificate's key");
  }
}

int HttpServer::bind(const std::string& address, int port) {
  errno = 0;
  int bound = 0;
  if (port == 0) {
    bound = std::max(0, bind_to_any_port(address));
  } else if (bind_to_port(address, port)) {
    bound = port;
  }
  // cpp-httplib lets five wait to be accepted, beyond which a client waits for a second or more.
  if (bound > 0 && ::listen(svr_sock_, static_cast<int>(limits_.waiting)) == 0) return bound;
  fail(ErrorKind::usage, address + " port " + std::to_string(port) + ": cannot be listened on (" +
                             (errno != 0 ? std::strerror(errno) : "no such address") +
                             "); name another with --listen or --port");
}

void HttpServer::end() {
  ending_ = true;
  stop();
}

bool HttpServer::process_and_close_socket(socket_t socket) {
  if (turned_away) {
    constexpr const char* kBusy =
        "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    if (!tls_) send(socket, kBusy, std::strlen(kBusy), MSG_NOSIGNAL | MSG_DONTWAIT);
  } else {
    LimitedStream stream(socket, limits_, ending_);
    if (!tls_ || stream.handshake(tls_->context.get())) serve_connection(stream);
    stream.goodbye();
  }
  shutdown(socket, SHUT_RDWR);
  close(socket);
  return true;
}

void HttpServer::serve_connection(LimitedStream& stream) {
  for (int64_t n = 0; n < limits_.keep_alive_requests && stream.next_request(waiting_); ++n) {
    stream.begin_request();
    bool closed = false, body = true;  // unless the headers can be read
    const bool last = n + 1 == limits_.keep_alive_requests;
    const bool went_on = process_request(stream, last, closed, [&](httplib::Request& request) {
      stream.end_headers();
      request.ranges.clear();  // Call::reply_file() reads the header itself
      const bool takes_body = request.method != "GET" && request.method != "HEAD";
      body = takes_body || request.has_header("Content-Length") ||
             request.has_header("Transfer-Encoding");
      if (!body) return;
      request.headers.erase("Connection");
      request.set_header("Connection", "close");
      const std::string type = request.get_header_value("Content-Type");
      request.headers.erase("Content-Type");
      request.headers.erase(kContentType);
      request.set_header(kContentType, type);
    });
    if (!went_on || closed || body || ending_) return;
  }
}

}  // namespace groundglass
