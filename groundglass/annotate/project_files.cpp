#include "groundglass/annotate/project_files.h"

#include <algorithm>
#include <cctype>

namespace groundglass {
namespace fs = std::filesystem;

std::string file_word(const std::string& name) {
  std::string word = name;
  for (char& c : word) {
    const bool plain =
        std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '-' || c == '_';
    if (!plain) c = '_';
  }
  if (!word.empty() && word.front() == '.') word.front() = '_';  // no hidden files
  return word;
}

fs::path handout_folder(const AnnotationStore& store, int64_t round) {
  return store.project() / ("round_" + std::to_string(round));
}

fs::path key_path(const AnnotationStore& store, int64_t round) {
  return store.project() / ("key_round_" + std::to_string(round) + ".csv");
}

fs::path mask_path(const AnnotationStore& store, const Candidate& candidate,
                   const std::vector<Proposal>& proposals) {
  if (candidate.proposal == 0) return store.case_of(candidate.case_id).manual;
  const auto found = std::find_if(proposals.begin(), proposals.end(),
                                  [&](const Proposal& p) { return p.id == candidate.proposal; });
  return store.project() / found->file;
}

}  // namespace groundglass
