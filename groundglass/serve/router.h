#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include <httplib.h>

#include "groundglass/serve/http_server.h"

#include <nlohmann/json.hpp>

namespace groundglass {

/// A request on its way through a handler, which fills the response.
class Call {
 public:
  Call(const httplib::Request& asked, httplib::Response& answer, const httplib::ContentReader* body)
      : request(asked), response(answer), body_(body) {}

  const httplib::Request& request;
  httplib::Response& response;
  std::map<std::string, std::string> parts;  ///< of the path: {"study", "00ff.."}

  /// A whole number from 1 on in the path. Throws HttpError(404) for anything else.
  int64_t number(const std::string& part) const;
  /// A study's id in the path. Throws HttpError(404) for what can be none.
  std::string study() const;

  /// A value of the query. Throws HttpError(400) if it is missing or longer than `longest`.
  std::string query(const std::string& name, size_t longest) const;
  /// A whole number from 1 on in the query. Throws HttpError(400) for anything else.
  int64_t query_number(const std::string& name) const;
  std::string query_or(const std::string& name, const std::string& otherwise, size_t longest) const;

  /// Hands the body on, piece by piece. Throws HttpError(413) beyond `most` bytes, and what the
  /// receiver throws; HttpError(400) if it ends early. Returns its bytes.
  int64_t read_body(int64_t most, const std::function<void(std::string_view)>& receiver);
  std::string whole_body(int64_t most);
  /// The body as a JSON object; an empty body is an empty one. Throws HttpError(400) for others.
  nlohmann::ordered_json json_body(int64_t most);
  std::string content_type() const;

  void reply(const nlohmann::ordered_json& document, int status = 200);
  void reply_nothing();
  /// A file, in ranges if they are asked for. `name` makes it a download.
  void reply_file(const std::filesystem::path& path, const std::string& type,
                  const std::string& name = "");

 private:
  const httplib::ContentReader* body_;
};

struct Route {
  std::string method;   ///< "GET"
  std::string pattern;  ///< as in openapi.json, "/studies/{study}/files"
  std::function<void(Call&)> handler;
};

/// Finds the route of a path's segments (below /api/v1); null if there is none. Fills `parts`.
/// Throws HttpError(405) if there is one for other methods only.
const Route* find_route(const std::vector<Route>& routes, const std::string& method,
                        const std::vector<std::string>& segments,
                        std::map<std::string, std::string>& parts);

}  // namespace groundglass
