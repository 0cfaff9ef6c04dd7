#include "groundglass/report/run_report.h"

#include <algorithm>

#include "groundglass/core/text.h"
#include "groundglass/evaluate/class_section.h"
#include "groundglass/io/picture.h"
#include "groundglass/report/figure.h"
#include "groundglass/report/html_page.h"

namespace groundglass {
namespace {

std::string cell(const std::optional<double>& value) {
  return value ? fixed(*value, 4) : "n/a";
}

std::string cell(const std::optional<Interval>& interval) {
  return interval ? fixed(interval->low, 3) + " to " + fixed(interval->high, 3) : "n/a";
}

void add_fold_table(HtmlPage& page, const RunReport& report) {
  std::vector<std::string> head = {"fold", "best epoch", "threshold", "test slices"};
  head.insert(head.end(), score_names().begin(), score_names().end());
  std::vector<std::vector<std::string>> rows;
  std::map<std::string, std::vector<double>> values;
  for (const auto& fold : report.folds) {
    if (fold.scores.items.empty()) continue;
    const ScoreRow pooled = pooled_scores(fold.scores.items);
    std::vector<std::string> cells = {fold.name, std::to_string(fold.scores.best_epoch),
                                      threshold_text(fold.scores),
                                      std::to_string(fold.scores.items.size())};
    for (const auto& name : score_names()) {
      const auto value = score(pooled, name);
      cells.push_back(cell(value));
      if (value) values[name].push_back(*value);
    }
    rows.push_back(std::move(cells));
  }
  if (rows.empty()) return;
  if (rows.size() > 1) {
    std::vector<std::string> cells = {"mean +- sd", "", "", ""};
    for (const auto& name : score_names()) {
      const auto m = mean_and_deviation(values[name]);
      cells.push_back(fixed(m.mean, 4) + " +- " + fixed(m.deviation, 4));
    }
    rows.push_back(std::move(cells));
  }
  page.heading("Test scores");
  page.paragraph(
      "Pooled over the pixels of the test slices, on the network's grid. Soft scores are "
      "of unthresholded probabilities.");
  page.table(head, rows);
}

void add_domain_table(HtmlPage& page, const RunReport& report) {
  std::vector<ScoredItem> items;
  std::map<std::string, bool> seen;
  for (const auto& fold : report.folds) {
    for (const auto& item : fold.scores.items) {
      if (!seen.emplace(item.id, true).second) continue;
      items.push_back(item);
    }
  }
  if (items.empty()) return;
  std::vector<std::vector<std::string>> rows;
  for (const auto& d : domain_scores(items)) {
    const auto mean = d.means.scores.find("dice");
    std::vector<std::string> statuses;
    for (const auto& [status, n] : d.means.status) {
      statuses.push_back(std::to_string(n) + " " + status);
    }
    rows.push_back({d.name, std::to_string(d.items), std::to_string(d.means.cases),
                    std::to_string(d.intervals.patients), cell(d.pooled.soft_dice),
                    cell(d.pooled.dice), cell(d.intervals.pooled), cell(d.pooled.precision),
                    cell(d.pooled.sensitivity),
                    mean == d.means.scores.end() ? "n/a" : fixed(mean->second.mean, 4),
                    cell(d.intervals.case_mean), joined(statuses, ", ")});
  }
  page.heading("Domains and cases");
  page.paragraph("95 % intervals are bootstrapped over patients.");
  page.table({"domain", "slices", "cases", "patients", "soft Dice", "Dice", "95 %", "precision",
              "sensitivity", "mean Dice of cases", "95 %", "cases"},
             rows);
}

/// A row for each class of a network that tells several apart.
void add_class_table(HtmlPage& page, const RunReport& report) {
  std::vector<FoldScores> folds;
  for (const auto& fold : report.folds) {
    if (!fold.scores.items.empty()) folds.push_back(fold.scores);
  }
  std::vector<std::vector<std::string>> rows;
  for (const auto& c : class_rows(folds, report.class_names)) {
    const DomainScores d = domain_scores(c.items).front();
    std::vector<std::string> of_folds;
    for (const auto& value : c.dice_of_fold) of_folds.push_back(cell(value));
    rows.push_back({c.name, joined(of_folds, ", "), cell(d.pooled.dice), cell(d.intervals.pooled),
                    cell(d.pooled.precision), cell(d.pooled.sensitivity)});
  }
  if (rows.empty()) return;
  page.heading("Classes");
  page.paragraph("Each class against all else; the likeliest wins, so no threshold applies.");
  page.table({"class", "Dice of the folds", "Dice", "95 %", "precision", "sensitivity"}, rows);
}

}  // namespace

std::vector<std::pair<std::string, const ScoredItem*>> telling_items(
    const std::vector<ScoredItem>& items) {
  std::vector<std::pair<double, const ScoredItem*>> ranked;
  for (const auto& item : items) {
    if (item.counts.tp + item.counts.fn > 0) ranked.emplace_back(*dice(item.counts), &item);
  }
  if (ranked.empty()) return {};
  std::sort(ranked.begin(), ranked.end(), [](auto& a, auto& b) { return a.first > b.first; });
  return {{"best", ranked.front().second},
          {"median", ranked[ranked.size() / 2].second},
          {"worst", ranked.back().second}};
}

std::string run_report_html(const RunReport& report) {
  HtmlPage page(report.title);
  add_fold_table(page, report);
  add_domain_table(page, report);
  add_class_table(page, report);
  for (const auto& fold : report.folds) {
    if (!fold.history.empty()) {
      page.heading("Training, " + fold.name);
      page.picture(encode_png(curves_figure(fold.history)),
                   std::to_string(fold.history.size()) + " epochs, best " +
                       std::to_string(fold.scores.best_epoch));
    }
    if (!fold.cases.empty()) page.heading("Best, median and worst slice, " + fold.name);
    for (const auto& picture : fold.cases) page.picture(picture.png, picture.caption);
  }
  page.heading("How it was made");
  page.folded("Recipe, every default included", report.recipe);
  page.folded("Environment", report.environment);
  return page.text();
}

}  // namespace groundglass
