#include "groundglass/data/loader.h"

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

#include "groundglass/core/clock.h"
#include "groundglass/core/parallel.h"
#include "groundglass/core/rng.h"
#include "groundglass/core/task.h"
#include "groundglass/data/augment/warp.h"
#include "groundglass/preprocess/normalise.h"

namespace groundglass {
namespace {

/// Deals entries one at a time; shuffled anew each time all have been dealt.
class Deck {
 public:
  void add(const Entry& entry) { cards_.push_back(entry); }
  bool empty() const { return cards_.empty(); }
  Entry draw(Rng& rng) {
    if (next_ == order_.size()) {
      order_ = permutation(static_cast<int64_t>(cards_.size()), rng);
      next_ = 0;
    }
    return cards_[static_cast<size_t>(order_[next_++])];
  }

 private:
  std::vector<Entry> cards_;
  std::vector<int64_t> order_;
  size_t next_ = 0;
};

/// A patient's entries: all, and those that every second draw prefers.
class PatientDecks {
 public:
  void add(const Entry& entry, bool favoured) {
    all_.add(entry);
    if (favoured) favoured_.add(entry);
  }
  Entry draw(Rng& rng) {
    prefers_ = !prefers_ && !favoured_.empty();
    return prefers_ ? favoured_.draw(rng) : all_.draw(rng);
  }

 private:
  Deck all_, favoured_;
  bool prefers_ = false;
};

}  // namespace

std::vector<Entry> epoch_order(const std::vector<Entry>& entries,
                               const std::vector<PreparedRow>& rows, Sampling sampling,
                               uint64_t seed, uint64_t epoch, int64_t draws,
                               const std::vector<bool>& favoured) {
  const bool by_patient = sampling == Sampling::patients || sampling == Sampling::small_lesions;
  const size_t wanted = draws > 0 ? static_cast<size_t>(draws) : entries.size();
  Rng rng = rng_for(seed, epoch, 0x0bde5);
  std::map<std::string, std::map<std::string, PatientDecks>> decks;  // domain -> patient -> entries
  for (const auto& entry : entries) {
    const auto& row = rows[static_cast<size_t>(entry.row)];
    const bool preferred =
        sampling == Sampling::small_lesions && favoured.at(static_cast<size_t>(entry.row));
    decks[sampling == Sampling::shuffle ? "" : row.domain][by_patient ? row.patient : ""].add(
        entry, preferred);
  }
  std::vector<Entry> order;
  std::map<std::string, std::vector<std::string>> turn;  // patients still to come in each domain
  while (order.size() < wanted && !entries.empty()) {
    for (auto& [domain, patients] : decks) {
      auto& waiting = turn[domain];
      if (waiting.empty()) {
        for (const auto& [patient, deck] : patients) waiting.push_back(patient);
        const auto shuffled = permutation(static_cast<int64_t>(waiting.size()), rng);
        std::vector<std::string> mixed;
        for (const int64_t i : shuffled) mixed.push_back(waiting[static_cast<size_t>(i)]);
        waiting = mixed;
      }
      order.push_back(patients[waiting.back()].draw(rng));
      waiting.pop_back();
    }
  }
  order.resize(entries.empty() ? 0 : wanted);
  std::map<std::pair<int64_t, int64_t>, int64_t> seen;
  for (auto& entry : order) entry.draw = seen[{entry.row, entry.copy}]++;
  return order;
}

std::vector<bool> rows_with_small_lesions(const PreparedSet& set, double share) {
  std::vector<bool> small;
  for (int64_t row = 0; row < set.size(); ++row) {
    const auto mask = set.mask(row);
    const double infected =
        static_cast<double>(((mask > 0) & (mask != kIgnoreLabel)).sum().item<int64_t>()) /
        static_cast<double>(mask.numel());
    small.push_back(infected > 0 && infected <= share);
  }
  return small;
}

Sample load_sample(const PreparedSet& set, const Entry& entry, const LoaderOptions& options) {
  const Sample stored{set.image(entry.row), set.mask(entry.row)};
  const auto row = static_cast<uint64_t>(entry.row);
  if (entry.copy > 0) {
    Rng rng(mix_keys(options.seed, 0xc0b1e5, static_cast<uint64_t>(entry.copy), row));
    return apply(draw_augmentation(options.augment, rng), stored);
  }
  if (!options.vary) return {stored.image.clone(), stored.mask.clone()};
  Rng rng(mix_keys(options.seed, options.epoch, row, static_cast<uint64_t>(entry.draw)));
  return apply(draw_augmentation(options.augment, rng), stored);
}

/// The threads, and the batches that they have finished.
class Loader::Team {
 public:
  Team(const PreparedSet& set, std::vector<Entry> order, const LoaderOptions& options,
       int64_t first_batch)
      : set_(set),
        order_(std::move(order)),
        options_(options),
        next_(first_batch),
        claimed_(first_batch) {
    const auto n = static_cast<int64_t>(order_.size());
    batches_ = (n + options_.batch_size - 1) / options_.batch_size;
    for (int64_t t = 0; t < options_.threads; ++t) threads_.emplace_back([this] { work(); });
  }

  ~Team() {
    {
      const std::lock_guard lock(guard_);
      stopping_ = true;
    }
    changed_.notify_all();
    for (auto& thread : threads_) thread.join();
  }

  std::optional<Batch> next() {
    std::unique_lock lock(guard_);
    if (next_ == batches_) return std::nullopt;
    const double begin = now_s();
    changed_.wait(lock, [&] { return ready_.count(next_) > 0 || error_; });
    waited_ += now_s() - begin;
    if (error_) std::rethrow_exception(error_);
    Batch batch = std::move(ready_.extract(next_++).mapped());
    changed_.notify_all();
    return batch;
  }

  double waited_s() const { return waited_; }
  double images_per_s() const {
    return busy_ > 0 ? static_cast<double>(made_) / busy_ * static_cast<double>(options_.threads)
                     : 0;
  }

 private:
  void work() {
    use_one_openmp_thread();
    for (;;) {
      int64_t mine = 0;
      {
        std::unique_lock lock(guard_);
        changed_.wait(lock, [&] {
          return stopping_ || claimed_ == batches_ || claimed_ < next_ + options_.prefetch;
        });
        if (stopping_ || claimed_ == batches_) return;
        mine = claimed_++;
      }
      const double begin = now_s();
      try {
        Batch batch = make(mine);
        const std::lock_guard lock(guard_);
        busy_ += now_s() - begin;
        made_ += static_cast<int64_t>(batch.rows.size());
        ready_.emplace(mine, std::move(batch));
      } catch (...) {
        const std::lock_guard lock(guard_);
        error_ = std::current_exception();
      }
      changed_.notify_all();
    }
  }

  Batch make(int64_t index) const {
    const auto begin = static_cast<size_t>(index * options_.batch_size);
    const size_t end = std::min(order_.size(), begin + static_cast<size_t>(options_.batch_size));
    std::vector<torch::Tensor> images, masks;
    Batch batch;
    const auto step = static_cast<size_t>(options_.ranks);
    for (size_t i = begin + static_cast<size_t>(options_.rank); i < end; i += step) {
      auto sample = load_sample(set_, order_[i], options_);
      images.push_back(sample.image);
      masks.push_back(sample.mask);
      batch.rows.push_back(order_[i].row);
    }
    if (images.empty()) {
      const auto nobodys = load_sample(set_, order_[begin], options_);
      batch.image = normalised(nobodys.image.unsqueeze(0), options_.normalise);
      batch.target = nobodys.mask.unsqueeze(0).narrow(0, 0, 0);
      return batch;
    }
    batch.image = normalised(torch::stack(images), options_.normalise);
    batch.target = torch::stack(masks);
    return batch;
  }

  const PreparedSet& set_;
  const std::vector<Entry> order_;
  const LoaderOptions options_;
  int64_t batches_ = 0;

  std::mutex guard_;
  std::condition_variable changed_;
  std::map<int64_t, Batch> ready_;
  int64_t next_ = 0, claimed_ = 0, made_ = 0;
  double waited_ = 0, busy_ = 0;
  bool stopping_ = false;
  std::exception_ptr error_;
  std::vector<std::thread> threads_;
};

Loader::Loader(const PreparedSet& set, std::vector<Entry> order, const LoaderOptions& options,
               int64_t first_batch)
    : team_(std::make_unique<Team>(set, std::move(order), options, first_batch)) {}

Loader::~Loader() = default;

std::optional<Batch> Loader::next() {
  return team_->next();
}

double Loader::waited_s() const {
  return team_->waited_s();
}

double Loader::images_per_s() const {
  return team_->images_per_s();
}

}  // namespace groundglass
