#pragma once

#include <filesystem>
#include <memory>
#include <string>

namespace groundglass {

class LobeAtlas;

/// Who says where the lobes of a volume lie: an atlas, by the shape of each lung, or a file of the
/// one volume; nobody if neither is there.
struct LobeSource {
  std::shared_ptr<const LobeAtlas> atlas = {};
  std::filesystem::path file = {};  ///< as LobeFile takes it; goes before the atlas
  std::string name = "none";        ///< in the journal

  bool any() const { return atlas != nullptr || !file.empty(); }
};

/// What is said beside every number of lobes that an atlas found.
constexpr const char* kLobesByShape = "lobes by shape, not by fissures";

}  // namespace groundglass
