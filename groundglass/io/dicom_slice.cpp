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
#include "groundglass/io/dicom_numbers.h"
#include "groundglass/io/refuse.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

int64_t whole(DcmItem& item, const DcmTagKey& tag, int64_t otherwise = 0) {
  Uint16 value = 0;
  return item.findAndGetUint16(tag, value).good() ? value : otherwise;
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
  s.series_uid = dicom_text(data, DCM_SeriesInstanceUID);
  s.series_description = dicom_text(data, DCM_SeriesDescription);
  s.sop_class = dicom_text(data, DCM_SOPClassUID);
  s.modality = dicom_text(data, DCM_Modality);
  s.image_kind = dicom_text(data, DCM_ImageType, 2);
  s.rescale_type = dicom_text(data, DCM_RescaleType);
  s.encoding = DcmXfer(data.getOriginalXfer()).getXferName();
  DicomNumbers numbers(data, s.faults);
  s.position_mm = numbers.all<3>(DCM_ImagePositionPatient);
  s.cosines = numbers.all<6>(DCM_ImageOrientationPatient);
  s.spacing_mm = numbers.all<2>(DCM_PixelSpacing, DicomRange::above_0);
  s.thickness_mm = numbers.one(DCM_SliceThickness, DicomRange::not_below_0);
  s.told_distance_mm = numbers.one(DCM_SpacingBetweenSlices);
  s.photometric = dicom_text(data, DCM_PhotometricInterpretation);
  s.slope = numbers.one(DCM_RescaleSlope, DicomRange::above_0);
  s.intercept = numbers.one(DCM_RescaleIntercept);
  s.rows = whole(data, DCM_Rows);
  s.columns = whole(data, DCM_Columns);
  s.samples = whole(data, DCM_SamplesPerPixel, 1);
  s.frames =
      static_cast<int64_t>(numbers.one(DCM_NumberOfFrames, DicomRange::whole_above_0).value_or(1));
  s.lookup_table = data.tagExists(DCM_ModalityLUTSequence);
  return s;
}

/// A file that was cut between two writes may be valid DICOM with too few pixels; twice as many as
/// the header tells of are of another picture.
void check_length(DicomSlice& s, DcmDataset& data) {
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
  s.surplus_bytes = static_cast<int64_t>(pixels->getLength()) - needed;
  if (needed > 0 && s.surplus_bytes >= needed) {
    refuse(s.path, "holds " + std::to_string(pixels->getLength()) + " bytes of pixels, expected " +
                       std::to_string(needed) +
                       ": Rows, Columns, BitsAllocated or NumberOfFrames are wrong");
  }
}

void load(DcmFileFormat& file, const fs::path& path) {
  prepare_dicom_library();
  const OFCondition loaded = file.loadFile(path.c_str());
  const std::string encoding = dicom_text(*file.getMetaInfo(), DCM_TransferSyntaxUID);
  if (!encoding.empty() && DcmXfer(encoding.c_str()).getXfer() == EXS_Unknown) {
    refuse(path, "its encoding (TransferSyntaxUID " + encoding +
                     ") is not known, expected plain, deflated, RLE, JPEG, JPEG-LS or JPEG 2000; "
                     "store it plainly, e.g. with gdcmconv --raw");
  }
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

  bool hold(int64_t number) const {
    const int64_t half = sign, all = int64_t{mask} + 1;
    return number >= -half && number < all - half;
  }
};

/// The stored numbers that fill what the scanner did not see.
class PixelPadding {
 public:
  PixelPadding(DcmDataset& data, const Bits& bits) {
    const auto first = stored(data, DCM_PixelPaddingValue, bits);
    if (!first) return;
    const int64_t last = stored(data, DCM_PixelPaddingRangeLimit, bits).value_or(*first);
    low_ = std::min(*first, last);
    high_ = std::max(*first, last);
    // A value beyond the stored bits fills the whole word, as -2000 does beside 12 bits.
    if (!bits.hold(*first)) word_ = static_cast<uint32_t>(*first) & 0xffff;
  }

  bool covers(uint32_t raw, double value) const {
    if (low_ > high_) return false;
    return word_ ? raw == *word_
                 : value >= static_cast<double>(low_) && value <= static_cast<double>(high_);
  }

 private:
  /// The element may be of either sign, whatever the pixels are.
  static std::optional<int64_t> stored(DcmDataset& data, const DcmTagKey& tag, const Bits& bits) {
    Uint16 word = 0;
    Sint16 number = 0;
    if (data.findAndGetSint16(tag, number).good()) {
      word = static_cast<Uint16>(number);
    } else if (data.findAndGetUint16(tag, word).bad()) {
      return {};
    }
    const int64_t turned = static_cast<int16_t>(word);
    return bits.sign != 0 ? turned : int64_t{word};
  }

  int64_t low_ = 1, high_ = 0;  // nothing
  std::optional<uint32_t> word_;
};

constexpr double kAir_hu = -1000;

/// How stored pixels are read.
struct PixelCode {
  Bits bits;
  PixelPadding padding;
};

template <class T>
torch::Tensor rescaled(const T* raw, const PixelCode& code, const DicomSlice& s,
                       torch::ScalarType type) {
  const double slope = s.slope.value_or(1), intercept = s.intercept.value_or(0);
  auto out = torch::empty({s.rows, s.columns}, type);
  const auto each = [&](auto* to, auto finish) {
    std::transform(raw, raw + out.numel(), to, [&](T v) {
      const double stored = code.bits.value(v);
      return finish(code.padding.covers(v, stored) ? kAir_hu : stored * slope + intercept);
    });
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

/// A data set without preamble begins with a short element of group 2 or 8: "08 00 05 00", then
/// two letters and a length, or a length alone.
bool begins_a_data_set(std::string_view bytes) {
  if (bytes.size() < 16) return false;
  const auto byte = [&](size_t i) { return static_cast<unsigned>(static_cast<uint8_t>(bytes[i])); };
  const bool big = byte(0) == 0;
  const auto word = [&](size_t i) {
    return big ? byte(i) << 8 | byte(i + 1) : byte(i + 1) << 8 | byte(i);
  };
  const unsigned group = word(0), element = word(2);
  if ((group != 2 && group != 8) || element > 0x1000) return false;
  const DcmVR type(std::string(bytes.substr(4, 2)).c_str());
  if (type.isStandard()) return word(6) <= 64;
  const unsigned length = big ? word(4) << 16 | word(6) : word(6) << 16 | word(4);
  return length <= 64 && length % 2 == 0;
}

}  // namespace

bool has_dicom_mark(const fs::path& path) {
  if (ends_with(path.string(), ".dcm")) return true;
  std::error_code code;
  if (!fs::is_regular_file(path, code)) return false;  // a pipe may never answer
  std::ifstream in(path, std::ios::binary);
  std::array<char, 132> head{};
  in.read(head.data(), head.size());
  const std::string_view bytes(head.data(), static_cast<size_t>(in.gcount()));
  return (bytes.size() == head.size() && bytes.substr(128) == "DICM") || begins_a_data_set(bytes);
}

std::optional<DicomSlice> read_dicom_header(const fs::path& path) {
  DcmFileFormat file;
  load(file, path);
  DcmDataset& data = *file.getDataset();
  if (!data.tagExists(DCM_PixelData) || is_other_object(dicom_text(data, DCM_Modality))) return {};
  DicomSlice slice = header_of(path, data);
  check_length(slice, data);
  return slice;
}

namespace {

/// Calls `take` with the stored numbers of a frame and how they are coded.
template <class Take>
auto with_stored_pixels(const DicomSlice& slice, const Take& take) {
  DcmFileFormat file;
  load(file, slice.path);
  DcmDataset& data = *file.getDataset();
  const Bits bits(data, slice.path);
  const PixelCode code{bits, PixelPadding(data, bits)};
  if (const Decoder decode = own_decoder(data)) {
    try {
      const auto raw = decode(compressed_frame(data), slice.columns, slice.rows);
      return take(raw.data(), code);
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
    if (raw != nullptr && count >= pixels) return take(raw, code);
  } else {
    const Uint16* raw = nullptr;
    data.findAndGetUint16Array(DCM_PixelData, raw, &count);
    if (raw != nullptr && count >= pixels) return take(raw, code);
  }
  refuse(slice.path, "holds " + std::to_string(count) + " pixels, expected " +
                         std::to_string(slice.columns) + " x " + std::to_string(slice.rows));
}

}  // namespace

torch::Tensor read_dicom_pixels(const DicomSlice& slice, torch::ScalarType type) {
  return with_stored_pixels(slice, [&](const auto* raw, const PixelCode& code) {
    return rescaled(raw, code, slice, type);
  });
}

StoredPixels read_stored_pixels(const DicomSlice& slice) {
  return with_stored_pixels(slice, [&](const auto* raw, const PixelCode& code) {
    StoredPixels pixels;
    pixels.is_signed = code.bits.sign != 0;
    const auto count = slice.rows * slice.columns;
    for (int64_t i = 0; i < count; ++i) {
      const double value = code.bits.value(raw[i]);
      pixels.values.push_back(static_cast<float>(value));
      pixels.padding.push_back(code.padding.covers(raw[i], value));
    }
    return pixels;
  });
}

}  // namespace groundglass
