#include "groundglass/io/nifti.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstring>

#include <nifti/nifti1_io.h>
#include <zlib.h>

#include "groundglass/core/error.h"
#include "groundglass/core/text.h"
#include "groundglass/io/nifti_geometry.h"
#include "groundglass/io/refuse.h"
#include "groundglass/io/stored_numbers.h"
#include "groundglass/io/voxel_bytes.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

constexpr int kNifti2HeaderBytes = 540;

struct CloseGz {
  void operator()(gzFile_s* file) const { gzclose(file); }
};
using GzFile = std::unique_ptr<gzFile_s, CloseGz>;

/// zlib reads plain files through the same calls.
GzFile open_gz(const fs::path& path) {
  GzFile file(gzopen(path.c_str(), "rb"));
  if (!file) refuse(path, std::string("cannot be opened (") + std::strerror(errno) + ")");
  gzbuffer(file.get(), 1 << 17);
  return file;
}

/// As many of the `n` bytes as there are.
size_t read_bytes(gzFile_s* file, char* to, size_t n) {
  size_t done = 0;
  while (done < n) {
    const auto piece = static_cast<unsigned>(std::min<size_t>(n - done, 1u << 30));
    const int got = gzread(file, to + done, piece);
    if (got <= 0) break;
    done += static_cast<size_t>(got);
  }
  return done;
}

/// Why a read came back short.
std::string reason(gzFile_s* file) {
  int code = Z_OK;
  gzerror(file, &code);
  if (code == Z_DATA_ERROR) return "the compressed data are damaged";
  if (code == Z_ERRNO) return std::strerror(errno);
  return "the file is truncated";
}

/// The raw header in the machine's byte order. Checks what niftilib would print about or mend in
/// silence.
nifti_1_header read_header(const fs::path& path, gzFile_s* file, bool& swapped) {
  nifti_1_header header{};
  const size_t got = read_bytes(file, reinterpret_cast<char*>(&header), sizeof header);
  if (got < sizeof header) {
    refuse(path, "of the " + std::to_string(sizeof header) + " bytes of a NIfTI header " +
                     std::to_string(got) + " can be read: " + reason(file));
  }
  int32_t turned = header.sizeof_hdr;
  nifti_swap_4bytes(1, &turned);
  if (header.sizeof_hdr == kNifti2HeaderBytes || turned == kNifti2HeaderBytes) {
    refuse(path, "is a NIfTI-2 file, expected NIfTI-1; convert it, e.g. with nifti_tool");
  }
  swapped = turned == static_cast<int32_t>(sizeof header);
  if (swapped) swap_nifti_header(&header, 1);
  const std::string_view magic(header.magic, 3);
  const bool offset_sound = header.vox_offset >= 0 && header.vox_offset < 1e9F;
  if (header.sizeof_hdr != sizeof header || (magic != "n+1" && magic != "ni1") || !offset_sound) {
    refuse(path, "is no NIfTI-1 file, or its header is damaged");
  }
  if (magic == "ni1") {
    refuse(path, "is one half of a .hdr/.img pair, expected one .nii or .nii.gz file");
  }
  return header;
}

void check_axes(const fs::path& path, const nifti_1_header& header) {
  std::vector<std::string> sizes;
  const int axes = std::clamp<int>(header.dim[0], 0, 7);
  bool sound = axes == header.dim[0] && axes > 0, more = false;
  for (int i = 1; i <= axes; ++i) {
    sizes.push_back(std::to_string(header.dim[i]));
    sound = sound && header.dim[i] > 0;
    more = more || (i > 3 && header.dim[i] > 1);
  }
  const std::string found = std::to_string(header.dim[0]) + " axes (" + joined(sizes, " x ") + ")";
  if (!sound) refuse(path, "has " + found + ": its header is damaged");
  if (more) refuse(path, "has " + found + ", expected three; give one volume of the series");
}

StoredNumbers stored_numbers(const fs::path& path, const nifti_1_header& header,
                             std::vector<std::string>& warnings) {
  using Type = StoredNumbers::Type;
  const std::array<std::pair<int, Type>, 10> types = {{{DT_INT8, Type::int8},
                                                       {DT_UINT8, Type::uint8},
                                                       {DT_INT16, Type::int16},
                                                       {DT_UINT16, Type::uint16},
                                                       {DT_INT32, Type::int32},
                                                       {DT_UINT32, Type::uint32},
                                                       {DT_INT64, Type::int64},
                                                       {DT_UINT64, Type::uint64},
                                                       {DT_FLOAT32, Type::float32},
                                                       {DT_FLOAT64, Type::float64}}};
  const auto* found = std::find_if(types.begin(), types.end(),
                                   [&](const auto& t) { return t.first == header.datatype; });
  if (found == types.end()) {
    refuse(path, "holds values of type " + std::to_string(header.datatype) + " (" +
                     nifti_datatype_string(header.datatype) +
                     "), expected whole or floating-point numbers");
  }
  StoredNumbers stored{found->second};
  // By the standard, a slope of zero means "not scaled"; some programs write NaN for it.
  if (header.scl_slope != 0 && std::isfinite(header.scl_slope) && std::isfinite(header.scl_inter)) {
    stored.slope = header.scl_slope;
    stored.intercept = header.scl_inter;
  } else if (header.scl_inter != 0 && std::isfinite(header.scl_inter)) {
    warnings.push_back(path.string() +
                       ": scl_slope is 0 or no number, so by the standard scl_inter " +
                       shortest(header.scl_inter) + " is passed over");
  } else if (header.scl_slope != 0 && !std::isnan(header.scl_slope)) {
    warnings.push_back(path.string() + ": scl_slope " + shortest(header.scl_slope) +
                       " and scl_inter " + shortest(header.scl_inter) +
                       " are nothing to scale by; the stored values are taken as they are");
  }
  return stored;
}

class NiftiReader final : public VolumeReader {
 public:
  explicit NiftiReader(const fs::path& file_path)
      : VolumeReader(file_path), file_(open_gz(file_path)) {
    bool swapped = false;
    const nifti_1_header header = read_header(path(), file_.get(), swapped);
    check_axes(path(), header);
    stored_ = stored_numbers(path(), header, info_.warnings);
    info_.format = "NIfTI";
    info_.width = header.dim[1];
    info_.height = header.dim[0] > 1 ? header.dim[2] : 1;
    info_.depth = header.dim[0] > 2 ? header.dim[3] : 1;
    info_.type = tensor_type(stored_);
    nifti_set_debug_level(0);  // niftilib would print
    info_.geometry = nifti_geometry(header, info_.warnings, path().string());
    offset_ = static_cast<size_t>(std::max<float>(header.vox_offset, sizeof header));
    swap_bytes_ = swapped ? static_cast<int>(bytes_of(stored_.type)) : 0;
    slice_bytes_ = static_cast<size_t>(info_.width * info_.height) * bytes_of(stored_.type);
    check_length();
  }

 private:
  /// Finds a file that is too short before its slices are read, and one that holds more slices than
  /// its header tells of.
  void check_length() {
    const double has = static_cast<double>(fs::file_size(path()));
    const double needs = static_cast<double>(offset_) +
                         static_cast<double>(slice_bytes_) * static_cast<double>(info_.depth);
    const double most = gzdirect(file_.get()) != 0 ? has : has * kMostCompression;
    const bool plain = gzdirect(file_.get()) != 0;
    const double holds = plain ? has : static_cast<double>(unpacked_bytes(path()));
    if (holds >= needs + static_cast<double>(slice_bytes_)) {
      info_.warnings.push_back(path().string() + ": holds " + human_bytes(holds - needs) +
                               " more than its header tells of; slices may be missing at its end");
    }
    if (most < needs) {
      const bool alike = human_bytes(needs) == human_bytes(has);
      const auto text = [&](double bytes) {
        return alike ? std::to_string(static_cast<int64_t>(bytes)) + " bytes" : human_bytes(bytes);
      };
      refuse(path(),
             "is truncated: its header promises " + text(needs) + " and the file has " + text(has));
    }
  }

  torch::Tensor load_slice(int64_t k) override {
    if (k != next_ || next_ == 0) {
      const auto at = static_cast<z_off_t>(offset_ + static_cast<size_t>(k) * slice_bytes_);
      if (gzseek(file_.get(), at, SEEK_SET) < 0) refuse_slice(k);
    }
    next_ = k + 1;
    buffer_.resize(slice_bytes_);
    if (read_bytes(file_.get(), buffer_.data(), slice_bytes_) < slice_bytes_) refuse_slice(k);
    if (next_ == info_.depth) check_end(k);
    if (swap_bytes_ > 1) {
      nifti_swap_Nbytes(slice_bytes_ / static_cast<size_t>(swap_bytes_), swap_bytes_,
                        buffer_.data());
    }
    return to_tensor(buffer_.data(), stored_, {info_.height, info_.width});
  }

  /// The checksum stands behind the last byte and is looked at only by who reads on.
  void check_end(int64_t k) {
    char more = 0;
    int code = Z_OK;
    gzread(file_.get(), &more, 1);
    gzerror(file_.get(), &code);
    if (code != Z_OK && code != Z_STREAM_END) refuse_slice(k);
  }

  [[noreturn]] void refuse_slice(int64_t k) {
    next_ = 0;
    refuse(path(), "slice " + std::to_string(k) + " of " + std::to_string(info_.depth) +
                       " (counted from 0) cannot be read: " + reason(file_.get()));
  }

  GzFile file_;
  StoredNumbers stored_;
  size_t offset_ = 0, slice_bytes_ = 0;
  int swap_bytes_ = 0;  ///< size of the numbers to turn round, 0 for none
  int64_t next_ = 0;    ///< the slice that a read without seeking gives; 0 also for "seek first"
  std::vector<char> buffer_;
};

}  // namespace

std::unique_ptr<VolumeReader> open_nifti(const fs::path& path) {
  return std::make_unique<NiftiReader>(path);
}

}  // namespace groundglass
