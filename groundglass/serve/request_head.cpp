#include "groundglass/serve/request_head.h"

#include <algorithm>
#include <cctype>

#include "groundglass/core/text.h"
#include "groundglass/core/version.h"
#include "groundglass/serve/http_error.h"

namespace groundglass {
namespace {

[[noreturn]] void refuse_head(const std::string& why) {
  throw HttpError(400, ErrorKind::usage, why);
}

/// Letters, digits and the signs that RFC 9110 lets names of headers have.
bool is_header_name(const std::string& name) {
  constexpr std::string_view kSigns = "!#$%&'*+-.^_`|~";
  return !name.empty() && std::all_of(name.begin(), name.end(), [&](unsigned char c) {
    return (c < 0x80 && std::isalnum(c) != 0) ||
           kSigns.find(static_cast<char>(c)) != std::string_view::npos;
  });
}

bool has_controls(const std::string& value) {
  return std::any_of(value.begin(), value.end(),
                     [](unsigned char c) { return (c < 0x20 && c != '\t') || c == 0x7f; });
}

std::string for_html(const std::string& text) {
  std::string safe;
  for (const char c : text) {
    if (c == '<') {
      safe += "&lt;";
    } else if (c == '&') {
      safe += "&amp;";
    } else {
      safe += c;
    }
  }
  return safe;
}

}  // namespace

RequestHead head_of(const httplib::Request& request) {
  return {.method = request.method,
          .host = request.get_header_value("Host"),
          .origin = request.get_header_value("Origin"),
          .fetch_site = request.get_header_value("Sec-Fetch-Site"),
          .cookies = request.get_header_value("Cookie"),
          .authorization = request.get_header_value("Authorization"),
          .hosts = static_cast<int64_t>(request.get_header_value_count("Host"))};
}

void check_framing(const httplib::Request& request) {
  for (const auto& [name, value] : request.headers) {
    if (!is_header_name(name)) refuse_head("a header has a name that is none");
    if (has_controls(value)) refuse_head("a header holds a control character");
  }
  for (const char* name :
       {"Content-Length", "Transfer-Encoding", "Origin", "Sec-Fetch-Site", "Authorization"}) {
    if (request.get_header_value_count(name) > 1) {
      refuse_head(std::string(name) + ": stands there twice");
    }
  }
  if (!request.has_header("Transfer-Encoding")) return;
  if (lower(request.get_header_value("Transfer-Encoding")) != "chunked") {
    refuse_head("Transfer-Encoding: expected chunked");
  }
  if (request.has_header("Content-Length")) {
    refuse_head("Transfer-Encoding and Content-Length: expected one of them");
  }
}

std::string error_page(const std::string& message) {
  return "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
         "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
         "<title>GroundGlass</title>\n<link rel=\"stylesheet\" href=\"/style.css\">\n</head>\n"
         "<body>\n<main class=\"narrow\">\n<h1>GroundGlass</h1>\n<p>error: " +
         for_html(message) + "</p>\n<p><a href=\"/\">Studies</a></p>\n<p class=\"hint\">" +
         kNotAMedicalDevice + "</p>\n</main>\n</body>\n</html>\n";
}

bool wants_page(const httplib::Request& request) {
  return request.method == "GET" && request.path.compare(0, 5, "/api/") != 0 &&
         request.get_header_value("Accept").find("text/html") != std::string::npos;
}

}  // namespace groundglass
