#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "groundglass/annotate/store.h"

namespace groundglass {

struct ChoicesRead {
  int64_t lines = 0;  ///< of the file
  int64_t open = 0;   ///< lines without a choice, left for later
  int64_t added = 0;  ///< choices that are new
  int64_t known = 0;  ///< read in before and unchanged
};

/// Reads a filled-in choices.csv into the project: columns case, choice (a letter or "reject") and
/// optionally round (else the latest), mask (a drawn mask of a rejected case, path relative to the
/// file), seconds and note. Drawn masks are copied into PROJECT/drawn/round_<n>/<annotator>/. Lines
/// without a choice are left for later; the same file may be read again.
///
/// Throws Error(usage) for a name of the annotator that can be no folder's name, and Error(data)
/// that lists all that is wrong at once, with line numbers: unknown rounds and cases, letters that
/// the case does not have, cases twice in the file or chosen before (with `keep`), masks without a
/// rejection or a choice, unreadable masks, seconds that are no number. Nothing is written then.
ChoicesRead read_choices(AnnotationStore& store, const std::filesystem::path& file,
                         const std::string& annotator, Earlier earlier);

}  // namespace groundglass
