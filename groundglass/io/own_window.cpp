#include "groundglass/io/own_window.h"

#include <array>
#include <cmath>
#include <cstring>
#include <memory>

#include <zlib.h>

#include <dcmtk/config/osconfig.h>

#include <dcmtk/dcmdata/dctk.h>

#include "groundglass/core/number_text.h"
#include "groundglass/core/text.h"
#include "groundglass/io/dicom_items.h"
#include "groundglass/io/dicom_library.h"

namespace groundglass {
namespace {

std::optional<OwnWindow> window_between(double low, double high) {
  const bool good = std::isfinite(low) && std::isfinite(high) && high > low;
  return good ? std::optional(OwnWindow{low, high}) : std::nullopt;
}

std::optional<double> first_number(DcmDataset& data, const DcmTagKey& tag) {
  const std::string all = all_text_of(data, tag);
  return number_in(split_text(all, '\\').front());
}

std::optional<OwnWindow> window_of_dicom(const std::filesystem::path& file) {
  prepare_dicom_library();
  DcmFileFormat dicom;
  const OFCondition read = dicom.loadFileUntilTag(file.c_str(), EXS_Unknown, EGL_noChange,
                                                  DCM_MaxReadLength, ERM_autoDetect, DCM_PixelData);
  if (read.bad()) return {};
  const auto centre = first_number(*dicom.getDataset(), DCM_WindowCenter),
             width = first_number(*dicom.getDataset(), DCM_WindowWidth);
  if (!centre || !width) return {};
  return window_between(*centre - *width / 2, *centre + *width / 2);
}

float float_at(const char* bytes, bool swapped) {
  std::array<char, 4> own{};
  for (size_t i = 0; i < own.size(); ++i) own[i] = bytes[swapped ? own.size() - 1 - i : i];
  float value = 0;
  std::memcpy(&value, own.data(), sizeof value);
  return value;
}

}  // namespace

std::optional<OwnWindow> read_own_window(const std::filesystem::path& file) {
  constexpr size_t kCalMax = 124, kCalMin = 128, kMagic = 344;  // offsets in a NIfTI-1 header
  std::array<char, 348> header{};
  const std::unique_ptr<gzFile_s, int (*)(gzFile)> in(gzopen(file.c_str(), "rb"), gzclose);
  const bool whole =
      in && gzread(in.get(), header.data(), header.size()) == static_cast<int>(header.size());
  if (!whole) return {};
  const bool nifti = std::memcmp(header.data() + kMagic, "n+1", 4) == 0 ||
                     std::memcmp(header.data() + kMagic, "ni1", 4) == 0;
  if (!nifti) return window_of_dicom(file);
  int32_t header_bytes = 0;
  std::memcpy(&header_bytes, header.data(), sizeof header_bytes);
  const bool swapped = header_bytes != static_cast<int32_t>(header.size());
  return window_between(float_at(header.data() + kCalMin, swapped),
                        float_at(header.data() + kCalMax, swapped));
}

}  // namespace groundglass
