#include "groundglass/io/pdf_document.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <numeric>

#include "groundglass/core/error.h"
#include "groundglass/core/text.h"

namespace groundglass {
namespace {

constexpr double kWidth = 595, kHeight = 842, kMargin = 50, kGap = 6;  // points, A4
/// Helvetica's characters are half as wide as high, on average; a little more to be sure.
constexpr double kCharacter = 0.52;
constexpr double kTallest = 440;   ///< points of a picture, so that text has room beside it
constexpr double kColumnGap = 14;  ///< points between the columns of a table

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

/// Widths of ' ' to '~' in thousandths of the size (Adobe's metrics of Helvetica).
constexpr std::array<int, 95> kWidths = {
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333,  278, 278, 556, 556, 556,
    556, 556, 556, 556, 556, 556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667,
    611, 778, 722, 278, 500, 667, 556, 833, 722, 778, 667, 778, 722, 667,  611, 722, 667, 944, 667,
    667, 611, 278, 278, 278, 469, 556, 333, 556, 556, 500, 556, 556, 278,  556, 556, 222, 222, 500,
    222, 833, 556, 556, 556, 556, 333, 500, 278, 556, 500, 722, 500, 500,  500, 334, 260, 334, 584};

double width_of(const std::string& text, double size_points) {
  int width = 0;
  for (const char c : text)
    width += kWidths[static_cast<size_t>(c < ' ' || c > '~' ? '?' - ' ' : c - ' ')];
  return width * size_points / 1000;
}

/// As many characters as fit.
std::string cut_to(std::string text, double width_points, double size_points) {
  while (!text.empty() && width_of(text, size_points) > width_points) text.pop_back();
  return text;
}

std::string stream(const std::string& dictionary, const std::string& bytes) {
  return "<< " + dictionary + " /Filter /FlateDecode /Length " + std::to_string(bytes.size()) +
         " >>\nstream\n" + bytes + "\nendstream";
}

}  // namespace

PdfDocument::PdfDocument() {
  room_for(kHeight);
}

bool PdfDocument::room_for(double height_points) {
  if (!pages_.empty() && y_ - height_points >= kMargin) return false;
  pages_.emplace_back();
  y_ = kHeight - kMargin;
  return true;
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

void PdfDocument::write_row(const std::vector<std::string>& cells,
                            const std::vector<double>& widths, double size_points) {
  y_ -= 1.4 * size_points;
  double x = kMargin;
  for (size_t i = 0; i < cells.size(); ++i) {
    const std::string shown = cut_to(cells[i], widths[i] - kColumnGap, size_points);
    const double right = x + widths[i] - kColumnGap - width_of(shown, size_points);
    write(shown, i == 0 ? x : right, size_points);
    x += widths[i];
  }
}

void PdfDocument::add_table(const std::string& title, const std::vector<std::string>& head,
                            const std::vector<std::vector<std::string>>& rows) {
  constexpr double kCells = 8, kTitle = 11;  // points
  size_t columns = head.size();
  for (const auto& row : rows) columns = std::max(columns, row.size());
  std::vector<double> widths(columns, 0);
  const auto take = [&](const std::vector<std::string>& cells) {
    for (size_t i = 0; i < std::min(cells.size(), widths.size()); ++i) {
      widths[i] = std::max(widths[i], width_of(cells[i], kCells) + kColumnGap + 0.1);
    }
  };
  take(head);
  for (const auto& row : rows) take(row);
  const double page = kWidth - 2 * kMargin, row_height = 1.4 * kCells;
  if (std::accumulate(widths.begin(), widths.end(), 0.0) > page + kColumnGap) {
    widths.assign(columns, page / static_cast<double>(columns));
  }
  const auto write_head = [&] {
    write_row(head, widths, kCells);
    const double end = kMargin + std::accumulate(widths.begin(), widths.end(), -kColumnGap);
    const std::string below = fixed(y_ - 0.25 * kCells, 1);
    pages_.back() +=
        "0.4 w " + fixed(kMargin, 1) + " " + below + " m " + fixed(end, 1) + " " + below + " l S\n";
    y_ -= 0.25 * kCells;
  };
  const double of_title = title.empty() ? 0 : 1.4 * kTitle;
  const double whole = of_title + (static_cast<double>(rows.size()) + 1.25) * row_height;
  room_for(std::min(whole, kHeight - 2 * kMargin));
  if (!title.empty()) add_line(title, kTitle);
  write_head();
  for (const auto& row : rows) {
    if (room_for(row_height)) write_head();
    write_row(row, widths, kCells);
  }
}

void PdfDocument::add_pictures(const std::vector<const std::vector<uint8_t>*>& pictures,
                               int64_t rows, int64_t columns) {
  const auto count = static_cast<double>(pictures.size());
  double width = (kWidth - 2 * kMargin - (count - 1) * kGap) / count;
  double height = width * static_cast<double>(rows) / static_cast<double>(columns);
  if (height > kTallest) {
    width *= kTallest / height;
    height = kTallest;
  }
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
