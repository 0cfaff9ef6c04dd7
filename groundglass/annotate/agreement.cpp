#include "groundglass/annotate/agreement.h"

#include <map>
#include <set>

#include "groundglass/core/json.h"
#include "groundglass/evaluate/table_cells.h"

namespace groundglass {
namespace {

constexpr const char* kReject = "reject";

/// (round, case) -> annotator -> source.
using Said = std::map<std::pair<int64_t, int64_t>, std::map<std::string, std::string>>;

}  // namespace

std::optional<double> cohens_kappa(const std::vector<std::pair<std::string, std::string>>& pairs) {
  if (pairs.empty()) return {};
  const auto n = static_cast<double>(pairs.size());
  double equal = 0;
  std::map<std::string, std::pair<double, double>> counts;
  for (const auto& [a, b] : pairs) {
    equal += a == b ? 1 : 0;
    counts[a].first += 1;
    counts[b].second += 1;
  }
  double chance = 0;
  for (const auto& [word, count] : counts) chance += count.first / n * (count.second / n);
  if (chance >= 1) return {};
  return (equal / n - chance) / (1 - chance);
}

std::optional<double> Preference::share() const {
  if (machine + manual == 0) return {};
  return static_cast<double>(machine) / static_cast<double>(machine + manual);
}

std::optional<Interval> Preference::interval() const {
  return wilson_interval(machine, machine + manual);
}

std::string source_of(const Choice& choice, const std::vector<Candidate>& candidates) {
  for (const auto& c : candidates) {
    if (c.case_id == choice.case_id && c.letter == choice.letter) return c.source;
  }
  return kReject;
}

Agreement agreement(AnnotationStore& store) {
  std::map<int64_t, std::vector<Candidate>> candidates;
  std::set<int64_t> with_manual;
  for (const auto& round : store.rounds()) {
    candidates[round.id] = store.candidates(round.id);
    if (round.stage == 1) with_manual.insert(round.id);
  }
  Agreement result;
  Said said;
  std::set<std::string> annotators;
  for (const auto& choice : store.choices()) {
    const std::string source = source_of(choice, candidates[choice.round]);
    said[{choice.round, choice.case_id}][choice.annotator] = source;
    annotators.insert(choice.annotator);
    if (with_manual.count(choice.round) == 0) continue;
    Preference& p = result.preference;
    ++p.choices;
    ++(source == kReject ? p.rejected : source == kManualSource ? p.manual : p.machine);
  }
  for (auto a = annotators.begin(); a != annotators.end(); ++a) {
    for (auto b = std::next(a); b != annotators.end(); ++b) {
      std::vector<std::pair<std::string, std::string>> both;
      int64_t equal = 0;
      for (const auto& [where, words] : said) {
        const auto first = words.find(*a), second = words.find(*b);
        if (first == words.end() || second == words.end()) continue;
        both.emplace_back(first->second, second->second);
        equal += first->second == second->second ? 1 : 0;
      }
      PairAgreement pair{*a, *b, static_cast<int64_t>(both.size()), {}, cohens_kappa(both)};
      if (!both.empty()) pair.equal = static_cast<double>(equal) / static_cast<double>(pair.cases);
      result.pairs.push_back(pair);
    }
  }
  return result;
}

nlohmann::ordered_json agreement_json(const Agreement& found) {
  auto pairs = nlohmann::ordered_json::array();
  for (const auto& p : found.pairs) {
    pairs.push_back({{"annotators", {p.first, p.second}},
                     {"cases", p.cases},
                     {"equal", optional_json(p.equal)},
                     {"kappa", optional_json(p.kappa)}});
  }
  const Preference& p = found.preference;
  return {{"pairs", pairs},
          {"stage_1",
           {{"choices", p.choices},
            {"machine", p.machine},
            {"manual", p.manual},
            {"rejected", p.rejected},
            {"machine_share", optional_json(p.share())},
            {"interval95", interval_json(p.interval())}}}};
}

}  // namespace groundglass
