#include "groundglass/serve/request_body.h"

#include <algorithm>
#include <cctype>

#include "groundglass/core/text.h"
#include "groundglass/serve/http_error.h"

namespace groundglass {
using nlohmann::ordered_json;

void refuse_key(const std::string& key, const std::string& expected) {
  throw HttpError(400, ErrorKind::usage, key + ": expected " + expected);
}

std::string text_of(const ordered_json& body, const std::string& key, size_t longest) {
  if (!body.contains(key) || body[key].is_null()) return "";
  if (!body[key].is_string()) refuse_key(key, "a text");
  auto text = body[key].get<std::string>();
  if (text.size() > longest) refuse_key(key, "at most " + std::to_string(longest) + " bytes");
  return text;
}

int64_t number_of(const ordered_json& body, const std::string& key) {
  if (!body.contains(key) || !body[key].is_number_integer() || body[key].get<int64_t>() < 1) {
    refuse_key(key, "a number from 1 on");
  }
  return body[key];
}

void check_keys(const ordered_json& body, const std::vector<std::string>& known) {
  for (const auto& [key, value] : body.items()) {
    if (std::find(known.begin(), known.end(), key) == known.end()) {
      throw HttpError(
          400, ErrorKind::usage,
          in_quotes(key.substr(0, 40)) + " is not known here" + did_you_mean(key, known));
    }
  }
}

std::string model_word(const Api& api, const std::string& key, const std::string& text) {
  const bool run = text.compare(0, 4, "run:") == 0;
  const std::string name = run ? text.substr(4) : text;
  const bool plain = std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '_' || c == '-' || (c == '.');
  });
  if (!plain || name.compare(0, 1, ".") == 0) {
    refuse_key(key, "a name of /api/v1/models, found " + in_quotes(text.substr(0, 60)));
  }
  return run ? (api.runs / name).string() : name;
}

ordered_json studies_of(Api& api, const ordered_json& body) {
  auto ids = ordered_json::array();
  if (body.contains("studies") && !body["studies"].is_null()) {
    if (!body["studies"].is_array()) refuse_key("studies", "a list of ids");
    for (const auto& id : body["studies"]) {
      if (!id.is_string()) refuse_key("studies", "a list of ids");
      ids.push_back(api.workspace.study(id.get<std::string>()).id);
    }
  }
  if (ids.empty()) {
    for (const auto& study : api.workspace.studies()) ids.push_back(study.id);
  }
  return ids;
}

}  // namespace groundglass
