#include "groundglass/evaluate/severity.h"

#include <map>

#include "groundglass/core/error.h"
#include "groundglass/core/text.h"
#include "groundglass/metrics/rank_correlation.h"

namespace groundglass {

int64_t brixia_sum(const std::string& zones, const std::string& where) {
  const auto refuse = [&] {
    fail(ErrorKind::data, where + ": " + in_quotes(zones) +
                              ", expected six zone scores from 0 to 3, e.g. '0 2 2 0 2 2'");
  };
  int64_t sum = 0;
  const auto words = split_text(zones, ' ');
  if (words.size() != 6) refuse();
  for (const auto& word : words) {
    if (word.size() != 1 || word[0] < '0' || word[0] > '3') refuse();
    sum += word[0] - '0';
  }
  return sum;
}

SeverityAgreement severity_agreement(const std::vector<SeverityPair>& pairs,
                                     const BootstrapOptions& options) {
  std::map<std::string, std::vector<const SeverityPair*>> by_patient;
  for (const auto& pair : pairs) by_patient[pair.patient].push_back(&pair);
  std::vector<std::vector<const SeverityPair*>> patients;
  for (const auto& [name, members] : by_patient) patients.push_back(members);
  const auto of = [&](const std::vector<int64_t>& drawn) {
    std::vector<double> measured, read;
    for (const int64_t p : drawn) {
      for (const auto* pair : patients[static_cast<size_t>(p)]) {
        measured.push_back(pair->measured);
        read.push_back(pair->read);
      }
    }
    return spearman(measured, read);
  };
  std::vector<int64_t> everybody;
  for (size_t p = 0; p < patients.size(); ++p) everybody.push_back(static_cast<int64_t>(p));
  const auto n = static_cast<int64_t>(patients.size());
  return {of(everybody), bootstrap_interval(n, of, options), static_cast<int64_t>(pairs.size()), n};
}

}  // namespace groundglass
