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

  /// A table under its title ("" for none), with a line under its head: the first column begins at
  /// the left, numbers end below each other. It goes to the next page as a whole if this one has no
  /// room for it, and where one page cannot hold it the head is written on each. Columns are as
  /// wide as they must be; where the page is too narrow for that they are equally wide, and cells
  /// are cut.
  void add_table(const std::string& title, const std::vector<std::string>& head,
                 const std::vector<std::vector<std::string>>& rows);

  /// Pictures beside each other, each rows * columns * 3 bytes (r g b), as wide as the page
  /// together, or, if they were higher than half of it then, narrower.
  void add_pictures(const std::vector<const std::vector<uint8_t>*>& pictures, int64_t rows,
                    int64_t columns);

  /// The whole file.
  std::string finish() const;

 private:
  struct Picture {
    std::string packed;
    int64_t rows = 0, columns = 0;
  };

  /// Begins a page if this one has no room; true if it did.
  bool room_for(double height_points);
  void write_row(const std::vector<std::string>& cells, const std::vector<double>& widths,
                 double size_points);
  void write(const std::string& text, double x_points, double size_points);

  std::vector<std::string> pages_;  // what is drawn on each
  std::vector<Picture> pictures_;
  double y_ = 0;  // below it the page is free
};

}  // namespace groundglass
