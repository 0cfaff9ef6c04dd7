#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "groundglass/annotate/store.h"

namespace groundglass {

/// The word with everything but letters, digits, '.', '-' and '_' turned into '_', so that it can
/// be part of a file's name.
std::string file_word(const std::string& name);

/// PROJECT/round_<n>: what annotators are handed. The key lies beside, not inside.
std::filesystem::path handout_folder(const AnnotationStore& store, int64_t round);
std::filesystem::path key_path(const AnnotationStore& store, int64_t round);

/// The mask behind a candidate.
std::filesystem::path mask_path(const AnnotationStore& store, const Candidate& candidate,
                                const std::vector<Proposal>& proposals);

}  // namespace groundglass
