#include "groundglass/evaluate/score_table.h"

#include <algorithm>
#include <set>

#include "groundglass/core/json.h"
#include "groundglass/evaluate/table_cells.h"

namespace groundglass {
using nlohmann::ordered_json;
namespace {

struct NamedScore {
  const char* name;
  std::optional<double> ScoreRow::*value;
};
const NamedScore kScores[] = {
    {"soft_dice", &ScoreRow::soft_dice},
    {"soft_iou", &ScoreRow::soft_iou},
    {"dice", &ScoreRow::dice},
    {"iou", &ScoreRow::iou},
    {"accuracy", &ScoreRow::accuracy},
    {"precision", &ScoreRow::precision},
    {"sensitivity", &ScoreRow::sensitivity},
    {"specificity", &ScoreRow::specificity},
};

ScoreRow scores_of(const Counts& counts, const SoftCounts& soft, bool has_soft) {
  ScoreRow row;
  if (has_soft) {
    row.soft_dice = soft_dice(soft);
    row.soft_iou = soft_iou(soft);
  }
  row.dice = dice(counts);
  row.iou = iou(counts);
  row.accuracy = accuracy(counts);
  row.precision = precision(counts);
  row.sensitivity = sensitivity(counts);
  row.specificity = specificity(counts);
  return row;
}

ScoreRow scores_of(const ScoredItem& item) {
  return scores_of(item.counts, item.soft, item.has_soft);
}

void add(ScoredItem& sum, const ScoredItem& item) {
  sum.counts += item.counts;
  sum.soft += item.soft;
  sum.has_soft = sum.has_soft || item.has_soft;
  if (item.shapes && sum.shapes) {
    *sum.shapes += *item.shapes;
  } else if (item.shapes) {
    sum.shapes = item.shapes;
  }
  sum.classes.resize(std::max(sum.classes.size(), item.classes.size()));
  for (size_t k = 0; k < item.classes.size(); ++k) sum.classes[k] += item.classes[k];
}

ordered_json means_json(const CaseMeans& means) {
  ordered_json out = {{"cases", means.cases}};
  for (const auto& s : kScores) {
    const auto found = means.scores.find(s.name);
    out[s.name] =
        found == means.scores.end() ? ordered_json(nullptr) : ordered_json(found->second.mean);
  }
  out["status"] = means.status;
  return out;
}

ordered_json case_json(const ScoredItem& item) {
  ordered_json out = {{"case", item.case_id},
                      {"domain", item.domain},
                      {"patient", item.patient},
                      {"status", to_string(case_status(item.counts))}};
  out.update(score_row_json(scores_of(item)));
  out["tp"] = item.counts.tp;
  out["fp"] = item.counts.fp;
  out["fn"] = item.counts.fn;
  out["tn"] = item.counts.tn;
  return out;
}

}  // namespace

const std::vector<std::string>& score_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> list;
    for (const auto& s : kScores) list.emplace_back(s.name);
    return list;
  }();
  return names;
}

std::optional<double> score(const ScoreRow& row, const std::string& name) {
  for (const auto& s : kScores) {
    if (name == s.name) return row.*s.value;
  }
  return std::nullopt;
}

ScoreRow pooled_scores(const std::vector<ScoredItem>& items) {
  ScoredItem sum;
  for (const auto& item : items) add(sum, item);
  return scores_of(sum);
}

std::vector<ScoredItem> by_case(const std::vector<ScoredItem>& items) {
  std::map<std::pair<std::string, std::string>, ScoredItem> cases;
  for (const auto& item : items) {
    const auto [found, fresh] = cases.try_emplace({item.domain, item.case_id}, item);
    if (!fresh) add(found->second, item);
  }
  std::vector<ScoredItem> out;
  for (auto& [key, item] : cases) out.push_back(std::move(item));
  return out;
}

CaseMeans case_means(const std::vector<ScoredItem>& cases) {
  CaseMeans means;
  means.cases = static_cast<int64_t>(cases.size());
  std::map<std::string, std::vector<double>> values;
  for (const auto& item : cases) {
    ++means.status[to_string(case_status(item.counts))];
    const ScoreRow row = scores_of(item);
    for (const auto& s : kScores) {
      if (row.*s.value) values[s.name].push_back(*(row.*s.value));
    }
  }
  for (const auto& [name, list] : values) {
    means.scores[name] = mean_and_deviation(list);
    means.defined[name] = static_cast<int64_t>(list.size());
  }
  return means;
}

DiceIntervals dice_intervals(const std::vector<ScoredItem>& items,
                             const BootstrapOptions& options) {
  std::map<std::pair<std::string, std::string>, std::vector<ScoredItem>> groups;
  for (const auto& item : by_case(items)) groups[{item.domain, item.patient}].push_back(item);
  std::vector<std::vector<ScoredItem>> patients;
  for (auto& [key, cases] : groups) patients.push_back(std::move(cases));
  const auto n = static_cast<int64_t>(patients.size());

  DiceIntervals out;
  out.patients = n;
  out.pooled = bootstrap_interval(
      n,
      [&](const std::vector<int64_t>& drawn) {
        Counts sum;
        for (const int64_t i : drawn) {
          for (const auto& item : patients[static_cast<size_t>(i)]) sum += item.counts;
        }
        return dice(sum);
      },
      options);
  out.case_mean = bootstrap_interval(
      n,
      [&](const std::vector<int64_t>& drawn) -> std::optional<double> {
        double sum = 0;
        int64_t defined = 0;
        for (const int64_t i : drawn) {
          for (const auto& item : patients[static_cast<size_t>(i)]) {
            const auto value = dice(item.counts);
            sum += value.value_or(0);
            defined += value.has_value();
          }
        }
        if (defined == 0) return std::nullopt;
        return sum / static_cast<double>(defined);
      },
      options);
  return out;
}

std::vector<DomainScores> domain_scores(const std::vector<ScoredItem>& items,
                                        const BootstrapOptions& options) {
  std::map<std::string, std::vector<ScoredItem>> parts;
  for (const auto& item : items) parts[item.domain].push_back(item);
  std::vector<DomainScores> out;
  const auto add_part = [&](const std::string& name, const std::vector<ScoredItem>& part) {
    out.push_back({name, static_cast<int64_t>(part.size()), pooled_scores(part),
                   case_means(by_case(part)), dice_intervals(part, options)});
  };
  add_part("all", items);
  if (parts.size() > 1) {
    for (const auto& [name, part] : parts) add_part(name, part);
  }
  return out;
}

ordered_json score_row_json(const ScoreRow& row) {
  ordered_json out = ordered_json::object();
  for (const auto& s : kScores) out[s.name] = optional_json(row.*s.value);
  return out;
}

ordered_json evaluation_json(const std::vector<ScoredItem>& items,
                             const BootstrapOptions& options) {
  ordered_json document;
  document["cases"] = ordered_json::array();
  for (const auto& item : by_case(items)) document["cases"].push_back(case_json(item));
  const auto parts = domain_scores(items, options);
  const auto part_json = [](const DomainScores& d) {
    return ordered_json{{"items", d.items},
                        {"patients", d.intervals.patients},
                        {"pooled", score_row_json(d.pooled)},
                        {"mean", means_json(d.means)},
                        {"interval95",
                         {{"dice_pooled", interval_json(d.intervals.pooled)},
                          {"dice_mean", interval_json(d.intervals.case_mean)}}}};
  };
  document["pooled"] = score_row_json(parts.front().pooled);
  document["mean"] = means_json(parts.front().means);
  document["interval95"] = part_json(parts.front())["interval95"];
  document["domains"] = ordered_json::object();
  std::set<std::string> names;
  for (const auto& item : items) names.insert(item.domain);
  if (names.size() == 1) document["domains"][*names.begin()] = part_json(parts.front());
  for (size_t i = 1; i < parts.size(); ++i)
    document["domains"][parts[i].name] = part_json(parts[i]);
  return document;
}

}  // namespace groundglass
