#include "groundglass/io/pdf_document.h"

#include <zlib.h>

#include <algorithm>

#include "groundglass/core/error.h"
#include "groundglass/core/text.h"

namespace groundglass {
namespace {

constexpr double kWidth = 595, kHeight = 842, kMargin = 50, kGap = 6;  // points, A4
/// Helvetica's characters are half as wide as high, on average; a little more to be sure.
constexpr double kCharacter = 0.52;

std::string packed(const void* bytes, size_t count) {
  uLongf size = compressBound(static_cast<uLong>(count));
  std::string out(size, '\0');
  if (compress2(reinterpret_cast<Bytef*>(out.data()), &size, static_cast<const Bytef*>(bytes),
                static_cast<uLong>(count), 6) != Z_OK) {
    fail(ErrorKind::internal, "a PDF's stream cannot be packed");
  }
  out.resize(size);
  return out;
}

/// A string between parentheses.
std::string escaped(const std::string& text) {
  std::string out = "(";
  for (const char c : text) {
    if (c == '(' || c == ')' || c == '\\') out += '\\';
    out += c < ' ' || c > '~' ? '?' : c;
  }
  return out + ")";
}

/// Lines of at most `longest` characters, broken between words where there is a place.
std::vector<std::string> broken(const std::string& text, size_t longest) {
  std::vector<std::string> lines;
  std::string rest = text;
  while (rest.size() > longest) {
    size_t at = rest.rfind(' ', longest);
    if (at == std::string::npos || at == 0) at = longest;
    lines.push_back(rest.substr(0, at));
    rest.erase(0, at + (rest[at] == ' ' ? 1 : 0));
  }
  lines.push_back(rest);
  return lines;
}

std::string stream(const std::string& dictionary, const std::string& bytes) {
  return "<< " + dictionary + " /Filter /FlateDecode /Length " + std::to_string(bytes.size()) +
         " >>\nstream\n" + bytes + "\nendstream";
}

}  // namespace

PdfDocument::PdfDocument() {
  room_for(kHeight);
}

void PdfDocument::room_for(double height_points) {
  if (!pages_.empty() && y_ - height_points >= kMargin) return;
  pages_.emplace_back();
  y_ = kHeight - kMargin;
}

void PdfDocument::add_line(const std::string& text, double size_points) {
  const auto longest = static_cast<size_t>((kWidth - 2 * kMargin) / (kCharacter * size_points));
  for (const auto& line : broken(text, longest)) {
    room_for(1.4 * size_points);
    y_ -= 1.4 * size_points;
    write(line, kMargin, size_points);
  }
}

void PdfDocument::write(const std::string& text, double x_points, double size_points) {
  pages_.back() += "BT /F1 " + fixed(size_points, 1) + " Tf " + fixed(x_points, 1) + " " +
                   fixed(y_, 1) + " Td " + escaped(text) + " Tj ET\n";
}

void PdfDocument::add_row(const std::vector<std::string>& cells, double size_points) {
  room_for(1.4 * size_points);
  y_ -= 1.4 * size_points;
  const double width =
      (kWidth - 2 * kMargin) / static_cast<double>(std::max<size_t>(1, cells.size()));
  const auto longest = static_cast<size_t>(width / (kCharacter * size_points));
  for (size_t i = 0; i < cells.size(); ++i) {
    write(cells[i].substr(0, longest), kMargin + static_cast<double>(i) * width, size_points);
  }
}

void PdfDocument::add_pictures(const std::vector<const std::vector<uint8_t>*>& pictures,
                               int64_t rows, int64_t columns) {
  const auto count = static_cast<double>(pictures.size());
  const double width = (kWidth - 2 * kMargin - (count - 1) * kGap) / count;
  const double height = std::min(width * static_cast<double>(rows) / static_cast<double>(columns),
                                 kHeight - 3 * kMargin);
  room_for(height + kGap);
  y_ -= height + kGap;
  double x = kMargin;
  for (const auto* picture : pictures) {
    pictures_.push_back({packed(picture->data(), picture->size()), rows, columns});
    pages_.back() += "q " + fixed(width, 2) + " 0 0 " + fixed(height, 2) + " " + fixed(x, 2) + " " +
                     fixed(y_, 2) + " cm /I" + std::to_string(pictures_.size()) + " Do Q\n";
    x += width + kGap;
  }
}

std::string PdfDocument::finish() const {
  // objects: 1 catalogue, 2 pages, 3 font, then pictures, then two for each page
  const size_t first_page = 4 + pictures_.size();
  std::vector<std::string> objects = {"<< /Type /Catalog /Pages 2 0 R >>"};
  std::string kids, resources = "/Font << /F1 3 0 R >> /XObject <<";
  for (size_t i = 0; i < pages_.size(); ++i) {
    kids += std::to_string(first_page + 2 * i) + " 0 R ";
  }
  for (size_t i = 0; i < pictures_.size(); ++i) {
    resources += " /I" + std::to_string(i + 1) + " " + std::to_string(4 + i) + " 0 R";
  }
  resources += " >>";
  objects.push_back("<< /Type /Pages /Kids [ " + kids + "] /Count " +
                    std::to_string(pages_.size()) + " >>");
  objects.emplace_back(
      "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>");
  for (const auto& picture : pictures_) {
    objects.push_back(stream(
        "/Type /XObject /Subtype /Image /Width " + std::to_string(picture.columns) + " /Height " +
            std::to_string(picture.rows) + " /ColorSpace /DeviceRGB /BitsPerComponent 8",
        picture.packed));
  }
  for (size_t i = 0; i < pages_.size(); ++i) {
    objects.push_back("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << " +
                      resources + " >> /Contents " + std::to_string(first_page + 2 * i + 1) +
                      " 0 R >>");
    objects.push_back(stream("", packed(pages_[i].data(), pages_[i].size())));
  }
  std::string file = "%PDF-1.4\n%\xe2\xe3\xcf\xd3\n", places;
  for (size_t i = 0; i < objects.size(); ++i) {
    std::string at = std::to_string(file.size());
    at.insert(0, 10 - at.size(), '0');
    places += at + " 00000 n \n";
    file += std::to_string(i + 1) + " 0 obj\n" + objects[i] + "\nendobj\n";
  }
  const size_t table = file.size();
  return file + "xref\n0 " + std::to_string(objects.size() + 1) + "\n0000000000 65535 f \n" +
         places + "trailer\n<< /Size " + std::to_string(objects.size() + 1) +
         " /Root 1 0 R >>\nstartxref\n" + std::to_string(table) + "\n%%EOF\n";
}

}  // namespace groundglass
