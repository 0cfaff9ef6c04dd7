#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace groundglass {

/// Decoders for what DCMTK cannot decode here. One frame of one component and up to 16 bits becomes
/// width * height numbers as stored, row after row, signed ones as two's complement.
///
/// Both throw std::runtime_error with the reason: damaged, cut off, or of another size than asked
/// for, which is checked before memory is taken for it.
///
/// JPEG-LS is decoded by CharLS itself. DCMTK's own decoder (dcmjpls) must not be linked: it brings
/// a changed CharLS whose four functions have the names, and not the arguments, of those that
/// OpenCV loads through GDCM; whoever calls the other's ends the program.
std::vector<uint16_t> decode_jpeg_ls(const std::string& bytes, int64_t width, int64_t height);

/// JPEG 2000 by OpenJPEG, a bare codestream or one in a JP2 file.
///
/// Not through GDCM: Debian builds it with assertions, and some damaged headers end the program.
std::vector<uint16_t> decode_jpeg_2000(const std::string& bytes, int64_t width, int64_t height);

}  // namespace groundglass
