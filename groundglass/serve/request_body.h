#pragma once

#include <string>
#include <vector>

#include "groundglass/serve/api.h"

namespace groundglass {

// What handlers ask of a JSON body. All throw HttpError(400) that names the key.

[[noreturn]] void refuse_key(const std::string& key, const std::string& expected);

/// A text of at most `longest` bytes; empty if there is none.
std::string text_of(const nlohmann::ordered_json& body, const std::string& key, size_t longest);

/// A number from 1 on, which must be there.
int64_t number_of(const nlohmann::ordered_json& body, const std::string& key);

/// Every key is one of these.
void check_keys(const nlohmann::ordered_json& body, const std::vector<std::string>& known);

/// Names of models and who finds the lungs: words, never paths, which would lead out of the
/// workspace. 'run:NAME' is a run in the folder of runs, whose path is returned.
std::string model_word(const Api& api, const std::string& key, const std::string& text);

/// The ids of the studies that a request names in "studies", else of all.
nlohmann::ordered_json studies_of(Api& api, const nlohmann::ordered_json& body);

}  // namespace groundglass
