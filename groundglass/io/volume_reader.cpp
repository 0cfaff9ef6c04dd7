#include "groundglass/io/volume_reader.h"

#include <algorithm>
#include <array>

#include "groundglass/core/error.h"
#include "groundglass/core/text.h"

namespace groundglass {

bool is_volume_name(const std::filesystem::path& path) {
  const std::array<const char*, 6> endings = {".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd"};
  return std::any_of(endings.begin(), endings.end(),
                     [&](auto e) { return ends_with(path.string(), e); });
}

std::unique_ptr<VolumeReader> open_volume(const std::filesystem::path& path, const std::string&) {
  fail(ErrorKind::internal, path.string());
}
Volume read_volume(const std::filesystem::path& path, const std::string&) {
  fail(ErrorKind::internal, path.string());
}
LabelMap read_label_volume(const std::filesystem::path& path) {
  fail(ErrorKind::internal, path.string());
}

}  // namespace groundglass
