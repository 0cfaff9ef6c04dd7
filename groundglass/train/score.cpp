#include "groundglass/train/score.h"

#include <algorithm>
#include <cstdlib>
#include <map>

#include "groundglass/core/error.h"
#include "groundglass/core/task.h"
#include "groundglass/distributed/team.h"

namespace groundglass {
namespace {

std::vector<int64_t> binned(const torch::Tensor& p) {
  const int64_t bins = ProbabilityHistogram::kBins;
  const auto bin = (p * bins).to(torch::kInt64).clamp(0, bins - 1);
  const auto counts = torch::bincount(bin.flatten(), {}, bins).contiguous();
  return {counts.data_ptr<int64_t>(), counts.data_ptr<int64_t>() + bins};
}

RowScore score_row(int64_t row, const torch::Tensor& foreground, const torch::Tensor& label,
                   const torch::Tensor& truth) {
  const auto p = foreground.sum(0);  // [H,W], all classes as one
  const auto valid = truth != kIgnoreLabel, positive = (truth != 0) & valid;
  RowScore score;
  score.row = row;
  score.counts = count_foreground(label, truth);
  score.soft = soft_count(p.masked_select(valid), positive.masked_select(valid));
  score.histogram.truth = binned(p.masked_select(positive));
  score.histogram.rest = binned(p.masked_select(valid & positive.logical_not()));
  if (foreground.size(0) == 1) return score;
  for (int64_t k = 1; k <= foreground.size(0); ++k) {
    score.classes.push_back(count(label, truth, k));
  }
  return score;
}

/// Pooled Dice of each domain, averaged; `counts_of` picks what is pooled. False positives of
/// domains without foreground are shared out evenly among the others.
template <class CountsOf>
double mean_over_domains(const Scores& scores, const std::vector<PreparedRow>& rows,
                         const CountsOf& counts_of) {
  std::map<std::string, Counts> pooled;
  for (const auto& s : scores.rows) {
    pooled[rows[static_cast<size_t>(s.row)].domain] += counts_of(s);
  }
  // A domain without foreground has a Dice of 0 or none, however little is marked there.
  Counts clean;
  std::erase_if(pooled, [&clean](const auto& entry) {
    const bool empty = entry.second.tp + entry.second.fn == 0;
    if (empty) clean += entry.second;
    return empty;
  });
  if (pooled.empty()) return -1;
  double sum = 0;
  for (auto& [domain, counts] : pooled) {
    counts.fp += clean.fp / static_cast<int64_t>(pooled.size());
    sum += dice(counts).value_or(0);
  }
  return sum / static_cast<double>(pooled.size());
}

/// A row's score as numbers, and back. Counts are whole and far below 2^53.
constexpr int64_t kNumbersOfRow = 7 + 2 * ProbabilityHistogram::kBins;

std::vector<double> numbers_of(const RowScore& s) {
  std::vector<double> n = {static_cast<double>(s.counts.tp),
                           static_cast<double>(s.counts.fp),
                           static_cast<double>(s.counts.fn),
                           static_cast<double>(s.counts.tn),
                           s.soft.overlap,
                           s.soft.probability,
                           s.soft.truth};
  n.insert(n.end(), s.histogram.truth.begin(), s.histogram.truth.end());
  n.insert(n.end(), s.histogram.rest.begin(), s.histogram.rest.end());
  for (const auto& c : s.classes) {
    for (const int64_t count : {c.tp, c.fp, c.fn, c.tn}) n.push_back(static_cast<double>(count));
  }
  return n;
}

RowScore row_score_of(int64_t row, const double* n, int64_t classes) {
  const auto counts_at = [](const double* at) {
    return Counts{static_cast<int64_t>(at[0]), static_cast<int64_t>(at[1]),
                  static_cast<int64_t>(at[2]), static_cast<int64_t>(at[3])};
  };
  RowScore s;
  s.row = row;
  s.counts = counts_at(n);
  s.soft = {n[4], n[5], n[6]};
  constexpr auto kBins = ProbabilityHistogram::kBins;
  for (int64_t b = 0; b < kBins; ++b) {
    s.histogram.truth[static_cast<size_t>(b)] = static_cast<int64_t>(n[7 + b]);
    s.histogram.rest[static_cast<size_t>(b)] = static_cast<int64_t>(n[7 + kBins + b]);
  }
  for (int64_t c = 0; c < classes; ++c) s.classes.push_back(counts_at(n + kNumbersOfRow + 4 * c));
  return s;
}

/// Puts the ranks' scores together in the order of the entries. A number of one rank stands beside
/// zeros of the others, so that the sum is the number itself.
void exchange(Scores& scores, std::vector<double>& losses, const std::vector<Entry>& entries,
              int64_t batch_size, int64_t out_channels, Team& ranks) {
  if (ranks.size() == 1) return;
  const int64_t classes = out_channels > 2 ? out_channels - 1 : 0;
  const auto n = static_cast<int64_t>(entries.size());
  const int64_t batches = (n + batch_size - 1) / batch_size, width = kNumbersOfRow + 4 * classes;
  auto table = torch::zeros({n * width + batches}, torch::kFloat64);
  double* out = table.data_ptr<double>();
  size_t next = 0, next_loss = 0;
  for (int64_t b = ranks.rank(); b < batches; b += ranks.size()) {
    out[n * width + b] = losses.at(next_loss++);
    for (int64_t i = b * batch_size; i < std::min(n, (b + 1) * batch_size); ++i) {
      const auto numbers = numbers_of(scores.rows.at(next++));
      if (static_cast<int64_t>(numbers.size()) != width) {
        fail(ErrorKind::internal, "a row's score has another number of classes than its network");
      }
      std::copy(numbers.begin(), numbers.end(), out + i * width);
    }
  }
  if (n == 0) return;
  ranks.sum(table, "putting scores together");
  scores.rows.clear();
  for (int64_t i = 0; i < n; ++i) {
    scores.rows.push_back(
        row_score_of(entries[static_cast<size_t>(i)].row, out + i * width, classes));
  }
  losses.assign(out + n * width, out + n * width + batches);
}

}  // namespace

Counts ProbabilityHistogram::at(int64_t bin) const {
  Counts c;
  for (int64_t b = 0; b < kBins; ++b) {
    const auto i = static_cast<size_t>(b);
    (b >= bin ? c.tp : c.fn) += truth[i];
    (b >= bin ? c.fp : c.tn) += rest[i];
  }
  return c;
}

ProbabilityHistogram& ProbabilityHistogram::operator+=(const ProbabilityHistogram& other) {
  for (size_t i = 0; i < truth.size(); ++i) {
    truth[i] += other.truth[i];
    rest[i] += other.rest[i];
  }
  return *this;
}

Counts Scores::pooled() const {
  Counts total;
  for (const auto& r : rows) total += r.counts;
  return total;
}

SoftCounts Scores::soft_pooled() const {
  SoftCounts total;
  for (const auto& r : rows) total += r.soft;
  return total;
}

std::vector<Counts> Scores::class_pooled() const {
  std::vector<Counts> total;
  for (const auto& r : rows) {
    total.resize(r.classes.size());
    for (size_t c = 0; c < total.size(); ++c) total[c] += r.classes[c];
  }
  return total;
}

Scores score_entries(SegmentationModel& model, const PreparedSet& set,
                     const std::vector<Entry>& entries, const ScoreOptions& options,
                     const LossFunction& loss) {
  Scores scores;
  std::vector<double> losses;  // of the batches
  auto& ranks = team();
  const auto mine = entries_of_rank(entries, options.loader.batch_size, ranks);
  for_each_answer(model, set, mine, options, [&](const Answer& a) {
    losses.push_back(loss ? loss(a.logits, a.batch.target.to(options.engine.device)).item<double>()
                          : 0);
    const auto p = probabilities(a.logits).cpu();
    const auto label = labels(p, options.threshold);
    for (int64_t i = 0; i < p.size(0); ++i) {
      scores.rows.push_back(
          score_row(a.batch.rows[static_cast<size_t>(i)], p[i], label[i], a.batch.target[i]));
    }
  });
  exchange(scores, losses, entries, options.loader.batch_size, model.out_channels(), ranks);
  for (const double value : losses) scores.loss += value;
  if (!losses.empty()) scores.loss /= static_cast<double>(losses.size());
  return scores;
}

double domain_mean_dice(const Scores& scores, const std::vector<PreparedRow>& rows) {
  return mean_over_domains(scores, rows, [](const RowScore& s) { return s.counts; });
}

double class_mean_dice(const Scores& scores) {
  std::vector<Counts> classes = scores.class_pooled();
  if (classes.empty()) classes.push_back(scores.pooled());
  double sum = 0;
  int64_t defined = 0;
  for (const auto& counts : classes) {
    const auto value = dice(counts);
    sum += value.value_or(0);
    defined += value.has_value();
  }
  return defined > 0 ? sum / static_cast<double>(defined) : -1;
}

double best_threshold(const Scores& scores, const std::vector<PreparedRow>& rows) {
  constexpr int64_t kHalf = ProbabilityHistogram::kBins / 2;
  constexpr double kAsGood = 0.005;  // well inside what a handful of patients can tell
  std::map<int64_t, double> dice_at;
  double best = -1;
  for (int64_t bin = 5; bin <= 95; ++bin) {
    dice_at[bin] =
        mean_over_domains(scores, rows, [bin](const RowScore& s) { return s.histogram.at(bin); });
    best = std::max(best, dice_at[bin]);
  }
  int64_t chosen = 0;
  for (const auto& [bin, value] : dice_at) {
    const bool nearer = std::abs(bin - kHalf) < std::abs(chosen - kHalf);
    if (value >= best - kAsGood && nearer) chosen = bin;
  }
  return static_cast<double>(chosen) / ProbabilityHistogram::kBins;
}

}  // namespace groundglass
