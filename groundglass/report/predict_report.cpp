#include "groundglass/report/predict_report.h"

#include <algorithm>
#include <set>

#include <nlohmann/json.hpp>

#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/core/text.h"
#include "groundglass/report/html_page.h"

namespace groundglass {
namespace fs = std::filesystem;
using nlohmann::json;
namespace {

std::string number(const json& value, int digits, double factor = 1) {
  return value.is_number() ? fixed(factor * value.get<double>(), digits) : "n/a";
}

/// "case_000" for "case_000_mask.nii.gz".
std::string stem_of(const std::string& output) {
  const size_t at = output.rfind("_mask.");
  return at == std::string::npos ? output : output.substr(0, at);
}

/// The classes that a network tells apart, by number; none for networks of one class.
std::vector<json> classes_of(const json& summary_case) {
  return summary_case.value("classes", json::array());
}

/// How overlays show the classes: "ground glass in red, consolidation in yellow".
std::string colours_of(const std::vector<json>& classes) {
  const std::vector<std::string> words = {"red", "yellow", "blue", "green"};
  std::vector<std::string> parts;
  for (const auto& c : classes) {
    const auto label = std::clamp<int64_t>(c["class"].get<int64_t>(), 1, 4);
    parts.push_back(c["name"].get<std::string>() + " in " + words[static_cast<size_t>(label - 1)]);
  }
  return parts.empty() ? "prediction in red" : joined(parts, ", ");
}

/// "1234 pixels", or "5.6 ml" where the file has a scale.
std::string amount_text(const json& c) {
  return c["ml"].is_number() ? number(c["ml"], 1) + " ml"
                             : std::to_string(c["pixels"].get<int64_t>()) + " pixels";
}

/// Who found the lungs that the shares are of.
std::string lungs_text(const std::vector<json>& cases) {
  std::set<std::string> sources;
  for (const auto& c : cases) {
    const json lungs = c.value("lungs", json());
    if (lungs.is_string()) sources.insert(lungs.get<std::string>());
  }
  std::vector<std::string> words;
  for (const auto& source : sources) {
    words.push_back(source == "threshold" ? "a threshold and morphology" : source);
  }
  return words.empty() ? "" : " Lungs are found by " + joined(words, " or ") + ".";
}

void add_pictures(HtmlPage& page, const fs::path& folder, const std::string& stem,
                  const std::string& colours) {
  for (const auto& [suffix, caption] :
       {std::pair{std::string("_overlay.png"), colours},
        std::pair{std::string("_gradcam.png"), std::string("Grad-CAM")}}) {
    const fs::path path = folder / (stem + suffix);
    if (fs::exists(path)) page.picture(read_file(path), stem + ": " + caption);
  }
}

}  // namespace

std::string predict_report_html(const fs::path& folder, int64_t pictures) {
  const fs::path path = folder / "summary.json";
  if (!fs::exists(path)) {
    fail(ErrorKind::data, folder.string() +
                              ": holds no summary.json; expected a folder written by "
                              "`groundglass predict`, or a run folder");
  }
  const json summary = json::parse(read_file(path), nullptr, false);
  if (!summary.is_object()) fail(ErrorKind::data, path.string() + ": is damaged");

  HtmlPage page("Lung infection: " + std::to_string(summary["cases"].size()) + " case" +
                (summary["cases"].size() == 1 ? "" : "s"));
  const std::string threshold = summary["threshold"].is_null()
                                    ? "no threshold (the likeliest class wins)"
                                    : "threshold " + number(summary["threshold"], 2);
  page.paragraph("Model " + summary.value("model", "") + " (SHA-256 " +
                 summary.value("weights_sha256", "").substr(0, 16) + "...), " + threshold + ", " +
                 summary.value("precision", "") + ", " +
                 human_seconds(summary.value("seconds", 0.0)) + ".");
  std::vector<json> cases = summary["cases"];
  std::stable_sort(cases.begin(), cases.end(), [](const json& a, const json& b) {
    return a["lesion_pixels"].get<int64_t>() > b["lesion_pixels"].get<int64_t>();
  });
  std::vector<std::vector<std::string>> rows;
  std::vector<std::string> warnings;
  for (const auto& c : cases) {
    rows.push_back({stem_of(c["output"]), c["modality"], c["size"].dump(),
                    std::to_string(c["lesion_pixels"].get<int64_t>()), number(c["lesion_ml"], 1),
                    number(c["lung_ml"], 0),
                    number(c["lesion_fraction_of_lung"], 1, 100) +
                        (c["lesion_fraction_of_lung"].is_number() ? " %" : "")});
    for (const auto& k : classes_of(c)) rows.back().push_back(amount_text(k));
    for (const auto& w : c["warnings"]) warnings.push_back(w);
  }
  std::vector<std::string> head = {
      "case", "kind", "size", "lesion pixels", "lesion ml", "lungs ml", "share of the lungs"};
  const auto classes = cases.empty() ? std::vector<json>() : classes_of(cases.front());
  for (const auto& k : classes) head.push_back(k["name"]);
  page.table(head, rows);
  page.paragraph("Millilitres and shares exist for images in Hounsfield units only." +
                 lungs_text(cases));
  if (!warnings.empty())
    page.folded(std::to_string(warnings.size()) + " warnings", joined(warnings, "\n"));
  page.heading("Pictures");
  for (size_t i = 0; i < cases.size() && static_cast<int64_t>(i) < pictures; ++i) {
    add_pictures(page, folder, stem_of(cases[i]["output"]), colours_of(classes));
  }
  return page.text();
}

}  // namespace groundglass
