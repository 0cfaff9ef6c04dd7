#include "groundglass/io/dicom_capture.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include <dcmtk/config/osconfig.h>

#include <dcmtk/dcmdata/dctk.h>

#include <opencv2/imgproc.hpp>

#include "groundglass/core/files.h"

namespace groundglass {
namespace {

const DerivedKind kCapture = {"sc", UID_MultiframeTrueColorSecondaryCaptureImageStorage, "OT", 9103,
                              "infection key slices"};
constexpr double kWindowCentre_hu = -600, kWindowWidth_hu = 1600;
constexpr const char* kBurntIn = "RESEARCH USE ONLY, NOT A MEDICAL DEVICE";

/// As wide as the picture, at most as large as people write.
void burn_in(std::vector<uint8_t>& rgb, int rows, int columns) {
  cv::Mat picture(rows, columns, CV_8UC3, rgb.data());
  int below = 0;
  const cv::Size size = cv::getTextSize(kBurntIn, cv::FONT_HERSHEY_SIMPLEX, 1, 1, &below);
  const double scale = std::min(0.6, 0.96 * columns / size.width);
  const int height = static_cast<int>(std::ceil(scale * size.height));
  cv::putText(picture, kBurntIn, {columns / 50, rows - 1 - height / 2}, cv::FONT_HERSHEY_SIMPLEX,
              scale, {255, 255, 255}, 1, cv::LINE_AA);
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

CaptureFrame painted_slice(const std::vector<float>& hu, size_t slice, const SegmentFrames& frames,
                           const std::vector<SegmentMeaning>& meanings) {
  CaptureFrame out{slice, {}};
  out.rgb.reserve(hu.size() * 3);
  for (const float value : hu) {
    const double gray = 255 * ((value - kWindowCentre_hu) / kWindowWidth_hu + 0.5);
    const auto byte = static_cast<uint8_t>(std::clamp(std::lround(gray), 0L, 255L));
    out.rgb.insert(out.rgb.end(), 3, byte);
  }
  for (size_t s = 0; s < meanings.size(); ++s) {
    for (const auto& frame : frames.frames()[s]) {
      if (frame.slice != slice) continue;
      for (size_t at = 0; at < hu.size(); ++at) {
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

DicomFile dicom_capture(const DicomSource& source, const std::vector<CaptureFrame>& frames,
                        const DicomMaker& maker) {
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
  put_identity(data, source, kCapture, maker, sha256(bytes) + places);
  put_text(data, DCM_ConversionType, "WSD");
  put_text(data, DCM_ImageType, "DERIVED\\SECONDARY");
  put_text(data, DCM_DerivationDescription, "Key slices with infection found by a network");
  put_text(data, DCM_BurnedInAnnotation, "YES");
  put_text(data, DCM_LossyImageCompression, "00");
  for (const auto& empty : {DCM_PatientOrientation, DCM_Laterality}) data.insertEmptyElement(empty);
  for (const auto& frame : frames) {
    const SourceImage& image = source.images()[frame.slice];
    DcmItem& from =
        add_reference(data, DCM_SourceImageSequence, image.sop_class, image.sop_instance);
    add_code(from, DCM_PurposeOfReferenceCodeSequence,
             {"121322", "DCM", "Source image for image processing operation"});
  }
  put_text(data, DCM_NumberOfFrames, std::to_string(frames.size()));
  data.putAndInsertTagKey(DCM_FrameIncrementPointer, DCM_PageNumberVector);
  put_text(data, DCM_PageNumberVector, pages);
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

}  // namespace groundglass
