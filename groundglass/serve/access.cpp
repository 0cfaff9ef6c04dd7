#include "groundglass/serve/access.h"

#include <sys/random.h>

#include <algorithm>

#include "groundglass/core/text.h"
#include "groundglass/serve/http_error.h"

namespace groundglass {
namespace {

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

/// Whether one of the cookies of that name has the token; a page of another port may have set one
/// of the same name.
bool has_cookie(std::string_view cookies, const AccessOptions& options) {
  for (const auto& pair : split_text(cookies, ';')) {
    const auto text = trimmed(pair);
    const size_t equals = text.find('=');
    if (equals == std::string_view::npos || text.substr(0, equals) != options.cookie) continue;
    if (same_secret(text.substr(equals + 1), options.token)) return true;
  }
  return false;
}

bool has_bearer(std::string_view authorization, const AccessOptions& options) {
  constexpr std::string_view kBearer = "Bearer ";
  return authorization.substr(0, kBearer.size()) == kBearer &&
         same_secret(trimmed(authorization.substr(kBearer.size())), options.token);
}

}  // namespace

void check_origin(const RequestHead& head, const AccessOptions& options) {
  const auto ours = [&](const std::string& host) {
    return std::find(options.hosts.begin(), options.hosts.end(), lower(host)) !=
           options.hosts.end();
  };
  if (head.hosts != 1 || !ours(head.host)) {
    throw HttpError(403, ErrorKind::usage,
                    "Host is not this server's name, expected " + options.hosts.front() +
                        "; open the address that the program printed");
  }
  const std::string scheme = options.https ? "https://" : "http://";
  if (!head.origin.empty() && (head.origin.substr(0, scheme.size()) != scheme ||
                               !ours(head.origin.substr(scheme.size())))) {
    throw HttpError(403, ErrorKind::usage,
                    "Origin is another site, expected " + scheme + options.hosts.front());
  }
  // "none" is a bookmark or an address that was typed.
  if (!head.fetch_site.empty() && head.fetch_site != "same-origin" && head.fetch_site != "none") {
    throw HttpError(403, ErrorKind::usage, "the request comes from another site's page");
  }
}

void check_access(const RequestHead& head, const AccessOptions& options) {
  check_origin(head, options);
  if (has_cookie(head.cookies, options) || has_bearer(head.authorization, options)) return;
  throw HttpError(401, ErrorKind::usage,
                  "no valid token; open the address that the program printed, or send "
                  "'Authorization: Bearer TOKEN'");
}

bool same_secret(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  unsigned difference = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    difference |= static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b[i]);
  }
  return difference == 0;
}

std::string random_token(size_t bytes) {
  std::string random(bytes, '\0');
  if (getrandom(random.data(), bytes, 0) != static_cast<ssize_t>(bytes)) {
    fail(ErrorKind::internal, "the system gives no random numbers");
  }
  constexpr const char* kDigits = "0123456789abcdef";
  std::string text;
  for (const char c : random) {
    const auto byte = static_cast<unsigned char>(c);
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

std::string token_cookie(const AccessOptions& options) {
  return options.cookie + "=" + options.token + "; Path=/; HttpOnly; SameSite=Strict" +
         (options.https ? "; Secure" : "");
}

}  // namespace groundglass
