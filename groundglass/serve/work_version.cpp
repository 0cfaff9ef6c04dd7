#include <algorithm>
#include <memory>

#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/core/geometry_text.h"
#include "groundglass/core/json_text.h"
#include "groundglass/core/text.h"
#include "groundglass/core/version.h"
#include "groundglass/io/nifti.h"
#include "groundglass/io/picture.h"
#include "groundglass/predict/case_measures.h"
#include "groundglass/predict/dicom_outputs.h"
#include "groundglass/predict/xray_measures.h"
#include "groundglass/report/predict_report.h"
#include "groundglass/runs/lung_choice.h"
#include "groundglass/serve/version_files.h"
#include "groundglass/serve/work.h"

namespace groundglass {
namespace fs = std::filesystem;
using nlohmann::ordered_json;
namespace {

constexpr double kGridTolerance = 0.05;  ///< mm; what a browser makes of float32 headers

/// Labels that somebody sent, checked against what the network tells apart.
void check_labels(const torch::Tensor& labels, int64_t classes) {
  const int64_t highest = labels.max().item<int64_t>();
  if (highest <= classes) return;
  fail(ErrorKind::data, "mask: holds class " + std::to_string(highest) + ", expected 0 to " +
                            std::to_string(classes));
}

LungSource lungs_of_version(const VersionMeasures& network, const fs::path& lungs) {
  LungSource source;
  source.name = network.summary.lungs.empty() ? "none" : network.summary.lungs;
  if (source.name == "none") {
    source.from = LungsFrom::none;
  } else if (source.name != "threshold" && !lungs.empty()) {
    source.from = LungsFrom::network;
  } else {
    source.from = LungsFrom::threshold;
    source.name = "threshold";
  }
  return source;
}

/// Measures a corrected mask as the network's was measured, by the same functions and lungs.
CaseSummary measured(const OrderedImage& image, const torch::Tensor& labels,
                     const VersionMeasures& network, const fs::path& lung_file,
                     Observer& observer) {
  const auto names = class_names_of(network);
  const CaseNames case_names = {image.path.string(), network.model.at("name"), names};
  LungSource lungs = lungs_of_version(network, lung_file);
  lungs.lobes = lobe_source({});
  AxialSource source(image.path, units_of(network));
  const auto upright = source.view().apply(labels);
  torch::Tensor upright_lungs;
  if (lungs.from == LungsFrom::network) {
    upright_lungs = source.view().apply(read_label_volume(lung_file).labels);
  }
  CaseMeasures measures(case_names,
                        {static_cast<int64_t>(names.size()), false, lungs,
                         upright_lungs.defined() ? std::max<int64_t>(1, network.lung_classes) : 0},
                        source);
  for (int64_t k = 0; k < source.depth(); ++k) {
    SliceResult slice;
    slice.labels = upright[k].contiguous();
    if (upright_lungs.defined()) slice.lungs = upright_lungs[k].contiguous();
    measures.take(source.read(k), slice);
    observer.on(Progress{"slices", k + 1, source.depth(), ""});
  }
  return measures.finish();
}

CaseSummary measured_picture(const OrderedImage& image, const torch::Tensor& labels,
                             const VersionMeasures& network, const fs::path& lung_file) {
  CaseSummary summary;
  summary.input = image.path.string();
  summary.modality = "gray picture";
  summary.size = {labels.size(0), labels.size(1)};
  const auto names = class_names_of(network);
  summary.classes = class_amounts(static_cast<int64_t>(names.size()), names);
  summary.add(labels);
  summary.acquisition = network.summary.acquisition;
  if (const auto pixel_mm2 = summary.acquisition.pixel_mm2) {
    summary.lesion_cm2 = static_cast<double>(summary.lesion_pixels) * *pixel_mm2 / 100;
  }
  if (!network.summary.severity || lung_file.empty()) return summary;
  const auto lungs =
      read_xray_lungs(lung_file, lung_file, labels.size(0), labels.size(1), summary.warnings);
  measure_xray_lungs(
      labels,
      {network.summary.lungs, lungs, 0, network.lung_classes == 2, picture_left_of(image.path)},
      summary);
  const Severity& told = *network.summary.severity;
  if (distrusts_xray_lungs(told)) {
    withhold_xray_score(summary, told.reason);
    summary.warnings.clear();  // which tell of these lungs, too
  }
  return summary;
}

/// What the network's run says of the image itself holds for its corrections, too.
void take_over(CaseSummary& summary, const CaseSummary& network) {
  summary.typicality = network.typicality;
  for (const auto& warning : network.warnings) {
    if (ends_with(warning, kOutsideIsNotCounted) || ends_with(warning, kWithheldIsKeptBy)) {
      continue;  // of the network's mask
    }
    if (std::find(summary.warnings.begin(), summary.warnings.end(), warning) ==
        summary.warnings.end()) {
      summary.warnings.push_back(warning);
    }
  }
}

torch::Tensor sent_volume(const fs::path& sent, const VolumeInfo& image) {
  const LabelMap map = read_label_volume(sent);
  const auto& labels = map.labels;
  if (labels.size(0) != image.depth || labels.size(1) != image.height ||
      labels.size(2) != image.width) {
    fail(ErrorKind::data, "mask: is " + shape_text(labels) + ", expected the size of the image");
  }
  if (!same_geometry(map.geometry, image.geometry, kGridTolerance)) {
    const auto [own, wanted] = descriptions_apart(map.geometry, image.geometry);
    fail(ErrorKind::data,
         "mask: lies elsewhere in the patient (" + own + ") than the image (" + wanted + ")");
  }
  return labels;
}

torch::Tensor sent_picture(const fs::path& sent) {
  const auto labels = read_mask_picture(sent);
  const bool binary = ((labels == 0) | (labels == 255)).all().item<bool>();
  return binary ? (labels != 0).to(torch::kUInt8) : labels;
}

std::string export_name(const Work& work, const OrderedImage& image) {
  const auto stem = fs::path(work.order.at("version").at("stem").get<std::string>());
  return "image_" + std::to_string(image.number) + "_" +
         (work.order.at("version").at("kind") == "correction" ? "corrected" : "predicted");
}

/// Who made a mask, as DICOM objects name an algorithm (at most 64 characters): a run by its
/// folder, and never a network alone for what was corrected by hand.
std::string maker_name(const std::string& model, const std::string& kind) {
  const std::string after = kind == "correction" ? " (corrected by hand)" : "";
  return fs::path(model).filename().string().substr(0, 64 - after.size()) + after;
}

}  // namespace

fs::path write_dicom_object(const Work& work, const OrderedImage& image,
                            const std::string& format) {
  const auto& version = work.order.at("version");
  const VersionMeasures measures = read_measures(version.at("stem"));
  const auto labels = read_version_mask(version.at("mask").get<std::string>());
  DicomOutputs outputs = parse_dicom_outputs(format);
  outputs.maker.model = maker_name(measures.model.at("name"), version.at("kind"));
  outputs.maker.weights_sha256 = measures.model.at("weights_sha256");
  outputs.maker.caution = measures.model.at("caution");
  const auto& threshold = measures.model.at("threshold");
  outputs.maker.options =
      threshold.is_number() ? "threshold " + shortest(threshold.get<double>()) : "likeliest class";
  if (version.at("kind") == "correction") {
    outputs.maker.options += ", corrected by hand";
    outputs.maker.hand = DicomMaker::Hand::corrected;
  }
  set_to_now(outputs.maker);
  const CaseSummary& summary = measures.summary;
  std::unique_ptr<VolumeReader> series;  // which the objects read from until they are written
  std::shared_ptr<DicomCase> objects;
  if (image.volume) {
    series = open_volume(image.path, UnitsAsked::hu);
    objects = open_dicom_case(outputs, *series, summary, LungMaskMaker{});
    for (int64_t k = 0; k < labels.size(0); ++k) objects->add_slice(labels[k].contiguous());
  } else {
    objects = open_dicom_picture(outputs, image.path, read_picture(image.path), summary);
    objects->add_slice(labels.contiguous());
  }
  for (const auto& object : objects->write(work.folder(), export_name(work, image), summary)) {
    if (object.kind == format) return work.folder() / object.file;
  }
  fail(ErrorKind::internal, format + ": no object was written");
}

void do_measure(const Work& work) {
  const OrderedImage image = ordered_image(work.order.at("image"));
  const auto& version = work.order.at("version");
  const std::string stem = version.at("stem");
  const fs::path sent = work.text("sent");
  VersionMeasures network = read_measures(version.at("network_stem"));
  const auto classes = static_cast<int64_t>(class_names_of(network).size());
  VersionMeasures own = network;
  torch::Tensor labels;
  const bool resumed = !fs::exists(sent);  // a killed call had got beyond it
  if (image.volume) {
    const auto info = open_volume(image.path, units_of(network))->info();
    labels = resumed ? read_version_mask(stem + "_mask.nii.gz") : sent_volume(sent, info);
    check_labels(labels, classes);
    write_label_volume(stem + "_mask.nii.gz", {labels, info.geometry});
    own.summary =
        measured(image, labels, network, version.at("lungs").get<std::string>(), work.observer);
    own.summary.output = fs::path(stem).filename().string() + "_mask.nii.gz";
  } else {
    labels = resumed ? read_version_mask(stem + "_mask.png") : sent_picture(sent);
    check_labels(labels, classes);
    write_png(stem + "_mask.png", labels);
    own.summary = measured_picture(image, labels, network, version.at("lungs").get<std::string>());
    own.summary.output = fs::path(stem).filename().string() + "_mask.png";
  }
  take_over(own.summary, network.summary);
  write_measures_with_lesions(stem, own, image);
  fs::remove(sent);
  work.result({{"measured", true}});
}

void do_export(const Work& work) {
  const std::string format = work.text("format");
  fs::path file;
  if (format == "nnunet") {
    file = export_training_set(work);
  } else {
    const OrderedImage image = ordered_image(work.order.at("image"));
    const auto& version = work.order.at("version");
    const fs::path mask = version.at("mask").get<std::string>();
    const std::string name = export_name(work, image);
    if (format == "nifti") {
      file = work.folder() / (name + (image.volume ? "_mask.nii.gz" : "_mask.png"));
      write_file(file, read_file(mask));
    } else if (format == "png") {
      file = work.folder() / (name + "_overlay.png");
      write_png(file,
                overlay_of(image, read_version_mask(mask), read_measures(version.at("stem"))));
    } else {
      file = write_dicom_object(work, image, format);
    }
  }
  work.result({{"file", file.string()}});
}

void do_report(const Work& work) {
  const fs::path folder = work.folder() / "page";
  fs::remove_all(folder);
  make_folder(folder);
  if (work.order.at("versions").empty()) {
    fail(ErrorKind::data, "no image of the study has a mask that is ready; segment it first");
  }
  ordered_json summary;
  for (const auto& one : work.order.at("versions")) {
    const OrderedImage image = ordered_image(one.at("image"));
    VersionMeasures measures = read_measures(one.at("stem"));
    if (summary.is_null()) {
      const fs::path own = fs::path(one.at("network_stem").get<std::string>()).parent_path();
      summary = ordered_json::parse(read_file(own / "summary.json"));
      summary["cases"] = ordered_json::array();
    }
    const std::string name = "image_" + std::to_string(image.number) +
                             (one.at("kind") == "correction" ? "_corrected" : "");
    measures.summary.output = name + "_mask" + (image.volume ? ".nii.gz" : ".png");
    for (auto& warning : measures.summary.warnings) {  // that begin with the file's path
      const std::string path = measures.summary.input + ": ";
      if (warning.compare(0, path.size(), path) == 0) {
        warning = "image " + std::to_string(image.number) + ": " + warning.substr(path.size());
      }
    }
    const fs::path mask = one.at("mask").get<std::string>();
    write_file(folder / measures.summary.output, read_file(mask));
    write_png(folder / (name + "_overlay.png"),
              overlay_of(image, read_version_mask(mask), measures));
    summary["cases"].push_back(case_json(measures.summary));
  }
  summary["failed"] = ordered_json::array();
  summary["left_out"] = ordered_json::array();
  write_file(folder / "summary.json", json_text(summary, 1));
  const fs::path file = work.folder() / "report.html";
  write_file(file, predict_report_html(folder));
  work.result({{"file", file.string()}});
}

}  // namespace groundglass
