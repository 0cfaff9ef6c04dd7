#pragma once

#include <string>
#include <vector>

#include "groundglass/pacs/dicomweb.h"

namespace groundglass {

/// C-FIND at a DICOM node (Study Root, level SERIES below the studies that match). Throws
/// Error(data) if the node is not there or refuses.
std::vector<FoundSeries> find_by_dimse(const Destination& node, const std::string& calling_ae,
                                       const TlsFiles& tls, const StudyQuery& query);

/// C-MOVE of a series to an AE title that the node knows. Returns how many images were moved.
/// Throws Error(data) with the node's status if it refuses or some images fail.
int64_t move_by_dimse(const Destination& node, const std::string& calling_ae, const TlsFiles& tls,
                      const FoundSeries& series, const std::string& move_to);

}  // namespace groundglass
