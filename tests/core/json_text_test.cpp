#include <gtest/gtest.h>

#include "groundglass/core/json_text.h"

namespace groundglass {
namespace {

TEST(JsonText, LeavesUtf8AsItIs) {
  const std::string text = "M\xC3\xBCller \xE8\x82\xBA \xF0\x9F\xAB\x81 a\\b";
  EXPECT_EQ(escaped_utf8(text), text);
  const nlohmann::ordered_json document = {{"name", text}};
  EXPECT_EQ(json_text(document), document.dump());
}

TEST(JsonText, EscapesOtherBytesSoThatTheyCanBeFoundAgain) {
  const std::vector<std::pair<std::string, std::string>> pairs = {
      {"M\xFCller", "M\\xFCller"},
      {"cut \xE8\x82", "cut \\xE8\\x82"},
      {"\xC0\xAF overlong", "\\xC0\\xAF overlong"},
      {"\xED\xA0\x80 surrogate", "\\xED\\xA0\\x80 surrogate"},
      {"\xF5\x80\x80\x80", "\\xF5\\x80\\x80\\x80"},
      {"\xFF", "\\xFF"}};
  for (const auto& [bytes, escaped] : pairs) {
    EXPECT_EQ(escaped_utf8(bytes), escaped);
    EXPECT_EQ(unescaped_utf8(escaped), bytes);
  }
  EXPECT_EQ(unescaped_utf8("\\x41 \\xZZ \\x"), "\\x41 \\xZZ \\x") << "no byte of ours";
}

TEST(JsonText, IsValidWhereverTheNameStands) {
  const nlohmann::ordered_json document = {{"cases", {{{"input", "\xE4.png"}, {"pixels", 3}}}},
                                           {"\xFC", nullptr}};
  const auto read = nlohmann::ordered_json::parse(json_text(document, 1));
  EXPECT_EQ(read["cases"][0]["input"], "\\xE4.png");
  EXPECT_EQ(read["cases"][0]["pixels"], 3);
  EXPECT_TRUE(read.at("\\xFC").is_null());
}

}  // namespace
}  // namespace groundglass
