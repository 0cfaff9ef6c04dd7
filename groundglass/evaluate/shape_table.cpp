#include "groundglass/evaluate/shape_table.h"

#include <set>

#include "groundglass/core/json.h"
#include "groundglass/evaluate/table_cells.h"

namespace groundglass {
using nlohmann::ordered_json;
namespace {

ordered_json lesions_json(const LesionCounts& c) {
  return {{"reference", c.reference},
          {"found", c.found},
          {"predicted", c.predicted},
          {"false_positives", c.false_positives}};
}

void add_row(ordered_json& out, const MaskShapes& shapes, double tolerance_mm) {
  out["lesions"] = lesions_json(shapes.lesions);
  const ShapeRow row = shape_row(shapes, tolerance_mm);
  for (const auto& name : shape_names()) out[name] = optional_json(shape_score(row, name));
}

void add_means(ordered_json& out, const DomainShapes& d) {
  for (const auto& name : shape_names()) out[name] = optional_json(value_named(d.means, name));
  out["defined"] = d.defined;
}

void add_intervals(ordered_json& out, const DomainShapes& d) {
  out["lesion_sensitivity_pooled"] = interval_json(d.pooled_sensitivity);
  for (const auto& name : shape_names()) {
    out[name + "_mean"] = interval_json(value_named(d.intervals, name));
  }
}

ordered_json definitions(const ShapeOptions& options) {
  const auto& spacing = options.picture_spacing_mm;
  return {
      {"lesions",
       "connected pieces of the foreground: 8 neighbours in a picture, 26 in a volume; those of "
       "pictures are counted in each slice and added up over a case"},
      {"smallest_lesion", options.smallest_lesion},
      {"smallest_lesion_mm3", options.smallest_lesion_mm3},
      {"lesion_overlap", options.lesion_overlap},
      {"false_positives", "predicted lesions that touch no reference; mean: for each case"},
      {"hd95_mm",
       "larger of the two directed 95th percentiles (linear interpolation) between boundary "
       "voxels; null where a mask is empty or its pixels have no size in mm"},
      {"assd_mm", "mean over the boundary voxels of both masks"},
      {"surface_dice", "share of both boundaries within the tolerance; 0 where one is empty"},
      {"tolerance_mm", options.tolerance_mm},
      {"picture_spacing_mm", spacing.empty() ? ordered_json(nullptr) : ordered_json(spacing)}};
}

/// The cases of each patient, with their scores.
struct Patient {
  std::vector<ShapeRow> cases;
  LesionCounts lesions;
};

std::vector<Patient> patients_of(const std::vector<ScoredItem>& cases, double tolerance_mm) {
  std::map<std::pair<std::string, std::string>, Patient> groups;
  for (const auto& item : cases) {
    Patient& patient = groups[{item.domain, item.patient}];
    patient.cases.push_back(shape_row(*item.shapes, tolerance_mm));
    patient.lesions += item.shapes->lesions;
  }
  std::vector<Patient> patients;
  for (auto& [key, patient] : groups) patients.push_back(std::move(patient));
  return patients;
}

/// Mean of a score over the cases of the drawn patients, where it is defined.
struct Mean {
  double sum = 0;
  int64_t defined = 0;

  void add(const Patient& patient, const std::string& name) {
    for (const auto& row : patient.cases) {
      const auto value = shape_score(row, name);
      sum += value.value_or(0);
      defined += value.has_value();
    }
  }
  std::optional<double> value() const {
    if (defined == 0) return std::nullopt;
    return sum / static_cast<double>(defined);
  }
};

void average(DomainShapes& d, const std::vector<Patient>& patients,
             const BootstrapOptions& options) {
  const auto n = static_cast<int64_t>(patients.size());
  for (const auto& name : shape_names()) {
    Mean all;
    for (const auto& patient : patients) all.add(patient, name);
    d.defined[name] = all.defined;
    if (!all.value()) continue;
    d.means[name] = *all.value();
    const auto interval = bootstrap_interval(
        n,
        [&](const std::vector<int64_t>& drawn) {
          Mean mean;
          for (const int64_t i : drawn) mean.add(patients[static_cast<size_t>(i)], name);
          return mean.value();
        },
        options);
    if (interval) d.intervals[name] = *interval;
  }
  d.pooled_sensitivity = bootstrap_interval(
      n,
      [&](const std::vector<int64_t>& drawn) {
        LesionCounts sum;
        for (const int64_t i : drawn) sum += patients[static_cast<size_t>(i)].lesions;
        return lesion_sensitivity(sum);
      },
      options);
}

DomainShapes shapes_of(const std::string& name, const std::vector<ScoredItem>& items,
                       double tolerance_mm, const BootstrapOptions& options) {
  const auto cases = by_case(items);
  DomainShapes d;
  d.name = name;
  d.cases = static_cast<int64_t>(cases.size());
  for (const auto& item : cases) d.sum += *item.shapes;
  d.pooled = shape_row(d.sum, tolerance_mm);
  average(d, patients_of(cases, tolerance_mm), options);
  return d;
}

}  // namespace

std::vector<DomainShapes> domain_shapes(const std::vector<ScoredItem>& items, double tolerance_mm,
                                        const BootstrapOptions& options) {
  std::map<std::string, std::vector<ScoredItem>> parts;
  std::vector<ScoredItem> measured;
  for (const auto& item : items) {
    if (!item.shapes) continue;
    measured.push_back(item);
    parts[item.domain].push_back(item);
  }
  std::vector<DomainShapes> out = {shapes_of("all", measured, tolerance_mm, options)};
  if (parts.size() < 2) return out;
  for (const auto& [name, part] : parts) {
    out.push_back(shapes_of(name, part, tolerance_mm, options));
  }
  return out;
}

std::string distance_status(const ScoredItem& item) {
  if (!item.shapes || item.shapes->with_spacing == 0) return "no_spacing";
  if (item.shapes->measured > 0) return "ok";
  const CaseStatus status = case_status(item.counts);
  return status == CaseStatus::ok ? "never_both" : to_string(status);
}

void add_shapes(ordered_json& document, const std::vector<ScoredItem>& items,
                const ShapeOptions& shapes, const BootstrapOptions& options) {
  const auto cases = by_case(items);
  for (size_t i = 0; i < cases.size(); ++i) {
    if (!cases[i].shapes) continue;
    ordered_json& out = document["cases"][i];
    add_row(out, *cases[i].shapes, shapes.tolerance_mm);
    out["distance_status"] = distance_status(cases[i]);
    out["distance_masks"] = cases[i].shapes->measured;
  }
  const auto parts = domain_shapes(items, shapes.tolerance_mm, options);
  const auto add_part = [&](ordered_json& out, const DomainShapes& d) {
    add_row(out["pooled"], d.sum, shapes.tolerance_mm);
    add_means(out["mean"], d);
    add_intervals(out["interval95"], d);
  };
  add_part(document, parts.front());
  std::set<std::string> names;
  for (const auto& item : items) names.insert(item.domain);
  if (names.size() == 1) add_part(document["domains"][*names.begin()], parts.front());
  for (size_t i = 1; i < parts.size(); ++i) {
    add_part(document["domains"][parts[i].name], parts[i]);
  }
  document["definitions"] = definitions(shapes);
}

}  // namespace groundglass
