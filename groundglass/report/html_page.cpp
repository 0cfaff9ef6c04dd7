#include "groundglass/report/html_page.h"

#include "groundglass/core/version.h"

namespace groundglass {
namespace {

constexpr const char* kStyle = R"(
body { font: 15px/1.5 system-ui, sans-serif; color: #1c2430; background: #fff; margin: 0 auto;
       max-width: 1180px; padding: 24px; }
h1 { font-size: 26px; margin: 0 0 4px; } h2 { font-size: 19px; margin: 34px 0 8px; }
.note { background: #fff4d6; border: 1px solid #e0c060; border-radius: 6px; padding: 8px 12px; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 14px; }
th, td { padding: 4px 10px; border-bottom: 1px solid #dfe4ea; text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
th { background: #f3f5f8; }
figure { margin: 14px 0; display: inline-block; max-width: 100%; vertical-align: top; }
figure img { max-width: 100%; height: auto; border: 1px solid #dfe4ea; border-radius: 4px; }
figcaption { font-size: 13px; color: #566070; }
.row { display: flex; gap: 8px; } .row figure { flex: 1; margin: 6px 0; }
.row figure img { width: 100%; }
pre { background: #f6f7f9; padding: 10px; overflow-x: auto; font-size: 12.5px; }
)";

}  // namespace

std::string escaped_html(const std::string& text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '&':
        out += "&amp;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string base64(const std::string& bytes) {
  constexpr const char* digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const auto byte = [&](size_t k) {
      return i + k < bytes.size() ? static_cast<uint32_t>(static_cast<unsigned char>(bytes[i + k]))
                                  : 0U;
    };
    const uint32_t three = byte(0) << 16 | byte(1) << 8 | byte(2);
    for (size_t k = 0; k < 4; ++k) {
      out += i + k <= bytes.size() ? digits[three >> (18 - 6 * k) & 63] : '=';
    }
  }
  return out;
}

HtmlPage::HtmlPage(std::string title) : title_(std::move(title)) {}

void HtmlPage::heading(const std::string& text) {
  body_ += "<h2>" + escaped_html(text) + "</h2>\n";
}

void HtmlPage::paragraph(const std::string& text) {
  body_ += "<p>" + escaped_html(text) + "</p>\n";
}

void HtmlPage::warning(const std::string& text) {
  body_ += "<p class=\"note\">Warning: " + escaped_html(text) + "</p>\n";
}

void HtmlPage::table(const std::vector<std::string>& head,
                     const std::vector<std::vector<std::string>>& rows) {
  body_ += "<div class=\"scroll\"><table><tr>";
  for (const auto& cell : head) body_ += "<th>" + escaped_html(cell) + "</th>";
  body_ += "</tr>\n";
  for (const auto& row : rows) {
    body_ += "<tr>";
    for (const auto& cell : row) body_ += "<td>" + escaped_html(cell) + "</td>";
    body_ += "</tr>\n";
  }
  body_ += "</table></div>\n";
}

void HtmlPage::picture(const std::string& png_bytes, const std::string& caption) {
  body_ += "<figure><img alt=\"" + escaped_html(caption) + "\" src=\"data:image/png;base64," +
           base64(png_bytes) + "\"><figcaption>" + escaped_html(caption) +
           "</figcaption></figure>\n";
}

void HtmlPage::begin_row() {
  body_ += "<div class=\"row\">\n";
}

void HtmlPage::end_row() {
  body_ += "</div>\n";
}

void HtmlPage::folded(const std::string& summary, const std::string& text) {
  body_ += "<details><summary>" + escaped_html(summary) + "</summary><pre>" + escaped_html(text) +
           "</pre></details>\n";
}

std::string HtmlPage::text() const {
  const std::string note = std::string("<p class=\"note\">") + kNotAMedicalDevice + "</p>\n";
  return "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
         "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>" +
         escaped_html(title_) + "</title>\n<style>" + kStyle + "</style></head><body>\n<h1>" +
         escaped_html(title_) + "</h1>\n" + note + body_ + note + "<p>GroundGlass " + version() +
         ", commit " + commit() + "</p>\n</body></html>\n";
}

}  // namespace groundglass
