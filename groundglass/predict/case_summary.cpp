#include "groundglass/predict/case_summary.h"

#include <algorithm>
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
                       {"ml", optional_json(amount.ml)}});
  }
  return {{"input", c.input},
          {"output", c.output},
          {"modality", c.modality},
          {"size", c.size},
          {"lesion_pixels", c.lesion_pixels},
          {"lesion_fraction_of_lung", optional_json(c.lesion_fraction_of_lung)},
          {"lesion_ml", optional_json(c.lesion_ml)},
          {"lung_ml", optional_json(c.lung_ml)},
          {"top_slice", c.top_slice < 0 ? ordered_json(nullptr) : ordered_json(c.top_slice)},
          {"classes", classes},
          {"typicality", optional_json(c.typicality)},
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
  c.top_slice = j.at("top_slice").is_null() ? -1 : j.at("top_slice").get<int64_t>();
  c.typicality = optional_of(j.at("typicality"));
  c.warnings = j.at("warnings").get<std::vector<std::string>>();
  for (const auto& amount : j.at("classes")) {
    c.classes.push_back(
        {amount.at("class"), amount.at("name"), amount.at("pixels"), optional_of(amount.at("ml"))});
  }
  return c;
}

}  // namespace groundglass
