#include "groundglass/predict/case_summary.h"

#include <algorithm>
#include <cmath>
#include <iomanip>
#include <sstream>

#include "groundglass/core/json.h"
#include "groundglass/core/task.h"

namespace groundglass {
using nlohmann::ordered_json;
namespace {

std::optional<double> optional_of(const ordered_json& value) {
  return value.is_null() ? std::nullopt : std::optional<double>(value.get<double>());
}

ordered_json attenuation_json(const std::optional<Attenuation>& a) {
  if (!a) return nullptr;
  return {{"mean_hu", a->mean_hu}, {"deviation_hu", a->deviation_hu}};
}

std::optional<Attenuation> attenuation_of(const ordered_json& j) {
  if (j.is_null()) return std::nullopt;
  return Attenuation{j.at("mean_hu"), j.at("deviation_hu")};
}

ordered_json whole_json(const std::optional<int>& value) {
  return value ? ordered_json(*value) : ordered_json(nullptr);
}

std::optional<int> whole_of(const ordered_json& j) {
  return j.is_null() ? std::nullopt : std::optional<int>(j.get<int>());
}

ordered_json severity_json(const std::optional<Severity>& severity) {
  if (!severity) return nullptr;
  auto regions = ordered_json::array();
  for (const auto& r : severity->regions) {
    regions.push_back({{"region", r.region},
                       {"infected_voxels", r.count.infected},
                       {"voxels", r.count.voxels},
                       {"points", whole_json(r.points)},
                       {"lesion_mean_hu", optional_json(r.lesion_mean_hu)}});
  }
  return {
      {"scale", severity->scale},
      {"score", whole_json(severity->score)},
      {"most", severity->most},
      {"reason", severity->reason.empty() ? ordered_json(nullptr) : ordered_json(severity->reason)},
      {"regions", regions},
      {"definition", definition_of_points(severity->scale)},
      {"note", severity->note.empty() ? ordered_json(nullptr) : ordered_json(severity->note)}};
}

std::optional<Severity> severity_of(const ordered_json& j) {
  if (j.is_null()) return std::nullopt;
  Severity s{j.at("scale"), whole_of(j.at("score")), j.at("most"), {}, {}};
  if (!j.at("reason").is_null()) s.reason = j.at("reason");
  if (const auto note = j.value("note", ordered_json()); note.is_string()) s.note = note;
  for (const auto& r : j.at("regions")) {
    s.regions.push_back({r.at("region"),
                         {r.at("infected_voxels"), r.at("voxels")},
                         whole_of(r.at("points")),
                         optional_of(r.value("lesion_mean_hu", ordered_json())),
                         optional_of(r.value("ml", ordered_json())),
                         optional_of(r.value("mean_hu", ordered_json()))});
  }
  return s;
}

ordered_json lobes_json(const CaseSummary& c) {
  if (!c.lobes) return nullptr;
  ordered_json all = {{"from", c.lobes_from}};
  all.update(severity_json(c.lobes));
  for (size_t i = 0; i < c.lobes->regions.size(); ++i) {
    const RegionSeverity& r = c.lobes->regions[i];
    auto& region = all["regions"][i];
    const bool there = r.ml && r.count.voxels > 0;
    const double share =
        there ? static_cast<double>(r.count.infected) / static_cast<double>(r.count.voxels) : 0;
    region["ml"] = optional_json(r.ml);
    region["infected_ml"] = there ? ordered_json(share * *r.ml) : ordered_json(nullptr);
    region["infected_share"] = there ? ordered_json(share) : ordered_json(nullptr);
    region["mean_hu"] = optional_json(r.mean_hu);
  }
  return all;
}

ordered_json objects_json(const std::vector<DicomObject>& objects) {
  auto all = ordered_json::array();
  for (const auto& o : objects) {
    all.push_back({{"kind", o.kind},
                   {"file", o.file},
                   {"sop_class_uid", o.sop_class},
                   {"sop_instance_uid", o.sop_instance},
                   {"series_instance_uid", o.series},
                   {"sha256", o.sha256}});
  }
  return all;
}

std::vector<DicomObject> objects_of(const ordered_json& j) {
  std::vector<DicomObject> objects;
  for (const auto& o : j) {
    objects.push_back({o.at("kind"), o.at("file"), o.at("sop_class_uid"), o.at("sop_instance_uid"),
                       o.at("series_instance_uid"), o.at("sha256")});
  }
  return objects;
}

ordered_json word_json(const std::string& word) {
  return word.empty() ? ordered_json(nullptr) : ordered_json(word);
}

ordered_json acquisition_json(const Acquisition& a) {
  return {{"slice_spacing_mm", optional_json(a.slice_spacing_mm)},
          {"convolution_kernel", word_json(a.kernel)},
          {"manufacturer", word_json(a.manufacturer)},
          {"pixel_mm2", optional_json(a.pixel_mm2)},
          {"pixel_from", word_json(a.pixel_from)},
          {"source_uid", word_json(a.source_uid)}};
}

Acquisition acquisition_of(const ordered_json& j) {
  const auto word = [&](const char* key) {
    return j.at(key).is_null() ? "" : j.at(key).get<std::string>();
  };
  return {optional_of(j.at("slice_spacing_mm")), word("convolution_kernel"), word("manufacturer"),
          optional_of(j.at("pixel_mm2")),        word("pixel_from"),         word("source_uid")};
}

ordered_json by_hu_json(const std::optional<SplitByHu>& parts) {
  if (!parts) return nullptr;
  return {{"split_hu", parts->split_hu},
          {"below_ml", parts->below_ml},
          {"from_there_ml", parts->from_there_ml},
          {"note", "a threshold, not a reading"}};
}

std::optional<SplitByHu> by_hu_of(const ordered_json& j) {
  if (!j.is_object()) return std::nullopt;
  return SplitByHu{j.at("split_hu"), j.at("below_ml"), j.at("from_there_ml")};
}

ordered_json dropped_json(const CaseSummary& c) {
  if (c.kept_near.empty()) return nullptr;
  return {
      {"lungs", c.kept_near}, {"pixels", c.dropped_pixels}, {"ml", optional_json(c.dropped_ml)}};
}

void take_dropped(const ordered_json& j, CaseSummary& c) {
  if (!j.is_object()) return;
  c.kept_near = j.at("lungs");
  c.dropped_pixels = j.at("pixels");
  c.dropped_ml = optional_of(j.at("ml"));
}

}  // namespace

int64_t CaseSummary::add(const torch::Tensor& labels) {
  for (auto& amount : classes) amount.pixels += (labels == amount.label).sum().item<int64_t>();
  const auto lesion = (labels != 0).sum().item<int64_t>();
  lesion_pixels += lesion;
  return lesion;
}

void CaseSummary::take_typicality(std::vector<double> slices, const std::string& model_name) {
  const auto middle = slices.begin() + static_cast<std::ptrdiff_t>(slices.size() / 2);
  std::nth_element(slices.begin(), middle, slices.end());
  typicality = *middle;
  if (*middle <= 1) return;
  std::ostringstream text;
  text << input << ": looks unlike what " << model_name << " was trained on ("
       << std::setprecision(2) << *middle
       << " times the limit); its mask may mean nothing: is it the right model, and a chest?";
  warnings.push_back(text.str());
}

void CaseSummary::warn_of_dropped() {
  constexpr double kMuch = 0.2;  // of all that was marked
  const double marked = static_cast<double>(lesion_pixels + dropped_pixels);
  if (dropped_pixels == 0 || static_cast<double>(dropped_pixels) <= kMuch * marked) return;
  std::ostringstream text;
  text << input << ": " << std::lround(100 * static_cast<double>(dropped_pixels) / marked)
       << " % of what was marked (";
  if (dropped_ml) {
    text << std::fixed << std::setprecision(1) << *dropped_ml << " ml";
  } else {
    text << dropped_pixels << " pixels";
  }
  text << ") lies outside the lungs that " << kept_near
       << " found and was left out; --outside-lungs keep keeps it";
  warnings.push_back(text.str());
}

void CaseSummary::warn_of_detection() {
  if (!detection) return;
  const std::string text = detection_warning(*detection, {lesion_pixels, size.at(0) * size.at(1)});
  if (!text.empty()) warnings.push_back(input + ": " + text);
}

std::vector<ClassAmount> class_amounts(int64_t classes, const std::vector<std::string>& names) {
  std::vector<ClassAmount> amounts;
  for (int64_t label = 1; classes > 1 && label <= classes; ++label) {
    amounts.push_back({label, class_name(names, label), 0, {}});
  }
  return amounts;
}

std::vector<std::string> legend_of(const std::vector<ClassAmount>& amounts) {
  std::vector<std::string> names;
  for (const auto& amount : amounts) names.push_back(amount.name);
  return names;
}

ordered_json case_json(const CaseSummary& c) {
  auto classes = ordered_json::array();
  for (const auto& amount : c.classes) {
    classes.push_back({{"class", amount.label},
                       {"name", amount.name},
                       {"pixels", amount.pixels},
                       {"ml", optional_json(amount.ml)},
                       {"attenuation", attenuation_json(amount.attenuation)}});
  }
  return {{"input", c.input},
          {"output", c.output},
          {"modality", c.modality},
          {"size", c.size},
          {"lesion_pixels", c.lesion_pixels},
          {"lesion_fraction_of_lung", optional_json(c.lesion_fraction_of_lung)},
          {"lesion_ml", optional_json(c.lesion_ml)},
          {"lesion_cm2", optional_json(c.lesion_cm2)},
          {"lung_ml", optional_json(c.lung_ml)},
          {"lungs", c.lungs.empty() ? ordered_json(nullptr) : ordered_json(c.lungs)},
          {"right_lung_ml", optional_json(c.right_lung_ml)},
          {"left_lung_ml", optional_json(c.left_lung_ml)},
          {"lesion_outside_lungs_ml", optional_json(c.lesion_outside_lungs_ml)},
          {"left_out_outside_lungs", dropped_json(c)},
          {"detector", c.detection ? detection_json(*c.detection) : ordered_json(nullptr)},
          {"top_slice", c.top_slice < 0 ? ordered_json(nullptr) : ordered_json(c.top_slice)},
          {"classes", classes},
          {"typicality", optional_json(c.typicality)},
          {"attenuation", attenuation_json(c.attenuation)},
          {"by_hu", by_hu_json(c.by_hu)},
          {"severity", severity_json(c.severity)},
          {"acquisition", acquisition_json(c.acquisition)},
          {"lobes", lobes_json(c)},
          {"dicom_objects", objects_json(c.objects)},
          {"warnings", c.warnings}};
}

CaseSummary case_summary_of(const ordered_json& j) {
  CaseSummary c;
  c.input = j.at("input");
  c.output = j.at("output");
  c.modality = j.at("modality");
  c.size = j.at("size").get<std::vector<int64_t>>();
  c.lesion_pixels = j.at("lesion_pixels");
  c.lesion_fraction_of_lung = optional_of(j.at("lesion_fraction_of_lung"));
  c.lesion_ml = optional_of(j.at("lesion_ml"));
  c.lung_ml = optional_of(j.at("lung_ml"));
  if (!j.at("lungs").is_null()) c.lungs = j.at("lungs");
  c.right_lung_ml = optional_of(j.at("right_lung_ml"));
  c.left_lung_ml = optional_of(j.at("left_lung_ml"));
  c.lesion_outside_lungs_ml = optional_of(j.at("lesion_outside_lungs_ml"));
  take_dropped(j.value("left_out_outside_lungs", ordered_json()), c);
  if (const auto found = j.value("detector", ordered_json()); found.is_object()) {
    c.detection = detection_of(found);
  }
  c.top_slice = j.at("top_slice").is_null() ? -1 : j.at("top_slice").get<int64_t>();
  c.typicality = optional_of(j.at("typicality"));
  c.attenuation = attenuation_of(j.at("attenuation"));
  c.by_hu = by_hu_of(j.value("by_hu", ordered_json()));
  c.severity = severity_of(j.at("severity"));
  if (const auto lobes = j.value("lobes", ordered_json()); !lobes.is_null()) {
    c.lobes = severity_of(lobes);
    c.lobes_from = lobes.at("from");
  }
  c.objects = objects_of(j.at("dicom_objects"));
  if (j.contains("lesion_cm2")) c.lesion_cm2 = optional_of(j["lesion_cm2"]);
  if (j.contains("acquisition")) c.acquisition = acquisition_of(j["acquisition"]);
  c.warnings = j.at("warnings").get<std::vector<std::string>>();
  for (const auto& amount : j.at("classes")) {
    c.classes.push_back({amount.at("class"), amount.at("name"), amount.at("pixels"),
                         optional_of(amount.at("ml")), attenuation_of(amount.at("attenuation"))});
  }
  return c;
}

}  // namespace groundglass
