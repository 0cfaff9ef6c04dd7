#include "groundglass/report/predict_report.h"

#include <algorithm>
#include <set>

#include "groundglass/core/error.h"
#include "groundglass/core/files.h"
#include "groundglass/core/json_text.h"
#include "groundglass/core/text.h"
#include "groundglass/core/version.h"
#include "groundglass/io/pdf_document.h"
#include "groundglass/report/case_report.h"
#include "groundglass/report/html_page.h"
#include "groundglass/report/xray_report.h"

namespace groundglass {
namespace fs = std::filesystem;
using nlohmann::json;
namespace {

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
  return c["ml"].is_number() ? number_text(c["ml"], 1) + " ml"
                             : std::to_string(c["pixels"].get<int64_t>()) + " pixels";
}

/// "512 x 512", or "80 x 512 x 512".
std::string size_text(const json& size) {
  std::vector<std::string> words;
  for (const auto& n : size) words.push_back(std::to_string(n.get<int64_t>()));
  return joined(words, " x ");
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

/// The overlay and Grad-CAM pictures of a case that lie in the folder, with captions.
std::vector<std::pair<fs::path, std::string>> pictures_of(const fs::path& folder, const json& c) {
  const std::string name = case_name_of(c["output"]);
  std::vector<std::pair<fs::path, std::string>> found;
  for (const auto& [suffix, caption] :
       {std::pair{std::string("_overlay.png"), colours_of(classes_of(c))},
        std::pair{std::string("_gradcam.png"), std::string("Grad-CAM")}}) {
    fs::path path = folder / (name + suffix);
    if (!fs::exists(path)) path = folder / (unescaped_utf8(name) + suffix);
    if (fs::exists(path)) found.emplace_back(path, name + ": " + caption);
  }
  return found;
}

/// summary.json of a folder, with its cases in the order of a report: most lesion first.
struct Summary {
  json document;
  std::vector<json> cases;
};

Summary read_summary(const fs::path& folder) {
  const fs::path path = folder / "summary.json";
  if (!fs::exists(path)) {
    fail(ErrorKind::data, folder.string() +
                              ": holds no summary.json; expected a folder written by "
                              "`groundglass predict`, or a run folder");
  }
  Summary summary{json::parse(read_file(path), nullptr, false), {}};
  if (!summary.document.is_object()) fail(ErrorKind::data, path.string() + ": is damaged");
  summary.cases = summary.document["cases"];
  std::stable_sort(summary.cases.begin(), summary.cases.end(), [](const json& a, const json& b) {
    return a["lesion_pixels"].get<int64_t>() > b["lesion_pixels"].get<int64_t>();
  });
  return summary;
}

std::string title_of(const Summary& summary) {
  const size_t n = summary.cases.size();
  if (n == 1) return "Lung infection: " + case_name_of(summary.cases.front()["output"]);
  return "Lung infection: " + std::to_string(n) + " cases";
}

/// How the masks were made.
std::string made_by(const Summary& summary) {
  const json& d = summary.document;
  const std::string threshold = d["threshold"].is_null()
                                    ? "no threshold (the likeliest class wins)"
                                    : "threshold " + number_text(d["threshold"], 2);
  return "Model " + d.value("model", "") + " (SHA-256 " +
         d.value("weights_sha256", "").substr(0, 16) + "...), " + threshold + ", " +
         d.value("precision", "") + ", " + human_seconds(d.value("seconds", 0.0)) + ".";
}

void add_failures(HtmlPage& page, const Summary& summary) {
  const json failed = summary.document.value("failed", json::array());
  if (failed.empty()) return;
  page.heading("Not segmented");
  for (const auto& f : failed) page.paragraph(f["problem"]);
}

/// One line for each case; columns in which nobody has a number are left out.
void add_overview(HtmlPage& page, const Summary& summary) {
  std::vector<std::string> head = {"case",      "kind",       "size",     "lesion pixels",
                                   "lesion ml", "lesion cm2", "lungs ml", "share of the lungs"};
  std::vector<std::vector<std::string>> rows;
  for (const auto& c : summary.cases) {
    rows.push_back({case_name_of(c["output"]), c["modality"], size_text(c["size"]),
                    std::to_string(c["lesion_pixels"].get<int64_t>()),
                    number_text(c["lesion_ml"], 1), number_text(c.value("lesion_cm2", json()), 1),
                    number_text(c["lung_ml"], 0),
                    number_text(c["lesion_fraction_of_lung"], 1, 100) +
                        (c["lesion_fraction_of_lung"].is_number() ? " %" : "")});
    for (const auto& k : classes_of(c)) rows.back().push_back(amount_text(k));
  }
  for (const auto& k : classes_of(summary.cases.front())) head.push_back(k["name"]);
  constexpr size_t kFirstNumber = 4, kNumbers = 4;
  for (size_t column = kFirstNumber + kNumbers; column-- > kFirstNumber;) {
    const auto none = [&](const auto& row) { return row[column] == "n/a"; };
    if (!std::all_of(rows.begin(), rows.end(), none)) continue;
    const auto at = static_cast<std::ptrdiff_t>(column);
    head.erase(head.begin() + at);
    for (auto& row : rows) row.erase(row.begin() + at);
  }
  page.table(head, rows);
  page.paragraph(
      "Millilitres exist for images in Hounsfield units only; shares for these and, of "
      "the area, for X-rays whose lungs are known." +
      lungs_text(summary.cases));
}

/// The severity of X-rays whose lungs are known, a line each, with what the points mean.
void add_xray_severity(HtmlPage& page, const Summary& summary) {
  std::vector<std::vector<std::string>> rows;
  std::set<std::string> notes;
  for (const auto& c : summary.cases) {
    const json severity = c.value("severity", json());
    if (is_volume_case(c) || !severity.is_object()) continue;
    std::vector<std::string> row = {case_name_of(c["output"]),
                                    number_text(c["lesion_fraction_of_lung"], 1, 100)};
    for (const auto& region : severity["regions"]) {
      const auto infected = region["infected_voxels"].get<double>();
      const auto pixels = region["voxels"].get<double>();
      row.push_back(pixels > 0 ? fixed(100 * infected / pixels, 1) : "n/a");
      row.push_back(number_text(region["points"], 0));
    }
    row.push_back(severity["score"].is_number() ? number_text(severity["score"], 0) + " of " +
                                                      number_text(severity["most"], 0)
                                                : "none: " + severity["reason"].get<std::string>());
    rows.push_back(row);
    notes.insert(severity.value("definition", ""));
    if (severity["note"].is_string()) notes.insert(severity["note"].get<std::string>());
  }
  if (rows.empty()) return;
  page.heading("Severity of X-rays");
  page.table(
      {"X-ray", "lungs infected, %", "right lung, %", "points", "left lung, %", "points", "score"},
      rows);
  for (const auto& note : notes) page.paragraph(note);
}

void add_case(HtmlPage& page, const CaseReport& report) {
  page.heading(report.name);
  for (const auto& warning : report.warnings) page.warning(warning);
  for (const auto& fact : report.facts) page.paragraph(fact);
  for (const auto& row : report.pictures) {
    page.begin_row();
    for (const auto& picture : row) page.picture(picture.png, picture.caption);
    page.end_row();
  }
  for (const auto& table : report.tables) {
    page.paragraph(table.title + ".");
    page.table(table.head, table.rows);
    if (!table.note.empty()) page.paragraph(table.note);
  }
}

/// The cases that get a section of their own, largest lesion first: volumes and X-rays.
std::vector<CaseReport> case_reports(const fs::path& folder, const Summary& summary) {
  constexpr size_t kMost = 6;
  std::vector<CaseReport> reports;
  for (const auto& c : summary.cases) {
    if (reports.size() == kMost) break;
    if (!is_volume_case(c) && !is_xray_case(c)) continue;
    const fs::path mask = folder / c["output"].get<std::string>();
    if (fs::exists(mask)) reports.push_back(case_report(folder, c));
  }
  return reports;
}

bool is_reported(const std::vector<CaseReport>& reports, const json& c) {
  return std::any_of(reports.begin(), reports.end(),
                     [&](const auto& r) { return r.name == case_name_of(c["output"]); });
}

/// Whether one of the cases was held against an earlier study; said at the end where none was.
std::string compared_text(const Summary& summary) {
  const bool any = std::any_of(summary.cases.begin(), summary.cases.end(),
                               [](const json& c) { return c.value("change", json()).is_object(); });
  return any ? "" : "No earlier study was compared.";
}

/// The caution of the model, and the warnings of cases that have no section, which come before
/// everything else.
void add_cautions(HtmlPage& page, const Summary& summary, const std::vector<CaseReport>& reports) {
  const std::string caution = summary.document.value("caution", "");
  if (!caution.empty()) page.warning("the model " + caution);
  std::vector<std::string> warnings;
  for (const auto& c : summary.cases) {
    if (is_reported(reports, c)) continue;
    for (const auto& w : c["warnings"]) warnings.push_back(w);
  }
  if (warnings.size() == 1) page.warning(warnings.front());
  if (warnings.size() > 1) {
    page.folded(std::to_string(warnings.size()) + " warnings", joined(warnings, "\n"));
  }
}

void add_case(PdfDocument& pdf, const CaseReport& report) {
  pdf.add_line(report.name, 13);
  for (const auto& warning : report.warnings) pdf.add_line("Warning: " + warning);
  for (const auto& fact : report.facts) pdf.add_line(fact);
  for (const auto& row : report.pictures) {
    std::vector<const std::vector<uint8_t>*> beside;
    std::vector<std::string> captions;
    for (const auto& picture : row) {
      beside.push_back(&picture.rgb);
      captions.push_back(picture.caption);
    }
    pdf.add_pictures(beside, row.front().rows, row.front().columns);
    pdf.add_line(joined(captions, "; "), 8);
  }
  for (const auto& table : report.tables) {
    pdf.add_table(table.title + ".", table.head, table.rows);
    if (!table.note.empty()) pdf.add_line(table.note, 8);
  }
}

}  // namespace

std::string predict_report_html(const fs::path& folder, int64_t pictures) {
  const Summary summary = read_summary(folder);
  HtmlPage page(title_of(summary));
  const auto reports = case_reports(folder, summary);
  add_cautions(page, summary, reports);
  add_failures(page, summary);
  if (summary.cases.size() > 1 || (reports.empty() && !summary.cases.empty())) {
    add_overview(page, summary);
    add_xray_severity(page, summary);
  }
  for (const auto& report : reports) add_case(page, report);
  bool headed = false;
  for (size_t i = 0; i < summary.cases.size() && static_cast<int64_t>(i) < pictures; ++i) {
    const json& c = summary.cases[i];
    for (const auto& [path, caption] : pictures_of(folder, c)) {
      // a section shows its mask itself
      const bool shown = is_reported(reports, c) && !is_volume_case(c);
      if (shown && path.string().ends_with("_overlay.png")) continue;
      if (!headed) page.heading("Pictures");
      headed = true;
      page.picture(read_file(path), caption);
    }
  }
  page.heading("How it was made");
  page.paragraph(made_by(summary));
  const std::string compared = compared_text(summary);
  if (!reports.empty() && !compared.empty()) page.paragraph(compared);
  return page.text();
}

std::string predict_report_pdf(const fs::path& folder) {
  const Summary summary = read_summary(folder);
  const auto reports = case_reports(folder, summary);
  if (reports.empty()) {
    fail(ErrorKind::data, folder.string() +
                              ": holds no mask of a volume or X-ray, of which alone a PDF is made; "
                              "expected CT volumes or chest X-rays, or write an .html page");
  }
  PdfDocument pdf;
  pdf.add_line(title_of(summary), 16);
  pdf.add_line(kNotAMedicalDevice);
  const std::string caution = summary.document.value("caution", "");
  if (!caution.empty()) pdf.add_line("Warning: the model " + caution);
  for (const auto& f : summary.document.value("failed", json::array())) {
    pdf.add_line("Not segmented: " + f["problem"].get<std::string>());
  }
  for (const auto& report : reports) add_case(pdf, report);
  const size_t more = summary.cases.size() - reports.size();
  if (more > 0) {
    pdf.add_line(std::to_string(more) + " more " + (more == 1 ? "case is" : "cases are") +
                 " in summary.json and on the .html page alone.");
  }
  pdf.add_line(std::string("How it was made: ") + made_by(summary) + " " + compared_text(summary),
               8);
  pdf.add_line("GroundGlass " + version() + ", commit " + commit() + ".", 8);
  return pdf.finish();
}

}  // namespace groundglass
