#pragma once

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <nifti/nifti1_io.h>
#include <zlib.h>

#include "groundglass/core/files.h"

namespace groundglass {

/// A NIfTI-1 file put together by hand: a header to change and the bytes behind it.
struct HandmadeNifti {
  nifti_1_header header{};
  std::string data;

  /// width x height x depth numbers of T, 1 x 1 x 1 mm, identity sform.
  template <class T>
  static HandmadeNifti of(int datatype, int width, int height, int depth,
                          const std::vector<T>& numbers) {
    HandmadeNifti file;
    const int sizes[8] = {3, width, height, depth, 1, 1, 1, 1};
    const std::unique_ptr<nifti_1_header, decltype(&std::free)> made(
        nifti_make_new_header(sizes, datatype), std::free);
    file.header = *made;
    file.header.vox_offset = 352;
    file.header.sform_code = NIFTI_XFORM_SCANNER_ANAT;
    file.header.srow_x[0] = file.header.srow_y[1] = file.header.srow_z[2] = 1;
    file.header.xyzt_units = NIFTI_UNITS_MM;
    file.data.assign(reinterpret_cast<const char*>(numbers.data()), numbers.size() * sizeof(T));
    return file;
  }

  /// The whole file; in the byte order of other machines if `swapped`.
  std::string bytes(bool swapped = false) const {
    nifti_1_header h = header;
    std::string numbers = data;
    if (swapped) {
      const int size = h.bitpix / 8;
      if (size > 1)
        nifti_swap_Nbytes(numbers.size() / static_cast<size_t>(size), size, numbers.data());
      swap_nifti_header(&h, 1);
    }
    return std::string(reinterpret_cast<const char*>(&h), sizeof h) + std::string(4, '\0') +
           numbers;
  }

  void save(const std::filesystem::path& path, bool swapped = false) const {
    write_file(path, bytes(swapped));
  }
};

/// The bytes as a gzip stream.
inline std::string gzipped(const std::string& bytes) {
  std::string out(compressBound(bytes.size()) + 64, '\0');
  z_stream stream{};
  deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

}  // namespace groundglass
