#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace groundglass {

/// A PDF 1.4 of A4 pages: lines of text in Helvetica and pictures, one below the other, in as many
/// pages as that takes. It holds no date: the same content gives the same bytes.
class PdfDocument {
 public:
  PdfDocument();

  /// A line of text; longer ones are broken between words. Characters that are no printable ASCII
  /// become '?'.
  void add_line(const std::string& text, double size_points = 10);

  /// A row of a table: cells begin at the same places in each row of as many cells. What is too
  /// long for its cell is cut.
  void add_row(const std::vector<std::string>& cells, double size_points = 8);

  /// Pictures beside each other, each rows * columns * 3 bytes (r g b), as wide as the page
  /// together.
  void add_pictures(const std::vector<const std::vector<uint8_t>*>& pictures, int64_t rows,
                    int64_t columns);

  /// The whole file.
  std::string finish() const;

 private:
  struct Picture {
    std::string packed;
    int64_t rows = 0, columns = 0;
  };

  void room_for(double height_points);
  void write(const std::string& text, double x_points, double size_points);

  std::vector<std::string> pages_;  // what is drawn on each
  std::vector<Picture> pictures_;
  double y_ = 0;  // below it the page is free
};

}  // namespace groundglass
