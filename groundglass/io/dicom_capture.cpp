#include "groundglass/io/dicom_capture.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <optional>
#include <set>

#include <dcmtk/config/osconfig.h>

#include <dcmtk/dcmdata/dctk.h>

#include <opencv2/imgproc.hpp>

#include "groundglass/core/files.h"

namespace groundglass {
namespace {

const DerivedKind kCapture = {"sc", UID_MultiframeTrueColorSecondaryCaptureImageStorage, "OT", 9103,
                              "infection key slices"};
const DerivedKind kSingleCapture = {"sc", UID_SecondaryCaptureImageStorage, "OT", 9103,
                                    "infection key slices"};
constexpr double kWindowCentre_hu = -600, kWindowWidth_hu = 1600;
constexpr const char* kBurntIn = "RESEARCH USE ONLY, NOT A MEDICAL DEVICE";

/// As wide as the picture, at most as large as people write.
void burn_in(std::vector<uint8_t>& rgb, int rows, int columns) {
  cv::Mat picture(rows, columns, CV_8UC3, rgb.data());
  int below = 0;
  const cv::Size size = cv::getTextSize(kBurntIn, cv::FONT_HERSHEY_SIMPLEX, 1, 1, &below);
  // X-rays are large: the line must be read when they are shown small.
  const double scale = std::min(std::max(0.6, columns / 900.0), 0.96 * columns / size.width);
  const int height = static_cast<int>(std::ceil(scale * size.height));
  cv::putText(picture, kBurntIn, {columns / 50, rows - 1 - height / 2}, cv::FONT_HERSHEY_SIMPLEX,
              scale, {255, 255, 255}, std::max(1, columns / 900), cv::LINE_AA);
}

/// The end of the patient's axes (PS3.3, C.7.6.1.1.1) that a direction points to most.
std::string end_of(const std::array<double, 3>& direction) {
  size_t axis = 0;
  for (size_t i = 1; i < 3; ++i) {
    if (std::abs(direction[i]) > std::abs(direction[axis])) axis = i;
  }
  constexpr std::array<const char*, 6> kEnds = {"L", "R", "P", "A", "H", "F"};
  return kEnds[2 * axis + (direction[axis] < 0 ? 1 : 0)];
}

/// Where the rows and the columns of the source point to in the patient; nothing for X-rays.
struct Directions {
  std::array<double, 3> row{}, column{};
};

std::optional<Directions> directions_of(const DicomSource& source) {
  if (source.is_projection()) return {};
  Directions found;
  for (size_t i = 0; i < 6; ++i) {
    Float64 value = 0;
    if (source.header()
            .findAndGetFloat64(DCM_ImageOrientationPatient, value, static_cast<unsigned long>(i))
            .bad()) {
      return {};
    }
    (i < 3 ? found.row : found.column)[i % 3] = value;
  }
  return found;
}

/// PatientOrientation of the pictures: that of an X-ray itself; of a slice, which tells it more
/// exactly, by its axes.
std::string orientation_of(const DicomSource& source) {
  if (source.is_projection()) return all_text_of(source.header(), DCM_PatientOrientation);
  const auto directions = directions_of(source);
  return directions ? end_of(directions->row) + "\\" + end_of(directions->column) : "";
}

DicomFile capture_of(const DicomSource& source, const std::vector<CaptureFrame>& frames,
                     const DerivedKind& kind, const DicomMaker& maker) {
  std::vector<Uint8> pixels;
  std::string places, pages;
  for (const auto& frame : frames) {
    pixels.insert(pixels.end(), frame.rgb.begin(), frame.rgb.end());
    places += std::to_string(frame.slice) + " ";
    pages += (pages.empty() ? "" : "\\") + std::to_string(frame.slice + 1);
  }
  if (pixels.size() % 2 == 1) pixels.push_back(0);
  auto file = std::make_shared<DcmFileFormat>();
  DcmDataset& data = *file->getDataset();
  const std::string_view bytes(reinterpret_cast<const char*>(pixels.data()), pixels.size());
  put_identity(data, source, kind, maker, sha256(bytes) + places);
  put_text(data, DCM_ConversionType, "WSD");
  put_text(data, DCM_ImageType, "DERIVED\\SECONDARY");
  put_text(data, DCM_DerivationDescription, "Infection found by a network");
  put_text(data, DCM_BurnedInAnnotation, "YES");
  put_text(data, DCM_LossyImageCompression, "00");
  data.insertEmptyElement(DCM_Laterality);
  data.insertEmptyElement(DCM_PatientOrientation);
  const std::string orientation = orientation_of(source);
  if (!orientation.empty()) put_text(data, DCM_PatientOrientation, orientation);
  for (const auto& frame : frames) {
    const SourceImage& image = source.images()[frame.slice];
    DcmItem& from =
        add_reference(data, DCM_SourceImageSequence, image.sop_class, image.sop_instance);
    add_code(from, DCM_PurposeOfReferenceCodeSequence,
             {"121322", "DCM", "Source image for image processing operation"});
  }
  if (kind.sop_class == kCapture.sop_class) {
    put_text(data, DCM_NumberOfFrames, std::to_string(frames.size()));
  }
  if (frames.size() > 1) {
    data.putAndInsertTagKey(DCM_FrameIncrementPointer, DCM_PageNumberVector);
    put_text(data, DCM_PageNumberVector, pages);
  }
  put_short(data, DCM_SamplesPerPixel, 3);
  put_text(data, DCM_PhotometricInterpretation, "RGB");
  put_short(data, DCM_PlanarConfiguration, 0);
  put_short(data, DCM_Rows, static_cast<Uint16>(source.rows()));
  put_short(data, DCM_Columns, static_cast<Uint16>(source.columns()));
  put_short(data, DCM_BitsAllocated, 8);
  put_short(data, DCM_BitsStored, 8);
  put_short(data, DCM_HighBit, 7);
  put_short(data, DCM_PixelRepresentation, 0);
  data.putAndInsertUint8Array(DCM_PixelData, pixels.data(),
                              static_cast<unsigned long>(pixels.size()));
  return file;
}

}  // namespace

std::vector<size_t> key_slices(const std::vector<int64_t>& lesion_pixels, size_t most) {
  std::vector<size_t> order(lesion_pixels.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return lesion_pixels[a] > lesion_pixels[b]; });
  std::set<size_t> chosen;
  for (const size_t k : order) {
    if (chosen.size() < most && lesion_pixels[k] > 0) chosen.insert(k);
  }
  std::vector<size_t> others;
  for (size_t k = 0; k < lesion_pixels.size(); ++k) {
    if (lesion_pixels[k] == 0) others.push_back(k);
  }
  const size_t wanted = std::min(most - chosen.size(), others.size());
  for (size_t i = 0; i < wanted; ++i) {
    chosen.insert(others[(2 * i + 1) * others.size() / (2 * wanted)]);
  }
  return {chosen.begin(), chosen.end()};
}

std::vector<uint8_t> in_lung_window(const std::vector<float>& hu) {
  std::vector<uint8_t> shown;
  shown.reserve(hu.size());
  for (const float value : hu) {
    const double gray = 255 * ((value - kWindowCentre_hu) / kWindowWidth_hu + 0.5);
    shown.push_back(static_cast<uint8_t>(std::clamp(std::lround(gray), 0L, 255L)));
  }
  return shown;
}

CaptureFrame painted_picture(const std::vector<uint8_t>& gray, size_t slice,
                             const SegmentFrames& frames,
                             const std::vector<SegmentMeaning>& meanings) {
  CaptureFrame out{slice, {}};
  out.rgb.reserve(gray.size() * 3);
  for (const uint8_t byte : gray) out.rgb.insert(out.rgb.end(), 3, byte);
  for (size_t s = 0; s < meanings.size(); ++s) {
    for (const auto& frame : frames.frames()[s]) {
      if (frame.slice != slice) continue;
      for (size_t at = 0; at < gray.size(); ++at) {
        if (!bit_at(frame.bits, at)) continue;
        for (size_t c = 0; c < 3; ++c) {
          uint8_t& byte = out.rgb[3 * at + c];
          byte = static_cast<uint8_t>((byte + meanings[s].colour[c]) / 2);
        }
      }
    }
  }
  burn_in(out.rgb, static_cast<int>(frames.rows()), static_cast<int>(frames.columns()));
  return out;
}

void mark_sides(CaptureFrame& frame, const DicomSource& source) {
  const auto directions = directions_of(source);
  if (!directions) return;
  const auto rows = static_cast<int>(source.rows()), columns = static_cast<int>(source.columns());
  cv::Mat picture(rows, columns, CV_8UC3, frame.rgb.data());
  const auto& row = directions->row;
  const std::string right = end_of(row), left = end_of({-row[0], -row[1], -row[2]});
  const double scale = std::max(0.5, columns / 640.0);
  int below = 0;
  const cv::Size size = cv::getTextSize(right, cv::FONT_HERSHEY_SIMPLEX, scale, 1, &below);
  const int edge = std::max(1, columns / 64), middle = rows / 2 + size.height / 2;
  const int thick = std::max(1, columns / 400);
  for (const auto& [text, x] :
       {std::pair(left, edge), std::pair(right, columns - edge - size.width)}) {
    cv::putText(picture, text, {x, middle}, cv::FONT_HERSHEY_SIMPLEX, scale, {255, 255, 255}, thick,
                cv::LINE_AA);
  }
}

std::vector<DicomFile> dicom_captures(const DicomSource& source,
                                      const std::vector<CaptureFrame>& frames,
                                      const DicomMaker& maker) {
  std::vector<DicomFile> files;
  std::string series;
  for (const auto& frame : frames) {
    files.push_back(capture_of(source, {frame}, kSingleCapture, maker));
    DcmDataset& data = *files.back()->getDataset();
    series += text_of(data, DCM_SOPInstanceUID);
  }
  series = source.uid("sc series", maker, sha256(series));
  for (size_t i = 0; i < files.size(); ++i) {
    DcmDataset& data = *files[i]->getDataset();
    put_text(data, DCM_SeriesInstanceUID, series);
    put_text(data, DCM_InstanceNumber, std::to_string(i + 1));
  }
  return files;
}

DicomFile dicom_capture(const DicomSource& source, const std::vector<CaptureFrame>& frames,
                        const DicomMaker& maker) {
  return capture_of(source, frames, kCapture, maker);
}

}  // namespace groundglass
