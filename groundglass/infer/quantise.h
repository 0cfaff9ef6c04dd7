#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "groundglass/core/events.h"
#include "groundglass/data/prepared_set.h"
#include "groundglass/data/split.h"
#include "groundglass/infer/plan/plan.h"
#include "groundglass/models/segmentation_model.h"
#include "groundglass/preprocess/preprocess_options.h"

namespace groundglass {

/// Rows of a prepared set: those that the ranges come from, and others to see what they are worth.
struct QuantiseRows {
  std::vector<int64_t> ranges, parity;
  std::string ranges_from, parity_from;  ///< in words
};

/// At most `images` of each, at equal distances, the first chosen by the seed: training and
/// validation rows of the split (copies left out), or, without one, any rows of the set and others.
QuantiseRows quantise_rows(const PreparedSet& set, const std::optional<Split>& split,
                           int64_t images, int64_t seed);

/// How images reach the network, and what its pixels are held against.
struct QuantiseOptions {
  Normalise normalise = Normalise::unit;
  double threshold = 0.5;
};

/// The ranges of a network's maps over rows of a set, and what plans are worth with them.
struct Quantised {
  InputRanges ranges;
  /// {"fp32": {"relative_error","dice_to_fp32","dice_to_masks"}, "bf16": .., "int8": ..}, pooled
  /// over the parity rows; bf16 where the processor has it; null without parity rows.
  nlohmann::ordered_json parity;
};

/// model  in evaluation mode; the set is prepared for it. Throws as Plan does where the processor
///        cannot plan, and Error(usage) for a network without a convolution that runs in 8 bits.
Quantised quantised(const ModelPtr& model, const PreparedSet& set, const QuantiseRows& rows,
                    const QuantiseOptions& options, Observer& observer);

}  // namespace groundglass
