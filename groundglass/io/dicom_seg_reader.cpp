#include "groundglass/io/dicom_seg_reader.h"

#include <algorithm>
#include <cmath>
#include <set>

#include <dcmtk/config/osconfig.h>

#include <dcmtk/dcmdata/dctk.h>

#include "groundglass/core/text.h"
#include "groundglass/io/dicom_items.h"
#include "groundglass/io/dicom_library.h"
#include "groundglass/io/refuse.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

constexpr const char* kLabelMapSegmentation = "1.2.840.10008.5.1.4.1.1.66.7";

std::string code_text(DcmItem& item, const DcmTagKey& sequence) {
  DcmItem* code = item_of(item, sequence);
  if (code == nullptr) return "";
  return text_of(*code, DCM_CodeValue) + " " + text_of(*code, DCM_CodingSchemeDesignator) + " " +
         text_of(*code, DCM_CodeMeaning);
}

/// A functional group of a frame, or else the one that all frames share.
DcmItem* group_of(DcmItem* frame, DcmItem* shared, const DcmTagKey& sequence) {
  DcmItem* found = frame != nullptr ? item_of(*frame, sequence) : nullptr;
  if (found == nullptr && shared != nullptr) found = item_of(*shared, sequence);
  return found;
}

template <size_t N>
bool read_numbers(DcmItem* item, const DcmTagKey& tag, std::array<double, N>& values) {
  if (item == nullptr) return false;
  for (size_t i = 0; i < N; ++i) {
    Float64 value = 0;
    if (item->findAndGetFloat64(tag, value, static_cast<unsigned long>(i)).bad()) return false;
    if (!std::isfinite(value)) return false;
    values[i] = value;
  }
  return true;
}

std::vector<uint8_t> read_pixels(DcmDataset& data, const StoredSegmentation& s) {
  const size_t needed = s.frames.size() * static_cast<size_t>(s.rows * s.columns);
  const std::string kind = text_of(data, DCM_SegmentationType);
  Uint16 allocated = 1;
  data.findAndGetUint16(DCM_BitsAllocated, allocated);
  if (allocated != 1 && allocated != 8) {
    refuse(s.path, "has " + std::to_string(allocated) + " bits for each pixel, expected 1 or 8");
  }
  const OFCondition decoded = data.chooseRepresentation(EXS_LittleEndianExplicit, nullptr);
  if (decoded.bad())
    refuse(s.path, std::string("its pixels cannot be decoded (") + decoded.text() + ")");
  const Uint8* raw = nullptr;
  unsigned long count = 0;
  data.findAndGetUint8Array(DCM_PixelData, raw, &count);
  if (raw == nullptr || count < (allocated == 1 ? (needed + 7) / 8 : needed)) {
    refuse(s.path, "is cut off: holds " + std::to_string(count) + " bytes of pixels, expected " +
                       std::to_string(allocated == 1 ? (needed + 7) / 8 : needed));
  }
  Uint16 most = 1;
  if (kind == "FRACTIONAL") {
    most = 255;
    data.findAndGetUint16(DCM_MaximumFractionalValue, most);
  }
  std::vector<uint8_t> pixels(needed);
  for (size_t i = 0; i < needed; ++i) {
    pixels[i] = allocated == 1 ? (raw[i / 8] >> (i % 8)) & 1
                               : static_cast<uint8_t>(raw[i] > 0 && 2 * raw[i] >= most);
  }
  return pixels;
}

/// True where no frame says where it lies, as frames of an X-ray do not.
bool is_without_place(DcmSequenceOfItems& frames, DcmItem* shared) {
  for (unsigned long i = 0; i < frames.card(); ++i) {
    for (const auto& tag : {DCM_PlanePositionSequence, DCM_PlaneOrientationSequence}) {
      if (group_of(frames.getItem(i), shared, tag) != nullptr) return false;
    }
  }
  return true;
}

/// The image that a frame was made of; "" if it does not say.
std::string source_of(DcmItem* frame, DcmItem* shared) {
  DcmItem* derivation = group_of(frame, shared, DCM_DerivationImageSequence);
  DcmItem* source = derivation != nullptr ? item_of(*derivation, DCM_SourceImageSequence) : nullptr;
  return source != nullptr ? text_of(*source, DCM_ReferencedSOPInstanceUID) : "";
}

/// Where a frame lies on a grid: its slice, and by how many pixels it is moved in it.
struct Place {
  double slice = 0;
  std::array<double, 2> moved{};  ///< columns, rows
};

/// Frames of a tilted series are moved by the same way from slice to slice, beginning at the first;
/// those of any other series are not moved at all.
bool is_source_stack(const std::vector<Place>& places) {
  constexpr double kSame = 0.1;  // of a pixel
  const auto far = std::max_element(places.begin(), places.end(),
                                    [](const auto& a, const auto& b) { return a.slice < b.slice; });
  std::array<double, 2> step{};
  bool several = false;
  for (const auto& place : places) several = several || place.slice != far->slice;
  for (size_t i = 0; several && i < 2; ++i) {
    if (far->slice > 0) step[i] = far->moved[i] / far->slice;
  }
  const auto fits = [&](const std::array<double, 2>& each) {
    return std::all_of(places.begin(), places.end(), [&](const Place& place) {
      return std::abs(place.moved[0] - each[0] * place.slice) < kSame &&
             std::abs(place.moved[1] - each[1] * place.slice) < kSame;
    });
  };
  return fits({}) || fits(step);
}

std::array<double, 3> cross(const std::array<double, 6>& c) {
  return {c[1] * c[5] - c[2] * c[4], c[2] * c[3] - c[0] * c[5], c[0] * c[4] - c[1] * c[3]};
}

double height_of(const StoredFrame& frame, const std::array<double, 3>& normal) {
  double height = 0;
  for (size_t i = 0; i < 3; ++i) height += normal[i] * frame.position_mm[i];
  return height;
}

/// Of a frame on a grid. Throws Error(data) if it does not lie on a slice of it, pixel on pixel.
Place place_on_grid(const StoredSegmentation& s, size_t f, const Geometry& grid,
                    const std::array<int64_t, 3>& shape) {
  const StoredFrame& frame = s.frames[f];
  const auto& d = grid.direction;
  const auto at_pixel = [&](double row, double column) {
    std::array<double, 3> mm = frame.position_mm;
    for (size_t i = 0; i < 3; ++i) {
      mm[i] += frame.cosines[i] * s.spacing_mm[1] * column +
               frame.cosines[3 + i] * s.spacing_mm[0] * row;
    }
    return mm;
  };
  const auto index_of = [&](const std::array<double, 3>& mm) {
    std::array<double, 3> index{};
    for (size_t axis = 0; axis < 3; ++axis) {
      for (size_t i = 0; i < 3; ++i) index[axis] += d[3 * i + axis] * (mm[i] - grid.origin_mm[i]);
      index[axis] /= grid.spacing_mm[axis];
    }
    return index;
  };
  const double last_row = static_cast<double>(s.rows - 1);
  const double last_column = static_cast<double>(s.columns - 1);
  const auto first = index_of(at_pixel(0, 0)), last = index_of(at_pixel(last_row, last_column));
  const double k = std::round(first[2]);
  constexpr double kSame = 0.1;  // of a pixel
  const bool fits = std::abs(first[2] - k) < kSame && std::abs(last[2] - k) < kSame &&
                    std::abs(last[0] - first[0] - last_column) < kSame &&
                    std::abs(last[1] - first[1] - last_row) < kSame;
  if (!fits || k < 0 || k >= static_cast<double>(shape[0])) {
    refuse(s.path, "frame " + std::to_string(f + 1) + " does not lie on a slice of the grid " +
                       describe(grid) + "; is it of another series?");
  }
  return {k, {first[0], first[1]}};
}

Place place_on_picture(const StoredSegmentation& s, const std::array<int64_t, 3>& shape) {
  if (shape[0] == 1) return {};
  refuse(s.path,
         "is of one picture, expected one of a series of " + std::to_string(shape[0]) + " slices");
}

}  // namespace

std::string dicom_object_kind(const fs::path& path) {
  prepare_dicom_library();
  DcmFileFormat file;
  if (file.loadFileUntilTag(path.c_str(), EXS_Unknown, EGL_noChange, DCM_MaxReadLength,
                            ERM_autoDetect, DCM_StudyDate)
          .bad()) {
    return "";
  }
  const std::string sop_class = text_of(*file.getDataset(), DCM_SOPClassUID);
  if (sop_class == UID_SegmentationStorage || sop_class == kLabelMapSegmentation) return "SEG";
  if (sop_class == UID_EncapsulatedPDFStorage) return "PDF";
  const bool report = sop_class.starts_with("1.2.840.10008.5.1.4.1.1.88.") &&
                      sop_class != UID_KeyObjectSelectionDocumentStorage;
  return report ? "SR" : "";
}

StoredSegmentation read_dicom_segmentation(const fs::path& path) {
  prepare_dicom_library();
  DcmFileFormat file;
  const OFCondition read = file.loadFile(path.c_str());
  if (read.bad()) refuse(path, std::string("cannot be read (") + read.text() + ")");
  DcmDataset& data = *file.getDataset();
  StoredSegmentation s;
  s.path = path;
  const std::string sop_class = text_of(data, DCM_SOPClassUID);
  if (sop_class != UID_SegmentationStorage) {
    refuse(path, sop_class == kLabelMapSegmentation
                     ? "is a label map segmentation, expected a DICOM Segmentation (BINARY or "
                       "FRACTIONAL)"
                     : "is no DICOM Segmentation");
  }
  Uint16 rows = 0, columns = 0;
  data.findAndGetUint16(DCM_Rows, rows);
  data.findAndGetUint16(DCM_Columns, columns);
  s.rows = rows;
  s.columns = columns;
  s.maker = text_of(data, DCM_Manufacturer);
  s.sop_instance = text_of(data, DCM_SOPInstanceUID);
  if (DcmItem* series = item_of(data, DCM_ReferencedSeriesSequence)) {
    s.source_series = text_of(*series, DCM_SeriesInstanceUID);
  }
  for (long i = 0; DcmItem* item = item_of(data, DCM_SegmentSequence, i); ++i) {
    Uint16 number = 0;
    item->findAndGetUint16(DCM_SegmentNumber, number);
    s.segments.push_back({number, text_of(*item, DCM_SegmentLabel),
                          code_text(*item, DCM_SegmentedPropertyCategoryCodeSequence),
                          code_text(*item, DCM_SegmentedPropertyTypeCodeSequence)});
  }
  DcmItem* shared = item_of(data, DCM_SharedFunctionalGroupsSequence);
  DcmSequenceOfItems* frames = nullptr;
  data.findAndGetSequence(DCM_PerFrameFunctionalGroupsSequence, frames);
  const unsigned long count = frames != nullptr ? frames->card() : 0;
  if (count == 0 || rows == 0 || columns == 0) refuse(path, "holds no frames");
  s.of_picture = is_without_place(*frames, shared);
  std::set<std::string> pictures;
  for (unsigned long i = 0; i < count; ++i) {
    DcmItem* item = frames->getItem(i);
    StoredFrame frame;
    Uint16 segment = 0;
    DcmItem* identification = group_of(item, shared, DCM_SegmentIdentificationSequence);
    if (identification != nullptr) {
      identification->findAndGetUint16(DCM_ReferencedSegmentNumber, segment);
    }
    frame.segment = segment;
    DcmItem* measures = group_of(item, shared, DCM_PixelMeasuresSequence);
    pictures.insert(source_of(item, shared));
    const bool placed = read_numbers(group_of(item, shared, DCM_PlanePositionSequence),
                                     DCM_ImagePositionPatient, frame.position_mm) &&
                        read_numbers(group_of(item, shared, DCM_PlaneOrientationSequence),
                                     DCM_ImageOrientationPatient, frame.cosines) &&
                        read_numbers(measures, DCM_PixelSpacing, s.spacing_mm);
    if (segment == 0 || (!placed && !s.of_picture)) {
      refuse(path, "frame " + std::to_string(i + 1) +
                       " has no segment number, position, orientation or pixel spacing");
    }
    if (measures != nullptr) {
      s.slice_distance_mm = std::atof(text_of(*measures, DCM_SpacingBetweenSlices).c_str());
      if (!(s.slice_distance_mm > 0)) {
        s.slice_distance_mm = std::atof(text_of(*measures, DCM_SliceThickness).c_str());
      }
    }
    s.frames.push_back(frame);
  }
  if (s.of_picture && (pictures.size() != 1 || pictures.begin()->empty())) {
    refuse(path, "has frames without position that name " +
                     (pictures.size() > 1 ? std::to_string(pictures.size()) + " pictures"
                                          : std::string("no picture")) +
                     ", expected positions, or the one picture that they lie on");
  }
  s.pixels = read_pixels(data, s);
  return s;
}

std::vector<uint8_t> labels_on_grid(const StoredSegmentation& s, const Geometry& grid,
                                    const std::array<int64_t, 3>& shape, Overlap overlap) {
  if (s.rows != shape[1] || s.columns != shape[2]) {
    refuse(s.path, "has frames of " + std::to_string(s.columns) + " x " + std::to_string(s.rows) +
                       " pixels, expected " + std::to_string(shape[2]) + " x " +
                       std::to_string(shape[1]));
  }
  const auto pixels = static_cast<size_t>(s.rows * s.columns);
  std::vector<uint8_t> labels(static_cast<size_t>(shape[0]) * pixels, 0);
  std::vector<Place> places;
  for (size_t f = 0; f < s.frames.size(); ++f) {
    const StoredFrame& frame = s.frames[f];
    if (frame.segment > 255) {
      refuse(s.path, "has segment " + std::to_string(frame.segment) + ", expected at most 255");
    }
    const auto place = s.of_picture ? place_on_picture(s, shape) : place_on_grid(s, f, grid, shape);
    places.push_back(place);
    uint8_t* to = labels.data() + static_cast<size_t>(place.slice) * pixels;
    const uint8_t* from = s.pixels.data() + f * pixels;
    for (size_t i = 0; i < pixels; ++i) {
      if (from[i] == 0) continue;
      if (to[i] != 0 && to[i] != frame.segment && overlap == Overlap::refused) {
        refuse(s.path, "segments " + std::to_string(to[i]) + " and " +
                           std::to_string(frame.segment) +
                           " share voxels, which one class number "
                           "cannot say; evaluate with --labels any");
      }
      to[i] = static_cast<uint8_t>(frame.segment);
    }
  }
  if (!is_source_stack(places)) {
    refuse(s.path, "its frames are moved in their planes against the grid " + describe(grid) +
                       "; is it of another series?");
  }
  return labels;
}

Geometry grid_of_frames(const StoredSegmentation& s, std::array<int64_t, 3>& shape) {
  if (s.of_picture) {
    shape = {1, s.rows, s.columns};
    return {};
  }
  const auto& c = s.frames.front().cosines;
  const auto normal = cross(c);
  const auto lowest = std::min_element(
      s.frames.begin(), s.frames.end(),
      [&](const auto& a, const auto& b) { return height_of(a, normal) < height_of(b, normal); });
  double top = height_of(*lowest, normal), closest = 0;
  std::vector<double> heights;
  for (const auto& frame : s.frames) heights.push_back(height_of(frame, normal));
  std::sort(heights.begin(), heights.end());
  for (size_t i = 1; i < heights.size(); ++i) {
    const double gap = heights[i] - heights[i - 1];
    if (gap > 0.01 && (closest == 0 || gap < closest)) closest = gap;
  }
  top = heights.back();
  Geometry grid;
  const double distance_mm = s.slice_distance_mm > 0 ? s.slice_distance_mm
                             : closest > 0           ? closest
                                                     : 1;
  grid.spacing_mm = {s.spacing_mm[1], s.spacing_mm[0], distance_mm};
  grid.origin_mm = lowest->position_mm;
  for (size_t row = 0; row < 3; ++row) {
    grid.direction[3 * row] = c[row];
    grid.direction[3 * row + 1] = c[3 + row];
    grid.direction[3 * row + 2] = normal[row];
  }
  shape = {1 + std::llround((top - heights.front()) / distance_mm), s.rows, s.columns};
  return grid;
}

}  // namespace groundglass
