// Readers of images, tables and weights.
#include "groundglass/core/csv.h"
#include "groundglass/data/dataset.h"
#include "groundglass/data/prepared_set.h"
#include "groundglass/io/dicom_seg_reader.h"
#include "groundglass/io/dicom_sr_reader.h"
#include "groundglass/io/keras_h5.h"
#include "groundglass/io/picture.h"
#include "groundglass/io/safetensors.h"
#include "groundglass/io/torch_checkpoint.h"
#include "groundglass/io/volume_reader.h"
#include "tests/fuzz/foreign_file.h"

namespace groundglass {
namespace {
namespace fs = std::filesystem;

constexpr int64_t kMostVoxels = 1 << 24;  ///< larger volumes are opened and not read

void read_slices(VolumeReader& reader) {
  const auto& info = reader.info();
  if (info.height * info.width > kMostVoxels) return;
  reader.read_slice(0);
  reader.read_slice(info.depth - 1);
}

void read_any_volume(const fs::path& file) {
  read_slices(*open_volume(file, UnitsAsked::hu));
}

void read_any_labels(const fs::path& file) {
  read_slices(*open_label_volume(file));
}

void read_any_picture(const fs::path& file) {
  read_picture(file);
}

void read_weights(const fs::path& file) {
  read_safetensors_metadata(file);
  read_safetensors(file);
  map_safetensors(file);
}

void read_prepared(const fs::path& file) {
  const PreparedSet set(file);
  if (set.size() > 0) set.image(set.size() - 1).sum();
  set.verify();
}

}  // namespace

const FuzzTargets& fuzz_targets() {
  static const FuzzTargets targets = {
      {"dicom", {"x.dcm", read_any_volume}},
      {"dicom_seg", {"x.dcm", [](const fs::path& f) { read_dicom_segmentation(f); }}},
      {"dicom_sr", {"x.dcm", [](const fs::path& f) { read_dicom_report(f); }}},
      {"nifti", {"x.nii", read_any_volume}},
      {"nifti_gz", {"x.nii.gz", read_any_volume}},
      {"nifti_labels", {"x.nii", read_any_labels}},
      {"nrrd", {"x.nrrd", read_any_volume}},
      {"metaimage", {"x.mha", read_any_volume}},
      {"png", {"x.png", read_any_picture}},
      {"jpeg", {"x.jpg", read_any_picture}},
      {"tiff", {"x.tif", read_any_picture}},
      {"bmp", {"x.bmp", read_any_picture}},
      {"csv", {"x.csv", [](const fs::path& f) { read_csv(f); }}},
      {"dataset", {"x.csv", [](const fs::path& f) { read_dataset(f); }}},
      {"safetensors", {"x.safetensors", read_weights}},
      {"torch", {"x.pth", [](const fs::path& f) { read_torch_checkpoint(f); }}},
      {"hdf5", {"x.h5", [](const fs::path& f) { read_keras_h5(f); }}},
      {"ggset", {"x.ggset", read_prepared}},
  };
  return targets;
}

}  // namespace groundglass
