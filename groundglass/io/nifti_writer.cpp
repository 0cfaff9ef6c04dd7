#include "groundglass/io/nifti.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include <nifti/nifti1_io.h>
#include <zlib.h>

#include "groundglass/core/error.h"
#include "groundglass/core/text.h"
#include "groundglass/core/version.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

/// Voxel index -> right-anterior-superior millimetres.
mat44 to_ras(const Geometry& g) {
  const std::array<double, 3> from_lps = {-1, -1, 1};
  mat44 m{};
  for (size_t row = 0; row < 3; ++row) {
    for (size_t c = 0; c < 3; ++c) {
      m.m[row][c] = static_cast<float>(from_lps[row] * g.direction[3 * row + c] * g.spacing_mm[c]);
    }
    m.m[row][3] = static_cast<float>(from_lps[row] * g.origin_mm[row]);
  }
  m.m[3][3] = 1;
  return m;
}

void set_grid(nifti_1_header& header, const Geometry& geometry) {
  const mat44 m = to_ras(geometry);
  header.qform_code = header.sform_code = NIFTI_XFORM_SCANNER_ANAT;
  nifti_mat44_to_quatern(m, &header.quatern_b, &header.quatern_c, &header.quatern_d,
                         &header.qoffset_x, &header.qoffset_y, &header.qoffset_z, &header.pixdim[1],
                         &header.pixdim[2], &header.pixdim[3], &header.pixdim[0]);
  constexpr double kSheared = 1e-3;
  if (skewness(geometry) > kSheared) header.qform_code = NIFTI_XFORM_UNKNOWN;
  std::copy(m.m[0], m.m[0] + 4, header.srow_x);
  std::copy(m.m[1], m.m[1] + 4, header.srow_y);
  std::copy(m.m[2], m.m[2] + 4, header.srow_z);
  header.xyzt_units = NIFTI_UNITS_MM;
}

int16_t nifti_type(torch::ScalarType type) {
  switch (type) {
    case torch::kUInt8:
      return DT_UINT8;
    case torch::kInt16:
      return DT_INT16;
    case torch::kFloat32:
      return DT_FLOAT32;
    default:
      fail(ErrorKind::internal, "a NIfTI file of a type other than uint8, int16 and float32");
  }
}

constexpr float kProbabilitySteps = 16384;  // a power of two: 0, 1 and 0.5 come back exactly

void set_content(nifti_1_header& header, NiftiWriter::Content content) {
  const std::string words = "GroundGlass " + version() + "; research use only";
  std::snprintf(header.descrip, sizeof header.descrip, "%s", words.c_str());
  if (content == NiftiWriter::Content::labels) {
    header.intent_code = NIFTI_INTENT_LABEL;
    std::snprintf(header.intent_name, sizeof header.intent_name, "labels");
  } else if (content == NiftiWriter::Content::probabilities) {
    header.intent_code = NIFTI_INTENT_ESTIMATE;
    std::snprintf(header.intent_name, sizeof header.intent_name, "probability");
    header.scl_slope = 1 / kProbabilitySteps;
    header.cal_max = 1;  // viewers show 0..1
  }
}

nifti_1_header header_of(NiftiWriter::Content content, torch::ScalarType type,
                         const std::array<int64_t, 3>& shape, const Geometry& geometry) {
  nifti_1_header header{};
  header.sizeof_hdr = sizeof header;
  std::memcpy(header.magic, "n+1", 4);
  header.regular = 'r';
  header.vox_offset = sizeof header + 4;
  header.dim[0] = 3;
  for (size_t c = 0; c < 3; ++c) header.dim[c + 1] = static_cast<int16_t>(shape[2 - c]);
  for (size_t c = 4; c < 8; ++c) header.dim[c] = 1;
  header.datatype = nifti_type(type);
  header.bitpix = static_cast<int16_t>(8 * torch::elementSize(type));
  header.scl_slope = 1;
  set_grid(header, geometry);
  set_content(header, content);
  return header;
}

void check_request(const fs::path& path, const std::array<int64_t, 3>& shape) {
  if (!ends_with(path.string(), ".nii") && !ends_with(path.string(), ".nii.gz")) {
    fail(ErrorKind::usage, path.string() + ": a volume is written as .nii or .nii.gz");
  }
  for (const int64_t n : shape) {
    if (n < 1 || n > 32767) {
      fail(ErrorKind::data, path.string() + ": an axis of " + std::to_string(n) +
                                " voxels, expected 1 to 32767, which is what NIfTI-1 can hold");
    }
  }
}

void write_slices(NiftiWriter& writer, const torch::Tensor& voxels) {
  for (int64_t k = 0; k < voxels.size(0); ++k) writer.write_slice(voxels[k]);
  writer.commit();
}

std::array<int64_t, 3> shape_of(const torch::Tensor& voxels) {
  if (voxels.dim() != 3) {
    fail(ErrorKind::internal, "a volume is " + shape_text(voxels) + ", expected [D,H,W]");
  }
  return {voxels.size(0), voxels.size(1), voxels.size(2)};
}

}  // namespace

NiftiWriter::NiftiWriter(const fs::path& path, Content content, torch::ScalarType type,
                         std::array<int64_t, 3> shape, const Geometry& geometry)
    : path_(path), file_(path), type_(type), shape_(shape), out_(nullptr, gzclose) {
  check_request(path, shape);
  const nifti_1_header header = header_of(content, type, shape, geometry);
  // "T" writes plainly; level 3 is where masks and noise stop getting much smaller, and
  // probabilities get 8 % smaller there than at level 1 for twice the time.
  const bool packed = ends_with(path.string(), ".gz");
  const char* mode = !packed ? "wbT" : content == Content::probabilities ? "wb1" : "wb3";
  out_.reset(gzopen(file_.temporary().c_str(), mode));
  const std::array<char, 4> no_extensions{};
  if (!out_ || gzwrite(out_.get(), &header, sizeof header) != sizeof header ||
      gzwrite(out_.get(), no_extensions.data(), 4) != 4) {
    refuse();
  }
}

void NiftiWriter::write_slice(const torch::Tensor& slice) {
  if (written_ == shape_[0] || slice.dim() != 2 || slice.size(0) != shape_[1] ||
      slice.size(1) != shape_[2] || slice.scalar_type() != type_) {
    fail(ErrorKind::internal, path_.string() + ": slice " + std::to_string(written_) + " of " +
                                  std::to_string(shape_[0]) + " is " + shape_text(slice) +
                                  " or of another type than the file");
  }
  const auto stored = slice.cpu().contiguous();
  const auto bytes = stored.nbytes();
  if (gzfwrite(stored.data_ptr(), 1, bytes, out_.get()) != bytes) refuse();
  ++written_;
}

void NiftiWriter::commit() {
  if (written_ != shape_[0]) {
    fail(ErrorKind::internal, path_.string() + ": " + std::to_string(written_) + " of " +
                                  std::to_string(shape_[0]) + " slices were written");
  }
  if (gzclose(out_.release()) != Z_OK) refuse();
  file_.commit();
}

void ProbabilityVolumeWriter::write_slice(const torch::Tensor& slice) {
  NiftiWriter::write_slice((slice * kProbabilitySteps).round().to(torch::kInt16));
}

void NiftiWriter::refuse() const {
  fail(ErrorKind::data, path_.string() + ": cannot be written (" + std::strerror(errno) + ")");
}

void write_label_volume(const fs::path& path, const LabelMap& map) {
  LabelVolumeWriter writer(path, shape_of(map.labels), map.geometry);
  write_slices(writer, map.labels);
}

void write_volume(const fs::path& path, const Volume& volume) {
  NiftiWriter writer(path, NiftiWriter::Content::image, volume.voxels.scalar_type(),
                     shape_of(volume.voxels), volume.geometry);
  write_slices(writer, volume.voxels);
}

}  // namespace groundglass
