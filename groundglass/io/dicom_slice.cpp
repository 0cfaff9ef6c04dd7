#include "groundglass/io/dicom_slice.h"

#include <algorithm>
#include <cmath>
#include <fstream>

#include <dcmtk/config/osconfig.h>

#include <dcmtk/dcmdata/dcpixseq.h>
#include <dcmtk/dcmdata/dcpxitem.h>
#include <dcmtk/dcmdata/dctk.h>

#include "groundglass/core/error.h"
#include "groundglass/core/text.h"
#include "groundglass/io/dicom_codecs.h"
#include "groundglass/io/dicom_library.h"
#include "groundglass/io/refuse.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

/// Without the blanks that fill a value, and fit to stand in a message: printable ASCII.
std::string text(DcmItem& item, const DcmTagKey& tag, unsigned long position = 0) {
  OFString value;
  if (item.findAndGetOFString(tag, value, position).bad()) return "";
  std::string clean(value.c_str());
  std::replace_if(
      clean.begin(), clean.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  clean.erase(0, clean.find_first_not_of(' '));
  clean.erase(clean.find_last_not_of(' ') + 1);
  return clean;
}

std::optional<double> number(DcmItem& item, const DcmTagKey& tag, unsigned long position = 0) {
  Float64 value = 0;
  if (item.findAndGetFloat64(tag, value, position).bad() || !std::isfinite(value)) return {};
  return value;
}

int64_t whole(DcmItem& item, const DcmTagKey& tag, int64_t otherwise = 0) {
  Uint16 value = 0;
  return item.findAndGetUint16(tag, value).good() ? value : otherwise;
}

template <size_t N>
std::optional<std::array<double, N>> numbers(DcmItem& item, const DcmTagKey& tag) {
  std::array<double, N> values{};
  for (size_t i = 0; i < N; ++i) {
    const auto value = number(item, tag, static_cast<unsigned long>(i));
    if (!value) return {};
    values[i] = *value;
  }
  return values;
}

/// Objects that may hold pixels and still are no image of a patient.
bool is_other_object(const std::string& modality) {
  const std::array<const char*, 9> others = {"SEG", "RTSTRUCT", "RTDOSE", "RTPLAN", "RTIMAGE",
                                             "SR",  "PR",       "KO",     "REG"};
  return std::any_of(others.begin(), others.end(), [&](auto* o) { return modality == o; });
}

DicomSlice header_of(const fs::path& path, DcmDataset& data) {
  DicomSlice s;
  s.path = path;
  s.series_uid = text(data, DCM_SeriesInstanceUID);
  s.series_description = text(data, DCM_SeriesDescription);
  s.sop_class = text(data, DCM_SOPClassUID);
  s.modality = text(data, DCM_Modality);
  s.image_kind = text(data, DCM_ImageType, 2);
  s.rescale_type = text(data, DCM_RescaleType);
  s.encoding = DcmXfer(data.getOriginalXfer()).getXferName();
  s.position_mm = numbers<3>(data, DCM_ImagePositionPatient);
  s.cosines = numbers<6>(data, DCM_ImageOrientationPatient);
  s.spacing_mm = numbers<2>(data, DCM_PixelSpacing);
  s.thickness_mm = number(data, DCM_SliceThickness);
  s.slope = number(data, DCM_RescaleSlope);
  s.intercept = number(data, DCM_RescaleIntercept);
  s.rows = whole(data, DCM_Rows);
  s.columns = whole(data, DCM_Columns);
  s.samples = whole(data, DCM_SamplesPerPixel, 1);
  Sint32 frames = 1;
  if (data.findAndGetSint32(DCM_NumberOfFrames, frames).good()) s.frames = frames;
  s.lookup_table = data.tagExists(DCM_ModalityLUTSequence);
  return s;
}

/// A file that was cut between two writes may be valid DICOM with too few pixels.
void check_length(const DicomSlice& s, DcmDataset& data) {
  if (DcmXfer(data.getOriginalXfer()).isEncapsulated()) return;
  DcmElement* pixels = nullptr;
  data.findAndGetElement(DCM_PixelData, pixels);
  const int64_t needed =
      s.rows * s.columns * s.samples * s.frames * whole(data, DCM_BitsAllocated, 16) / 8;
  if (pixels == nullptr || static_cast<int64_t>(pixels->getLength()) < needed) {
    refuse(s.path, "is truncated: it holds " +
                       std::to_string(pixels == nullptr ? 0 : pixels->getLength()) +
                       " bytes of pixels, expected " + std::to_string(needed));
  }
}

void load(DcmFileFormat& file, const fs::path& path) {
  prepare_dicom_library();
  const OFCondition loaded = file.loadFile(path.c_str());
  if (loaded.good()) return;
  refuse(path,
         std::string("cannot be read as DICOM: it is truncated, damaged or something else (") +
             loaded.text() + ")");
}

/// How the bits of a stored pixel become a number.
struct Bits {
  unsigned shift = 0;
  uint32_t mask = 0xffff, sign = 0;

  Bits(DcmItem& data, const fs::path& path) {
    const auto allocated = whole(data, DCM_BitsAllocated, 16);
    const auto stored = whole(data, DCM_BitsStored, allocated);
    const auto high = whole(data, DCM_HighBit, stored - 1);
    if ((allocated != 8 && allocated != 16) || stored < 1 || high >= allocated ||
        high + 1 < stored) {
      refuse(path, "has " + std::to_string(stored) + " of " + std::to_string(allocated) +
                       " bits per pixel up to bit " + std::to_string(high) +
                       ", expected at most 16 of 8 or 16");
    }
    shift = static_cast<unsigned>(high + 1 - stored);
    mask = (1u << stored) - 1;
    if (whole(data, DCM_PixelRepresentation) == 1) sign = 1u << (stored - 1);
  }

  /// Bits above the stored ones may hold an overlay and are cut off.
  double value(uint32_t raw) const {
    const uint32_t bits = (raw >> shift) & mask;
    return static_cast<double>(static_cast<int32_t>(bits ^ sign) - static_cast<int32_t>(sign));
  }
};

template <class T>
torch::Tensor rescaled(const T* raw, const Bits& bits, const DicomSlice& s,
                       torch::ScalarType type) {
  const double slope = s.slope.value_or(1), intercept = s.intercept.value_or(0);
  auto out = torch::empty({s.rows, s.columns}, type);
  const auto each = [&](auto* to, auto finish) {
    std::transform(raw, raw + out.numel(), to,
                   [&](T v) { return finish(bits.value(v) * slope + intercept); });
  };
  if (type == torch::kInt16) {
    each(out.data_ptr<int16_t>(), [](double hu) {
      return static_cast<int16_t>(std::clamp(std::round(hu), -32768.0, 32767.0));
    });
  } else {
    each(out.data_ptr<float>(), [](double hu) { return static_cast<float>(hu); });
  }
  return out;
}

/// All bytes of the one compressed frame; empty if there are none.
std::string compressed_frame(DcmDataset& data) {
  DcmElement* element = nullptr;
  data.findAndGetElement(DCM_PixelData, element);
  auto* pixels = dynamic_cast<DcmPixelData*>(element);
  DcmPixelSequence* fragments = nullptr;
  if (pixels == nullptr ||
      pixels->getEncapsulatedRepresentation(data.getOriginalXfer(), nullptr, fragments).bad()) {
    return "";
  }
  std::string bytes;
  for (unsigned long i = 1; i < fragments->card(); ++i) {  // the first is a table of offsets
    DcmPixelItem* item = nullptr;
    Uint8* part = nullptr;
    if (fragments->getItem(item, i).bad() || item->getUint8Array(part).bad()) return "";
    if (part != nullptr) bytes.append(reinterpret_cast<const char*>(part), item->getLength());
  }
  return bytes;
}

[[noreturn]] void refuse_pixels(const DicomSlice& s, const std::string& reason) {
  refuse(s.path, "its pixels (" + s.encoding + ") cannot be decoded: damaged, or of a kind that " +
                     "is not known (" + reason + ")");
}

using Decoder = std::vector<uint16_t> (*)(const std::string&, int64_t, int64_t);

/// Nothing where DCMTK decodes.
Decoder own_decoder(const DcmDataset& data) {
  switch (data.getOriginalXfer()) {
    case EXS_JPEGLSLossless:
    case EXS_JPEGLSLossy:
      return decode_jpeg_ls;
    case EXS_JPEG2000LosslessOnly:
    case EXS_JPEG2000:
      return decode_jpeg_2000;
    default:
      return nullptr;
  }
}

}  // namespace

bool has_dicom_mark(const fs::path& path) {
  if (ends_with(path.string(), ".dcm")) return true;
  std::ifstream in(path, std::ios::binary);
  std::array<char, 4> mark{};
  in.seekg(128);
  in.read(mark.data(), mark.size());
  return in && std::string_view(mark.data(), mark.size()) == "DICM";
}

std::optional<DicomSlice> read_dicom_header(const fs::path& path) {
  DcmFileFormat file;
  load(file, path);
  DcmDataset& data = *file.getDataset();
  if (!data.tagExists(DCM_PixelData) || is_other_object(text(data, DCM_Modality))) return {};
  DicomSlice slice = header_of(path, data);
  check_length(slice, data);
  return slice;
}

torch::Tensor read_dicom_pixels(const DicomSlice& slice, torch::ScalarType type) {
  DcmFileFormat file;
  load(file, slice.path);
  DcmDataset& data = *file.getDataset();
  const Bits bits(data, slice.path);
  if (const Decoder decode = own_decoder(data)) {
    try {
      const auto raw = decode(compressed_frame(data), slice.columns, slice.rows);
      return rescaled(raw.data(), bits, slice, type);
    } catch (const std::runtime_error& e) {
      refuse_pixels(slice, e.what());
    }
  }
  const OFCondition decoded = data.chooseRepresentation(EXS_LittleEndianExplicit, nullptr);
  if (decoded.bad()) refuse_pixels(slice, decoded.text());
  const auto pixels = static_cast<unsigned long>(slice.rows * slice.columns);
  unsigned long count = 0;
  if (whole(data, DCM_BitsAllocated, 16) == 8) {
    const Uint8* raw = nullptr;
    data.findAndGetUint8Array(DCM_PixelData, raw, &count);
    if (raw != nullptr && count >= pixels) return rescaled(raw, bits, slice, type);
  } else {
    const Uint16* raw = nullptr;
    data.findAndGetUint16Array(DCM_PixelData, raw, &count);
    if (raw != nullptr && count >= pixels) return rescaled(raw, bits, slice, type);
  }
  refuse(slice.path, "holds " + std::to_string(count) + " pixels, expected " +
                         std::to_string(slice.columns) + " x " + std::to_string(slice.rows));
}

}  // namespace groundglass
