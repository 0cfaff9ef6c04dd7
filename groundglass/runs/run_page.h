#pragma once

#include <string>

#include "groundglass/core/events.h"
#include "groundglass/runs/run_folder.h"

namespace groundglass {

/// The page of a run, or of all folds in a folder: curves, tables, recipe and environment, and the
/// best, the median and the worst test slice with prediction and Grad-CAM, as one self-contained
/// HTML document.
///
/// prepared_set  the slices that the run was trained on; empty: those that its training left in the
///               folder, and where there are none the page shows no slices and `observer` is warned
///
/// Throws Error(data) for a folder without a training and for files in it that cannot be read, else
/// as PreparedSet and load_trained_model() do.
std::string run_page_html(const RunFolder& run, const std::string& prepared_set,
                          Observer& observer);

}  // namespace groundglass
