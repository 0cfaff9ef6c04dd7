#include <algorithm>

#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/core/json_text.h"
#include "groundglass/io/nifti.h"
#include "groundglass/io/picture.h"
#include "groundglass/preprocess/axial.h"
#include "groundglass/report/explanation.h"
#include "groundglass/runs/model_choice.h"
#include "groundglass/runs/segmenter_options.h"
#include "groundglass/serve/version_files.h"
#include "groundglass/serve/work.h"

namespace groundglass {
namespace fs = std::filesystem;
using nlohmann::ordered_json;
namespace {

/// Heat [H,W] in [0,1] as bytes, 255 for 1.
torch::Tensor as_bytes(const torch::Tensor& heat) {
  return (heat.clamp(0, 1) * 255).round().to(torch::kUInt8).contiguous();
}

/// What is known of a version's heat: on the grid of the image's file, so that it lies over it
/// whatever the order of its axes, and the axial slices that it was made for.
class HeatLayer {
 public:
  HeatLayer(std::string stem, const OrderedImage& image, UnitsAsked units)
      : stem_(std::move(stem)) {
    if (!image.volume) return;
    info_ = open_volume(image.path, units)->info();
    view_ = axial_view(info_.geometry);
  }

  /// The axial slice that a voxel [i,j,k] of the file lies in.
  int64_t slice_of(const std::vector<int64_t>& voxel) const {
    const auto axis = static_cast<size_t>(2 - view_.order[0]);
    const std::vector<int64_t> size = {info_.width, info_.height, info_.depth};
    for (size_t at = 0; at < 3; ++at) {
      if (voxel.size() == 3 && voxel[at] < size[at]) continue;
      fail(ErrorKind::usage, "voxel: expected three numbers below " + std::to_string(size[0]) +
                                 ", " + std::to_string(size[1]) + ", " + std::to_string(size[2]));
    }
    return voxel[axis];
  }

  void take(int64_t slice, const torch::Tensor& heat) {
    if (slice < 0) {
      write_png(stem_ + "_gradcam_heat.png", as_bytes(heat));
      return write_slices({});
    }
    const fs::path path = stem_ + "_gradcam.nii.gz";
    const fs::path told = stem_ + "_gradcam.json";
    std::vector<int64_t> slices;
    torch::Tensor whole;
    if (fs::exists(path) && fs::exists(told)) {
      whole = read_label_volume(path).labels;
      slices = ordered_json::parse(read_file(told))["slices"].get<std::vector<int64_t>>();
    } else {
      whole = torch::zeros({info_.depth, info_.height, info_.width}, torch::kUInt8);
    }
    auto upright = view_.apply(whole).contiguous();
    upright[slice].copy_(as_bytes(heat));
    write_label_volume(path, {view_.undo(upright).contiguous(), info_.geometry});
    if (std::find(slices.begin(), slices.end(), slice) == slices.end()) slices.push_back(slice);
    std::sort(slices.begin(), slices.end());
    write_slices(slices);
  }

 private:
  void write_slices(const std::vector<int64_t>& slices) const {
    write_file(stem_ + "_gradcam.json", json_text({{"slices", slices}}, 1));
  }

  std::string stem_;
  VolumeInfo info_;
  AxialView view_;
};

}  // namespace

void do_explain(const Work& work) {
  const OrderedImage image = ordered_image(work.order.at("image"));
  const auto& version = work.order.at("version");
  const std::string stem = version.at("stem");
  const std::string named = work.text("model");
  const VersionMeasures measures = read_measures(version.at("network_stem"));
  const TrainedModel trained =
      load_chosen_model(named.empty() ? measures.model.at("name").get<std::string>() : named, {});
  Segmenter segmenter(segmenter_options(trained, work.settings));
  HeatLayer layer(stem, image, measures.units);
  ExplainJob job;
  job.output = work.folder() / "figures";
  make_folder(job.output);
  job.class_names = trained.recipe.evaluate.class_names;
  if (work.order.contains("voxel") && image.volume) {
    job.slice = layer.slice_of(work.order["voxel"].get<std::vector<int64_t>>());
  }
  job.take_heat = [&](int64_t slice, const torch::Tensor& heat) { layer.take(slice, heat); };
  const PredictInput input = {image.path, "image_" + std::to_string(image.number), image.volume};
  const auto written = explain_by_gradient(segmenter, {{input, {}, {}}}, job, work.observer);
  write_file(stem + "_gradcam.png", read_file(written.at(0).at("figure").get<std::string>()));
}

}  // namespace groundglass
