#include "groundglass/annotate/propose.h"

#include <cmath>
#include <set>

#include "groundglass/annotate/cases.h"
#include "groundglass/annotate/final_masks.h"
#include "groundglass/annotate/project_files.h"
#include "groundglass/core/error.h"
#include "groundglass/core/process.h"
#include "groundglass/core/task.h"
#include "groundglass/io/picture.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

/// What all segmenters together say: the mean of their probabilities of each image.
std::vector<torch::Tensor> probabilities_of(const Proposer& proposer,
                                            const std::vector<Image>& images) {
  std::vector<torch::Tensor> sums(images.size());
  for (Segmenter* segmenter : proposer.segmenters) {
    const auto results = segmenter->segment(images);
    for (size_t i = 0; i < images.size(); ++i) {
      sums[i] = sums[i].defined() ? sums[i] + results[i].probability : results[i].probability;
    }
  }
  const auto n = static_cast<double>(proposer.segmenters.size());
  for (auto& sum : sums) sum = sum / n;
  return sums;
}

/// A network that knows other classes would have its numbers taken for the project's.
void check_classes(const Proposer& proposer, const DataOptions& data) {
  if (data.labels != MaskLabels::classes) return;  // all lesions are stored as one
  for (const auto* segmenter : proposer.segmenters) {
    if (segmenter->classes() == data.classes - 1) continue;
    fail(ErrorKind::usage, proposer.name + ": tells " + std::to_string(segmenter->classes()) +
                               " classes apart and the project's masks " +
                               std::to_string(data.classes - 1) +
                               "; expected a network of as many");
  }
}

}  // namespace

double entropy_bits(const torch::Tensor& probability) {
  const auto p = probability.to(torch::kFloat64).clamp(0, 1);
  const auto background = (1 - p.sum(0, /*keepdim=*/true)).clamp(0, 1);
  const auto outcomes = torch::cat({background, p});
  const double nats = -torch::xlogy(outcomes, outcomes).sum(0).mean().item<double>();
  return nats / std::log(2.0);
}

void propose_cases(AnnotationStore& store, const Round& round, const Proposer& proposer,
                   const std::vector<AnnotationCase>& cases, Observer& observer) {
  check_classes(proposer, store.notes().data);
  std::set<int64_t> finished;
  for (const auto& p : store.proposals(round.id)) {
    if (p.network == proposer.name) finished.insert(p.case_id);
  }
  std::vector<const AnnotationCase*> waiting;
  for (const auto& c : cases) {
    if (finished.count(c.id) == 0) waiting.push_back(&c);
  }
  double threshold = 0;
  for (const auto* segmenter : proposer.segmenters) {
    threshold += segmenter->options().threshold / static_cast<double>(proposer.segmenters.size());
  }
  const fs::path folder =
      fs::path("proposals") / ("round_" + std::to_string(round.id)) / file_word(proposer.name);
  constexpr size_t kBatch = 8;
  for (size_t first = 0; first < waiting.size(); first += kBatch) {
    if (stop_signal() != 0)
      throw Stopped(stop_signal(), "stopped; the same call goes on from here");
    const size_t end = std::min(waiting.size(), first + kBatch);
    std::vector<Image> images;
    for (size_t i = first; i < end; ++i) images.push_back(read_picture(waiting[i]->image));
    const auto probabilities = probabilities_of(proposer, images);
    std::vector<Proposal> proposals;
    for (size_t i = first; i < end; ++i) {
      const AnnotationCase& c = *waiting[i];
      const fs::path file = folder / (c.file + ".png");
      const auto& probability = probabilities[i - first];
      const auto mask = labels(probability.unsqueeze(0), threshold).squeeze(0);
      write_png(store.project() / file, stored_mask(mask, store.notes().data));
      proposals.push_back({0, c.id, proposer.name, file, proposer.weights_sha256, threshold,
                           entropy_bits(probability)});
    }
    store.add_proposals(round.id, proposals);
    observer.on(Progress{"proposals of " + proposer.name, static_cast<int64_t>(end),
                         static_cast<int64_t>(waiting.size()), ""});
  }
}

}  // namespace groundglass
