#include "groundglass/predict/pace.h"

#include <algorithm>
#include <limits>

#include "groundglass/core/error.h"
#include "groundglass/core/memory.h"
#include "groundglass/core/process.h"
#include "groundglass/core/text.h"

namespace groundglass {
namespace {

constexpr double kMib = 1 << 20;
constexpr int64_t kInLibTorch = 8, kOnGpu = 32;

BatchChoice choice_for(const Segmenter& segmenter, const PaceOptions& options) {
  if (options.batch > 0) return BatchChoice::fixed(options.batch);
  if (!segmenter.options().engine.device.is_cpu()) return BatchChoice::fixed(kOnGpu);
  return BatchChoice(segmenter.threads());
}

std::string mib(double value) {
  return fixed(value, 0) + " MiB";
}

}  // namespace

Pace::Pace(const Segmenter& segmenter, const PaceOptions& options, Observer& observer)
    : segmenter_(segmenter),
      options_(options),
      observer_(observer),
      choice_(choice_for(segmenter, options)) {}

/// The most slices at once if memory is plenty.
int64_t Pace::wanted() const {
  const std::string engine = segmenter_.runner().engine();
  const bool chosen = options_.batch == 0 && segmenter_.options().engine.device.is_cpu();
  return chosen && engine != "plan" ? kInLibTorch : choice_.largest();
}

double Pace::mib_with(const MemoryNeed& need, int64_t batch) const {
  // A plan holds the maps of as many images as there are threads, LibTorch those of all.
  const bool all = segmenter_.runner().engine() != "plan";
  const int64_t network =
      all ? (batch - 1) * segmenter_.network_bytes()
          : (std::min(batch, segmenter_.threads()) - 1) * segmenter_.arena_bytes();
  const double base = base_ > 0 ? base_ : rss_mib();
  return base + static_cast<double>(need.of(batch) + network) / kMib;
}

int64_t Pace::next(const std::filesystem::path& path, const MemoryNeed& need) {
  const bool ran = segmenter_.runner().engine() != "none";
  if (ran && base_ == 0) base_ = rss_mib();
  double allowed = static_cast<double>(options_.memory_limit) / kMib;
  if (options_.memory_limit == 0) {
    const int64_t left = available_memory();
    allowed = left < 0 ? std::numeric_limits<double>::infinity()
                       : rss_mib() + static_cast<double>(left) / kMib;
  }
  int64_t most = ran ? wanted() : 1;
  const auto fits = [&](int64_t batch) { return mib_with(need, batch) <= allowed; };
  while (options_.batch == 0 && most > 1 && !fits(most)) most /= 2;
  if (!fits(most)) refuse(path, need, most, allowed);
  if (!ran) return 1;
  tell(need, most, allowed);
  return segmenter_.runner().engine() == "plan" ? choice_.next(most) : most;
}

void Pace::took(int64_t slices, double seconds) {
  choice_.took(slices, seconds);
}

void Pace::tell(const MemoryNeed& need, int64_t batch, double allowed) {
  // Making a plan may have taken more than all that follows.
  const double most = std::max(mib_with(need, batch), watched_peak_mib());
  if (most <= bound_) return;
  const bool news = most > 1.05 * bound_;
  bound_ = most;
  if (!news) return;
  std::string text = "memory: at most " + mib(most) + ", of which " + mib(base_) +
                     " are taken (program, weights, plan); up to " + std::to_string(batch) +
                     " slices at once";
  if (std::isfinite(allowed)) text += ", " + mib(allowed) + " may be taken";
  observer_.on(Note{text});
}

void Pace::refuse(const std::filesystem::path& path, const MemoryNeed& need, int64_t batch,
                  double allowed) const {
  std::vector<std::string> ways;
  if (batch > 1) ways.push_back("a smaller --batch than " + std::to_string(batch));
  if (need.outputs.probabilities) ways.emplace_back("no --save-probabilities");
  if (need.outputs.overlay) ways.emplace_back("no --overlay");
  if (need.turned) ways.emplace_back("the volume stored in axial slices");
  ways.emplace_back("more memory (--memory)");
  fail(ErrorKind::device, path.string() + ": segmenting it takes up to " +
                              mib(mib_with(need, batch)) + " of memory and " + mib(allowed) +
                              " may be taken; what helps: " + joined(ways, ", "));
}

}  // namespace groundglass
