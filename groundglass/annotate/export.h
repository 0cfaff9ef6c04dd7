#pragma once

#include <filesystem>
#include <string>

#include "groundglass/annotate/final_masks.h"
#include "groundglass/core/events.h"

namespace groundglass {

/// Who is to read the data set.
enum class ExportLayout {
  table,       ///< ours: cases.csv, images/, masks/
  nnunet,      ///< nnU-Net v2: dataset.json, imagesTr/<case>_0000.png, labelsTr/<case>.png
  monai_label  ///< a MONAI Label studies folder: <case>.png and labels/final/<case>.png
};

/// 'table', 'nnunet' or 'monai-label'. Throws Error(usage) for another word.
ExportLayout export_layout(const std::string& word);

/// Writes the chosen masks with their images as a data set, and sources.csv, which says where each
/// mask comes from. Images are stored anew as gray PNG, without whatever else their files held.
/// Files that an interrupted call has written are written again; the list (dataset.json, cases.csv,
/// sources.csv) comes last.
///
/// nnU-Net: labels are class numbers; 255, which no loss looks at, becomes its ignore label.
/// Throws Error(data) if nothing was chosen yet, Error(usage) if the folder holds pictures that are
/// no part of the export.
void export_masks(const AnnotationStore& store, const std::vector<FinalMask>& masks,
                  const std::filesystem::path& folder, ExportLayout layout, int64_t threads,
                  Observer& observer = silent_observer());

}  // namespace groundglass
