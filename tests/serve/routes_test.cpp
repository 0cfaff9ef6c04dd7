// The interface's document and the routes that the server has are the same set, and the document
// names what it refers to.
#include <algorithm>
#include <set>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "groundglass/core/files.h"
#include "groundglass/serve/serve.h"
#include "groundglass/serve/web_files.h"
#include "tests/scratch_folder.h"

namespace groundglass {
namespace {
using nlohmann::json;

json document() {
  return json::parse(
      read_file(std::filesystem::path(GROUNDGLASS_SOURCE_DIR) / "groundglass/serve/openapi.json"));
}

/// Calls `found` with every "$ref" in the document.
void each_reference(const json& node, const std::function<void(const std::string&)>& found) {
  if (node.is_object()) {
    for (const auto& [key, value] : node.items()) {
      if (key == "$ref") found(value);
      each_reference(value, found);
    }
  } else if (node.is_array()) {
    for (const auto& value : node) each_reference(value, found);
  }
}

TEST(OpenApi, NamesTheRoutesThatTheServerHas) {
  const ScratchFolder folder;
  ServeOptions options;
  options.folder = folder / "workspace";
  options.port = 0;
  const ServeSession session(options);
  std::vector<std::string> written;
  for (const auto& [path, operations] : document()["paths"].items()) {
    for (const auto& [method, operation] : operations.items()) {
      std::string word = method;
      std::transform(word.begin(), word.end(), word.begin(), ::toupper);
      if (path != "/openapi.json") written.push_back(word + " " + path);  // an embedded file
    }
  }
  std::sort(written.begin(), written.end());
  EXPECT_EQ(written, session.routes());
}

TEST(OpenApi, IsWhole) {
  const json all = document();
  EXPECT_EQ(all["openapi"], "3.1.0");
  EXPECT_NE(all["info"]["description"].get<std::string>().find(
                "Research use only, not a medical device."),
            std::string::npos);
  each_reference(all, [&](const std::string& reference) {
    ASSERT_EQ(reference.compare(0, 2, "#/"), 0) << reference;
    EXPECT_TRUE(all.contains(json::json_pointer(reference.substr(1)))) << reference;
  });
  std::set<std::string> ids;
  for (const auto& [path, operations] : all["paths"].items()) {
    for (const auto& [method, operation] : operations.items()) {
      EXPECT_TRUE(ids.insert(operation["operationId"]).second) << operation["operationId"];
      std::set<std::string> named;
      for (const auto& parameter : operation.value("parameters", json::array())) {
        if (parameter.contains("$ref")) {
          const std::string reference = parameter["$ref"];
          named.insert(reference.substr(reference.rfind('/') + 1));
        }
      }
      for (size_t at = path.find('{'); at != std::string::npos; at = path.find('{', at + 1)) {
        const std::string part = path.substr(at + 1, path.find('}', at) - at - 1);
        EXPECT_EQ(named.count(part), 1U) << method << " " << path << ": " << part;
      }
    }
  }
}

TEST(WebFiles, HoldTheDocumentAsItIs) {
  const auto files = web_files();
  const auto found = std::find_if(files.begin(), files.end(), [](const WebFile& file) {
    return file.path == "/api/v1/openapi.json";
  });
  ASSERT_NE(found, files.end());
  EXPECT_EQ(found->type, "application/json");
  EXPECT_EQ(json::parse(found->bytes), document());
}

}  // namespace
}  // namespace groundglass
