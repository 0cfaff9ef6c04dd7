#include "groundglass/predict/described_input.h"

#include <algorithm>
#include <map>
#include <set>

#include "groundglass/core/error.h"
#include "groundglass/core/folder_walk.h"
#include "groundglass/core/text.h"
#include "groundglass/data/prepared_set.h"
#include "groundglass/data/read_pair.h"
#include "groundglass/io/dicom_seg_reader.h"
#include "groundglass/io/dicom_slice.h"
#include "groundglass/io/dicom_sr_reader.h"
#include "groundglass/io/picture.h"
#include "groundglass/io/safetensors.h"
#include "groundglass/io/volume_reader.h"
#include "groundglass/predict/inputs.h"

namespace groundglass {
namespace fs = std::filesystem;
using nlohmann::ordered_json;
namespace {

ordered_json describe_picture(const fs::path& path) {
  const Image image = read_picture(path);
  const auto pixels = image.pixels.to(torch::kFloat32);
  return {{"kind", "picture"},
          {"size", {image.pixels.size(1), image.pixels.size(2)}},
          {"units", to_string(image.units)},
          {"white", image.white},
          {"range", {pixels.min().item<double>(), pixels.max().item<double>()}},
          {"warnings", image.warnings}};
}

ordered_json describe_volume(const fs::path& path) {
  const auto reader = open_volume(path);
  const VolumeInfo& info = reader->info();
  const auto middle = reader->read_slice(info.depth / 2).to(torch::kFloat32);
  return {{"kind", "volume"},
          {"format", info.format},
          {"size", {info.depth, info.height, info.width}},
          {"units", to_string(info.units)},
          {"geometry", describe(info.geometry)},
          {"spacing_mm", info.geometry.spacing_mm},
          {"origin_mm", info.geometry.origin_mm},
          {"middle_slice_range", {middle.min().item<double>(), middle.max().item<double>()}},
          {"warnings", info.warnings}};
}

ordered_json describe_segmentation(const fs::path& path) {
  const StoredSegmentation s = read_dicom_segmentation(path);
  const auto pixels = static_cast<std::ptrdiff_t>(s.rows * s.columns);
  auto segments = ordered_json::array();
  for (const auto& segment : s.segments) {
    int64_t frames = 0, voxels = 0;
    for (size_t f = 0; f < s.frames.size(); ++f) {
      if (s.frames[f].segment != segment.number) continue;
      const auto first = s.pixels.begin() + static_cast<std::ptrdiff_t>(f) * pixels;
      ++frames;
      voxels += std::count(first, first + pixels, uint8_t{1});
    }
    segments.push_back({{"number", segment.number},
                        {"label", segment.label},
                        {"category", segment.category},
                        {"type", segment.type},
                        {"frames", frames},
                        {"voxels", voxels}});
  }
  return {{"kind", "DICOM segmentation"},
          {"maker", s.maker},
          {"sop_instance_uid", s.sop_instance},
          {"source_series_uid", s.source_series},
          {"size", {s.frames.size(), s.rows, s.columns}},
          {"spacing_mm", s.of_picture
                             ? ordered_json(nullptr)
                             : ordered_json{s.spacing_mm[1], s.spacing_mm[0], s.slice_distance_mm}},
          {"segments", segments}};
}

ordered_json describe_report(const fs::path& path) {
  const StoredReport report = read_dicom_report(path);
  auto numbers = ordered_json::array();
  for (const auto& q : report.quantities) {
    numbers.push_back({{"group", q.group},
                       {"name", q.name},
                       {"derivation", q.derivation},
                       {"site", q.site},
                       {"value", q.value},
                       {"unit", q.unit}});
  }
  return {{"kind", "DICOM structured report"},
          {"title", report.title},
          {"template", report.template_id},
          {"maker", report.maker},
          {"sop_instance_uid", report.sop_instance},
          {"completion", report.completion},
          {"verification", report.verification},
          {"evidence_series_uids", report.source_series},
          {"numbers", numbers},
          {"remarks", report.remarks}};
}

ordered_json describe_prepared(const fs::path& path) {
  const PreparedSet set(path);
  set.verify();
  std::map<std::string, int64_t> domains, pixels;
  std::set<std::pair<std::string, std::string>> patients;
  for (const auto& row : set.rows()) {
    ++domains[row.domain];
    patients.insert({row.domain, row.patient});
  }
  for (int64_t row = 0; row < set.size(); ++row) {
    const auto counts = torch::bincount(set.mask(row).flatten().to(torch::kInt64), {}, 256);
    const auto values = counts.accessor<int64_t, 1>();
    for (int64_t value = 0; value < 256; ++value) {
      if (values[value] > 0) pixels[std::to_string(value)] += values[value];
    }
  }
  const auto& h = set.header();
  return {{"kind", "prepared set"},
          {"source", h.source},
          {"image", {h.channels, h.height, h.width}},
          {"slices", set.size()},
          {"patients", patients.size()},
          {"domains", domains},
          {"mask_values", h.classes},
          {"mask_pixels", pixels},
          {"preprocess", h.preprocess}};
}

ordered_json describe_weights(const fs::path& path) {
  const TensorArchive archive = read_safetensors(path);
  int64_t numbers = 0;
  for (const auto& [name, tensor] : archive.tensors) numbers += tensor.numel();
  ordered_json out = {
      {"kind", "weights"}, {"tensors", archive.tensors.size()}, {"numbers", numbers}};
  for (const auto& [key, text] : archive.metadata) {
    if (key != "training") out[key] = text;
  }
  return out;
}

ordered_json describe_dataset(const std::string& input, const DataOptions& options, int64_t threads,
                              Observer& observer) {
  const Dataset dataset = read_dataset(input, {options.mask});
  std::map<std::string, int64_t> domains;
  std::set<std::pair<std::string, std::string>> patients, cases;
  int64_t masks = 0;
  for (const auto& row : dataset.rows) {
    ++domains[row.domain];
    patients.insert({row.domain, row.patient});
    cases.insert({row.domain, row.case_id});
    masks += row.mask.empty() ? 0 : 1;
  }
  const auto problems = find_problems(dataset, options, UnitsAsked::as_stored, threads, observer);
  return {{"kind", "data set"},
          {"layout", word_of(dataset.layout)},
          {"images", dataset.rows.size()},
          {"masks", masks},
          {"mask_column", dataset.mask_column},
          {"cases", cases.size()},
          {"patients", patients.size()},
          {"domains", domains},
          {"warnings", dataset.warnings},
          {"problems", problems}};
}

/// A folder that is no data set: everything in it, and what cannot be read.
ordered_json describe_folder(const fs::path& folder) {
  auto files = ordered_json::array();
  std::vector<std::string> problems;
  const FoundInputs found = find_inputs(folder);
  for (const auto& input : found.inputs) {
    ordered_json entry = {{"input", input.path.string()}};
    try {
      entry.update(input.volume ? describe_volume(input.path) : describe_picture(input.path));
      files.push_back(std::move(entry));
    } catch (const Error& e) {
      problems.emplace_back(e.what());
    }
  }
  auto left_out = ordered_json::array();
  for (const auto& l : found.left_out) left_out.push_back(l.path.string() + ": " + l.why);
  if (files.size() == 1 && problems.empty() && left_out.empty()) return files[0];
  return {{"kind", "folder"}, {"inputs", files}, {"left_out", left_out}, {"problems", problems}};
}

}  // namespace

bool is_prepared_set(const fs::path& path) {
  return ends_with(path.string(), ".ggset");
}

ordered_json described_input(const std::string& input, const DataOptions& options, int64_t threads,
                             Observer& observer) {
  const fs::path path = input;
  if (!fs::exists(path)) fail(ErrorKind::data, input + ": no such file or folder");
  if (is_prepared_set(path)) return describe_prepared(path);
  if (is_dataset(path)) return describe_dataset(input, options, threads, observer);
  if (is_there(path / "weights.safetensors")) return describe_weights(path / "weights.safetensors");
  if (fs::is_directory(path)) return describe_folder(path);
  if (ends_with(input, ".safetensors")) return describe_weights(path);
  if (has_dicom_mark(path)) {
    const std::string object = dicom_object_kind(path);
    if (object == "SEG") return describe_segmentation(path);
    if (object == "SR") return describe_report(path);
  }
  const PredictInput found = find_inputs(path).inputs.front();
  return found.volume ? describe_volume(path) : describe_picture(path);
}

}  // namespace groundglass
