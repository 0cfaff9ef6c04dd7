#pragma once

#include <string>
#include <vector>

#include "groundglass/annotate/store.h"
#include "groundglass/annotate/uncertain_images.h"
#include "groundglass/core/events.h"
#include "groundglass/data/dataset.h"

namespace groundglass {

/// The images of a data set as cases, read once to know their sizes and that their masks fit.
/// Throws Error(data) listing at once: unreadable images and masks, masks of another size, unknown
/// labels, volumes (annotation works on pictures).
std::vector<AnnotationCase> cases_of(const Dataset& dataset, const DataOptions& data,
                                     int64_t threads, Observer& observer = silent_observer());

/// The project of a data set (table or folder; masks may be missing): begun, or found as it was
/// begun. Warnings of the data set go to `observer`. Throws as cases_of(), uncertain_images() and
/// AnnotationStore::create() do.
///
/// uncertain  which images become cases; all of them by default.
AnnotationStore begin_project(const std::string& dataset, const std::filesystem::path& project,
                              const DataOptions& data, int64_t threads, Observer& observer,
                              const UncertainOptions& uncertain = {});

/// A mask of a case: class numbers [H,W] uint8 at the image's size. Throws Error(data) if it cannot
/// be read, has another size, or holds unknown labels.
torch::Tensor read_case_mask(const std::filesystem::path& path, const AnnotationCase& of,
                             const DataOptions& data);

/// The picture to keep for labels [H,W]: 0 and 255, or class numbers where the project has classes.
torch::Tensor stored_mask(const torch::Tensor& labels, const DataOptions& data);

/// A case's image for the eye, [H,W] uint8.
torch::Tensor read_gray(const AnnotationCase& of);

}  // namespace groundglass
