#include "groundglass/serve/serve.h"

#include <sys/resource.h>

#include <algorithm>
#include <thread>

#include "groundglass/core/error.h"
#include "groundglass/core/text.h"
#include "groundglass/core/version.h"
#include "groundglass/io/sqlite.h"
#include "groundglass/pacs/site.h"
#include "groundglass/serve/api.h"
#include "groundglass/serve/http_error.h"
#include "groundglass/serve/request_head.h"
#include "groundglass/serve/target.h"
#include "groundglass/serve/web_files.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

/// Nothing from elsewhere, no script in a page, nobody around us. WebAssembly and blobs are what
/// NiiVue needs.
constexpr const char* kContentPolicy =
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' "
    "blob: data:; connect-src 'self' blob: data:; worker-src 'self' blob:; font-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

void set_safety_headers(httplib::Response& response) {
  response.set_header("Content-Security-Policy", kContentPolicy);
  response.set_header("Cross-Origin-Opener-Policy", "same-origin");
  response.set_header("Cross-Origin-Embedder-Policy", "require-corp");
  response.set_header("Cross-Origin-Resource-Policy", "same-origin");
  response.set_header("X-Content-Type-Options", "nosniff");
  response.set_header("X-Frame-Options", "DENY");
  response.set_header("Referrer-Policy", "no-referrer");  // the first address holds the token
  if (!response.has_header("Cache-Control")) response.set_header("Cache-Control", "no-store");
}

bool is_loopback(const std::string& address) {
  return address == "::1" || address == "localhost" || address.compare(0, 4, "127.") == 0;
}

const WebFile* web_file(const std::string& path) {
  const auto files = web_files();
  const auto found =
      std::find_if(files.begin(), files.end(), [&](const WebFile& f) { return f.path == path; });
  return found == files.end() ? nullptr : &*found;
}

/// Each connection takes a handle, and each thread may hold a file open besides.
void raise_handle_limit() {
  rlimit limit = {};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = std::max<rlim_t>(limit.rlim_cur, std::min<rlim_t>(limit.rlim_max, 8192));
  setrlimit(RLIMIT_NOFILE, &limit);
}

/// A job whose order is "-" answers questions.
std::vector<std::string> assistant_command(std::vector<std::string> job_command) {
  job_command.emplace_back("-");
  return job_command;
}

}  // namespace

struct ServeSession::State {
  explicit State(ServeOptions wanted)
      : options(std::move(wanted)),
        workspace(options.folder),
        queue(workspace, events, {options.job_command, options.show_identity}),
        assistant({assistant_command(options.job_command), workspace.folder() / "assistant.log"}),
        api{workspace,
            events,
            queue,
            assistant,
            options.limits,
            options.runs.empty() ? workspace.folder() / "runs" : options.runs,
            options.show_identity},
        routes(api_routes(api)),
        server(options.limits) {}

  void open();
  void handle(const httplib::Request& request, httplib::Response& response,
              const httplib::ContentReader* body);
  void answer(const httplib::Request& request, httplib::Response& response,
              const httplib::ContentReader* body);

  ServeOptions options;
  Workspace workspace;
  EventHub events;
  JobQueue queue;
  Assistant assistant;
  Api api;
  std::vector<Route> routes;
  HttpServer server;
  AccessOptions access;
  int port = 0;
  std::thread listening;
};

void ServeSession::State::open() {
  const bool tls = !options.tls_certificate.empty();
  if (tls != !options.tls_key.empty()) {
    fail(ErrorKind::usage, "--tls-cert and --tls-key: expected both or neither");
  }
  if (!is_loopback(options.address) && !tls && options.proxy_host.empty()) {
    fail(ErrorKind::usage, "--listen " + options.address +
                               ": others could read along; give --tls-cert and --tls-key, or "
                               "--behind-proxy NAME where a proxy speaks TLS");
  }
  if (!options.site.empty()) {
    api.site = std::make_shared<const Site>(read_site(fs::absolute(options.site)));
    read_site_key(api.site->options.key);
  }
  if (tls) server.use_tls(options.tls_certificate, options.tls_key);
  raise_handle_limit();
  if (options.port >= 0) {
    port = server.bind(options.address, options.port);
  } else {
    try {
      port = server.bind(options.address, kServePort);
    } catch (const Error&) {
      port = server.bind(options.address, 0);
    }
  }
  const std::string with_port = ":" + std::to_string(port);
  access.token = random_token();
  access.cookie = "groundglass_" + std::to_string(port);
  access.https = tls || !options.proxy_host.empty();
  if (!options.proxy_host.empty()) access.hosts.push_back(lower(options.proxy_host));
  const bool any = options.address == "0.0.0.0" || options.address == "::";
  if (is_loopback(options.address) || any) {
    for (const char* name : {"127.0.0.1", "localhost", "[::1]"}) {
      access.hosts.push_back(name + with_port);
    }
  }
  if (any) {
    char name[256] = {};
    if (gethostname(name, sizeof name - 1) == 0) access.hosts.push_back(lower(name) + with_port);
  } else {
    const bool six = options.address.find(':') != std::string::npos;
    access.hosts.push_back(lower(six ? "[" + options.address + "]" : options.address) + with_port);
  }
  const auto take = [this](const httplib::Request& request, httplib::Response& response) {
    handle(request, response, nullptr);
  };
  const auto take_body = [this](const httplib::Request& request, httplib::Response& response,
                                const httplib::ContentReader& body) {
    handle(request, response, &body);
  };
  // Addresses are looked up in handle(); a pattern that recurses on each byte sees short ones
  // alone.
  server.set_pre_routing_handler(
      [this](const httplib::Request& request, httplib::Response& response) {
        const bool known = request.method == "GET" || request.method == "HEAD" ||
                           request.method == "POST" || request.method == "PUT" ||
                           request.method == "PATCH" || request.method == "DELETE";
        const bool plain =
            request.path.size() <= 2048 && request.path.find_first_of("\r\n") == std::string::npos;
        if (known && plain) return httplib::Server::HandlerResponse::Unhandled;
        handle(request, response, nullptr);
        return httplib::Server::HandlerResponse::Handled;
      });
  server.Get(".*", take);
  server.Post(".*", take_body);
  server.Put(".*", take_body);
  server.Patch(".*", take_body);
  server.Delete(".*", take_body);
  server.set_error_handler([](const httplib::Request&, httplib::Response& response) {
    if (!response.body.empty()) return;  // handle() has said it
    set_safety_headers(response);
    const std::string what = response.status == 400   ? "the request is damaged"
                             : response.status == 416 ? "Range: cannot be understood"
                                                      : "status " + std::to_string(response.status);
    response.set_content(error_json(what, ErrorKind::usage), "application/json");
  });
}

void ServeSession::State::handle(const httplib::Request& request, httplib::Response& response,
                                 const httplib::ContentReader* body) {
  const auto refuse = [&](int status, const std::string& message, ErrorKind kind) {
    response.status = status;
    if (wants_page(request)) {
      response.set_content(error_page(message), "text/html");
    } else {
      response.set_content(error_json(message, kind), "application/json");
    }
  };
  try {
    answer(request, response, body);
  } catch (const HttpError& e) {
    refuse(e.status(), e.what(), e.kind());
  } catch (const DatabaseFull&) {
    refuse(507, "the disk of the workspace is full; make room and ask again", ErrorKind::data);
  } catch (const Error& e) {
    refuse(http_status(e.kind()), e.what(), e.kind());
  } catch (const std::bad_alloc&) {
    refuse(503, "not enough memory", ErrorKind::device);
  } catch (const fs::filesystem_error& e) {
    refuse(500, "a file of the workspace cannot be looked at (" + e.code().message() + ")",
           ErrorKind::data);
  } catch (const std::exception& e) {
    refuse(500, std::string("internal: ") + e.what(), ErrorKind::internal);
  }
  set_safety_headers(response);
}

void ServeSession::State::answer(const httplib::Request& request, httplib::Response& response,
                                 const httplib::ContentReader* body) {
  check_framing(request);
  const RequestHead head = head_of(request);
  const auto segments =
      target_segments(request.target, static_cast<size_t>(options.limits.target_bytes));
  if (segments.empty() && request.method == "GET" && request.has_param("token")) {
    check_origin(head, access);
    if (!same_secret(request.get_param_value("token"), access.token)) {
      throw HttpError(401, ErrorKind::usage,
                      "the token is not this server's; open the address that the program printed");
    }
    response.set_header("Set-Cookie", token_cookie(access));
    response.set_redirect("/", 303);
    return;
  }
  check_access(head, access);
  if (request.has_header("Content-Encoding")) {
    throw HttpError(415, ErrorKind::usage, "Content-Encoding: expected bodies that are not packed");
  }
  const bool reads = request.method == "GET" || request.method == "HEAD";
  std::string path;
  for (const auto& segment : segments) path += "/" + segment;
  if (path.empty()) path = "/index.html";
  if (const WebFile* file = web_file(path)) {
    if (!reads) throw HttpError(405, ErrorKind::usage, request.method + ": expected GET here");
    response.status = 200;
    response.set_header("Cache-Control", "no-cache");
    response.set_content_provider(file->bytes.size(), std::string(file->type),
                                  [file](size_t offset, size_t length, httplib::DataSink& sink) {
                                    return sink.write(file->bytes.data() + offset, length);
                                  });
    return;
  }
  if (segments.size() > 2 && segments[0] == "api" && segments[1] == "v1") {
    Call call(request, response, body);
    const Route* route = find_route(routes, reads ? "GET" : request.method,
                                    {segments.begin() + 2, segments.end()}, call.parts);
    if (route != nullptr) return route->handler(call);
  }
  throw HttpError(404, ErrorKind::usage, "there is nothing at this address");
}

ServeSession::ServeSession(ServeOptions options)
    : state_(std::make_unique<State>(std::move(options))) {
  state_->open();
}

ServeSession::~ServeSession() {
  stop();
}

void ServeSession::start() {
  state_->queue.start();
  state_->listening = std::thread([this] { state_->server.listen_after_bind(); });
}

void ServeSession::stop() {
  state_->events.close();
  state_->assistant.stop();
  state_->server.end();
  if (state_->listening.joinable()) state_->listening.join();
  state_->queue.stop();
}

int ServeSession::port() const {
  return state_->port;
}

const std::string& ServeSession::token() const {
  return state_->access.token;
}

std::string ServeSession::address() const {
  const auto& access = state_->access;
  return (access.https ? "https://" : "http://") + access.hosts.front() + "/?token=" + access.token;
}

std::string ServeSession::what_it_exposes() const {
  const auto& options = state_->options;
  if (is_loopback(options.address) && options.proxy_host.empty()) return "";
  return "everybody who can reach " + options.address + " port " + std::to_string(state_->port) +
         " and has the token sees and changes all studies in " +
         state_->workspace.folder().string() +
         (options.proxy_host.empty() ? "" : "; the proxy must not be reached without TLS");
}

std::vector<std::string> ServeSession::routes() const {
  std::vector<std::string> all;
  for (const auto& route : state_->routes) all.push_back(route.method + " " + route.pattern);
  std::sort(all.begin(), all.end());
  return all;
}

std::vector<Route> api_routes(Api& api) {
  std::vector<Route> routes;
  add_study_routes(api, routes);
  add_job_routes(api, routes);
  add_result_routes(api, routes);
  add_comparison_routes(api, routes);
  add_run_routes(api, routes);
  add_round_routes(api, routes);
  add_training_routes(api, routes);
  add_pacs_routes(api, routes);
  return routes;
}

}  // namespace groundglass
