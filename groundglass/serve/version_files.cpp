#include "groundglass/serve/version_files.h"

#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/core/json.h"
#include "groundglass/core/json_text.h"
#include "groundglass/core/text.h"
#include "groundglass/io/legend.h"
#include "groundglass/io/nifti.h"
#include "groundglass/io/paint.h"
#include "groundglass/io/picture.h"
#include "groundglass/preprocess/slice.h"
#include "groundglass/serve/lesion_list.h"

namespace groundglass {
namespace fs = std::filesystem;
using nlohmann::ordered_json;

OrderedImage ordered_image(const ordered_json& order) {
  return {order.at("number"), order.at("path").get<std::string>(), order.at("volume"),
          order.at("dicom")};
}

VersionMeasures read_measures(const std::string& stem) {
  const fs::path path = stem + "_measures.json";
  const auto document = ordered_json::parse(read_file(path), nullptr, false);
  if (!document.is_object()) fail(ErrorKind::data, path.string() + ": is damaged");
  const auto units = value_of<UnitsAsked>("measures", "units", document.at("units"));
  return {document.at("model"), case_summary_of(document.at("measures")), units,
          document.at("lung_classes")};
}

namespace {

ordered_json measures_document(const VersionMeasures& m) {
  return {{"model", m.model},
          {"measures", case_json(m.summary)},
          {"units", word_of(m.units)},
          {"lung_classes", m.lung_classes}};
}

}  // namespace

UnitsAsked units_of(const VersionMeasures& measures) {
  return measures.summary.modality == "CT" ? UnitsAsked::hu : UnitsAsked::gray;
}

void write_measures(const std::string& stem, const VersionMeasures& measures) {
  write_file(stem + "_measures.json", json_text(measures_document(measures), 1));
}

void write_measures_with_lesions(const std::string& stem, const VersionMeasures& measures,
                                 const OrderedImage& image) {
  const std::string ending = image.volume ? "_mask.nii.gz" : "_mask.png";
  const auto labels = read_version_mask(stem + ending);
  std::optional<Geometry> geometry;
  std::optional<double> voxel_ml;
  if (image.volume) {
    geometry = open_volume(image.path, units_of(measures))->info().geometry;
    if (measures.summary.modality == "CT") voxel_ml = voxel_mm3(*geometry) / 1000;
  }
  const LesionList list = lesion_list(labels, geometry, voxel_ml, class_names_of(measures));
  ordered_json document = measures_document(measures);
  document["lesions"] = list.lesions;
  document["lesions_total"] = list.total;
  document["voxel_ml"] = optional_json(voxel_ml);
  write_file(stem + "_measures.json", json_text(document, 1));
}

std::vector<std::string> class_names_of(const VersionMeasures& measures) {
  return measures.model.at("classes").get<std::vector<std::string>>();
}

torch::Tensor read_version_mask(const fs::path& mask) {
  return ends_with(mask.string(), ".png") ? read_mask_picture(mask)
                                          : read_label_volume(mask).labels;
}

torch::Tensor overlay_of(const OrderedImage& image, const torch::Tensor& labels,
                         const VersionMeasures& measures) {
  PreprocessOptions options;
  options.window_hu = {-1000, 300};
  const auto legend = legend_of(measures.summary.classes);
  if (!image.volume) {
    const auto gray = to_gray(read_picture(image.path), options)[0];
    return with_legend(overlay(gray, labels), legend);
  }
  AxialSource source(image.path, units_of(measures));
  const auto upright = source.view().apply(labels);
  std::vector<torch::Tensor> tiles;
  for (int64_t k = 0; k < source.depth(); k += source.tile_step()) {
    tiles.push_back(overlay(to_gray(source.read(k), options)[0], upright[k].contiguous()));
  }
  return with_legend(montage(tiles, 4, 320), legend);
}

}  // namespace groundglass
