#pragma once

#include <string>
#include <vector>

#include "groundglass/core/events.h"
#include "groundglass/predict/case_writer.h"
#include "groundglass/predict/inputs.h"
#include "groundglass/predict/parts.h"
#include "groundglass/predict/segmenter.h"

namespace groundglass {

struct PredictJob : CaseOutputs {
  std::vector<PredictInput> inputs;  ///< all of them, whatever the part
  Part part;
  std::string weights_sha256;
  std::string caution = {};  ///< of the model, for summary.json
  int64_t batch = 0;         ///< slices or pictures at once; 0: chosen, see Pace
  int64_t memory_limit = 0;  ///< bytes that the process may hold; 0: what the machine has left
  std::vector<LeftOut> left_out = {};  ///< beside the inputs, for summary.json
};

/// An input that could not be segmented, and why.
struct FailedCase {
  std::string input, problem;
};

struct PredictSummary {
  std::vector<CaseSummary> cases;
  std::vector<FailedCase> failed = {};
  double seconds = 0, forward_s = 0;
  double memory_bound_mib = 0;  ///< told before the work; 0 for a single picture
  std::string waiting_for;      ///< parts: why summary.json is not written yet
  int64_t reused = 0;           ///< cases that an interrupted earlier call had finished
};

/// Segments every input and writes OUT/<stem>_mask.png or _mask.nii.gz (class numbers) on the
/// input's own grid, and summary.json. Probabilities are those of any lesion, and, for networks of
/// several classes, besides _probability_1, _probability_2, .. of each; overlays then have a
/// legend.
/// Pictures and slices go through the network in batches: memory does not grow with their number,
/// and the most that will be held is told as soon as the first has gone through (Note).
///
/// With a part, only its inputs are segmented and summarised in summary_<k>_of_<n>.json; the part
/// that ends last joins all summaries as summary.json.
///
/// A killed call, and one with failures, leaves a journal; the same call again takes finished cases
/// from it. Throws Error(data) if inputs could not be read or their outputs not be written: all
/// others are done first, then every problem is listed at once; Error(device) if memory does not
/// suffice. summary.json is written before that, with what was done and what failed. Throws Stopped
/// after a stop signal, without a summary.
PredictSummary predict(Segmenter& segmenter, const PredictJob& job,
                       Observer& observer = silent_observer());

/// Fills in who makes the job's DICOM objects: model, weights and whatever else changes a mask, and
/// the time of the job.
void name_maker(PredictJob& job, const Segmenter& segmenter);

/// summary.json as scripts read it.
std::string summary_json(const PredictSummary& summary, const PredictJob& job,
                         const Segmenter& segmenter);

}  // namespace groundglass
