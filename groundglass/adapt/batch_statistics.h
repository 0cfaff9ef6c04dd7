#pragma once

#include <cstdint>
#include <vector>

#include "groundglass/core/engine.h"
#include "groundglass/data/loader.h"
#include "groundglass/models/segmentation_model.h"

namespace groundglass {

/// Replaces the moving mean and variance of every batch norm by those of the given rows: one pass
/// in which batch norm alone is in training mode, and whose batches are normalised by themselves.
/// No label is looked at and no weight is changed.
///
/// Li, Wang, Shi, Liu, Hou, "Revisiting batch normalization for practical domain adaptation",
/// https://arxiv.org/abs/1603.04779; `mix` as in Schneider et al., NeurIPS 2020,
/// https://arxiv.org/abs/2006.16971, eq. 3.
/// Differs: the variance is that of all pixels together, not the mean over batches; see
/// reestimate_norms().
///
/// mix      share of the rows' statistics in the result; 1 forgets the old ones.
/// returns  how many layers were listened to.
/// throws   Error(data) for no rows, Error(recipe) for a network without batch norm.
int64_t reestimate_batch_norm(SegmentationModel& model, const PreparedSet& set,
                              const std::vector<int64_t>& rows, const LoaderOptions& loader,
                              const Engine& engine, double mix = 1);

}  // namespace groundglass
