#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace groundglass {

/// Who may talk to the server.
struct AccessOptions {
  std::string token;               ///< 64 hexadecimal digits
  std::string cookie;              ///< its name
  std::vector<std::string> hosts;  ///< "127.0.0.1:8765": what Host and Origin may say
  bool https = false;              ///< as the browser sees it
};

/// What of a request decides who it comes from.
struct RequestHead {
  std::string method, host, origin, fetch_site, cookies, authorization;
  int64_t hosts = 1;  ///< how many Host headers there are
};

/// Throws HttpError: 403 for a Host that is not ours (another name for this address, as DNS
/// rebinding uses it), an Origin or a Sec-Fetch-Site of another site; 401 without the token.
void check_access(const RequestHead& head, const AccessOptions& options);

/// Host, Origin and Sec-Fetch-Site alone, for the address that gives the cookie.
void check_origin(const RequestHead& head, const AccessOptions& options);

/// Compares without telling by its time how much agrees.
bool same_secret(std::string_view a, std::string_view b);

/// 32 bytes of the system's random numbers as hexadecimal digits.
std::string random_token(size_t bytes = 32);

/// The value of Set-Cookie that hands the token over.
std::string token_cookie(const AccessOptions& options);

}  // namespace groundglass
