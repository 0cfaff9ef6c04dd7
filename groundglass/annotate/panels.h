#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <torch/types.h>

#include "groundglass/annotate/store.h"
#include "groundglass/core/events.h"

namespace groundglass {

/// The candidates of a round under their letters: each case has its proposals and, in stage 1, its
/// manual mask, in an order that is drawn for every case by itself from (seed, round, name of the
/// case). Letters say nothing of the source. Throws Error(internal) if a case lacks a proposal.
std::vector<Candidate> shuffled_candidates(const Round& round,
                                           const std::vector<AnnotationCase>& cases,
                                           const std::vector<Proposal>& proposals);

struct PanelOptions {
  int64_t side = 384;           ///< pixels of one picture in the panel
  int64_t columns = 3;          ///< pictures in a row
  int64_t cases_per_page = 25;  ///< of one HTML page
};

/// The image by itself, then each candidate in red on it, each under its letter.
///
/// gray    [H,W] uint8; candidates as (letter, labels [H,W]).
/// returns [3,h,w] uint8.
torch::Tensor panel_picture(const torch::Tensor& gray,
                            const std::vector<std::pair<char, torch::Tensor>>& candidates,
                            const PanelOptions& options = {});

/// Writes a finished round for the annotators: panels/<case>.png, page_001.html .., choices.csv to
/// fill in (an existing one is left alone), and the key beside the folder. Pictures that are there
/// are not drawn again. Throws Stopped after a stop signal.
void write_handout(AnnotationStore& store, const Round& round, const PanelOptions& options,
                   int64_t threads, Observer& observer = silent_observer());

}  // namespace groundglass
