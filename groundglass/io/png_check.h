#pragma once

#include <string>
#include <string_view>

namespace groundglass {

/// Why the pixels of a PNG file cannot be unpacked to the size that its header tells of, or "".
/// libpng would print about some of that and hand out a picture. Less than a row too much is let
/// pass. `png` is whole, with sound chunks, as inspect_picture_file() finds.
std::string png_damage(std::string_view png);

/// The file with nothing in it but the chunks that make its pixels: libpng prints about others,
/// such as a colour profile that it does not like.
std::string png_essentials(std::string_view png);

}  // namespace groundglass
