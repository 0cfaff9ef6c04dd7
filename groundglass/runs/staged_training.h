#pragma once

#include "groundglass/runs/fold_job.h"

namespace groundglass {

/// The recipe of the lungs that a cascade begins with: same preparation, other masks.
Recipe lung_recipe(const Recipe& recipe);

/// Trains a cascade network by network, in a run folder (going on with what is there):
///   lung/        the first network, on job.lungs
///   gated.ggset  the images of job.set as the cascade's gate lets them through. A hard gate: where
///                the first network's probability exceeds model.threshold, and 0 elsewhere. A soft
///                gate: times that probability, rounded to whole grays.
///   infection/   the second network, on these
/// and beside them weights.safetensors, recipe.toml, split.json and test.json of the whole.
///
/// Punn, Agarwal, "CHS-Net", https://arxiv.org/abs/2012.07079, sec. 3: two networks, trained
/// separately. Differs: whether the second saw drawn or predicted lungs is not said; it sees
/// predicted ones, as it does in use.
///
/// job.lungs  a prepared set of the same images with lung masks; rows without one are left out of
///            the first network's training. Throws Error(data) if images of the split are not in
///            it.
/// throws     what train_fold throws; Error(recipe) for a recipe without [cascade]; Error(usage) if
///            the folder's images were gated otherwise.
FoldScores train_stages(const FoldJob& job, Observer& observer = silent_observer());

}  // namespace groundglass
