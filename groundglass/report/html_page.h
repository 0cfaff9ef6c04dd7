#pragma once

#include <string>
#include <vector>

namespace groundglass {

/// One self-contained page: text, tables and pictures inside the file, no link that leads out of
/// it, no script.
class HtmlPage {
 public:
  explicit HtmlPage(std::string title);

  void heading(const std::string& text);
  void paragraph(const std::string& text);
  /// A paragraph that stands out.
  void warning(const std::string& text);
  void table(const std::vector<std::string>& head,
             const std::vector<std::vector<std::string>>& rows);
  /// A PNG with a caption.
  void picture(const std::string& png_bytes, const std::string& caption);
  /// Pictures between the two stand beside each other, as wide as the page together.
  void begin_row();
  void end_row();
  /// Text as it is, folded away under a line.
  void folded(const std::string& summary, const std::string& text);

  /// The whole page, with "research use only, not a medical device" above and below.
  std::string text() const;

 private:
  std::string title_, body_;
};

/// The text with <, >, & and quotes made harmless.
std::string escaped_html(const std::string& text);

/// RFC 4648.
std::string base64(const std::string& bytes);

}  // namespace groundglass
