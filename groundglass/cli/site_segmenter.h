#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "groundglass/cli/context.h"
#include "groundglass/cli/runner_flags.h"
#include "groundglass/pacs/site_work.h"

namespace groundglass {

/// The networks of a site, loaded once: what `listen` does with a series, by the functions of
/// `predict`. Volumes and X-rays have one each.
class SiteSegmenter {
 public:
  /// Throws as `predict` does for its model, lungs and objects. Site and context must outlive it.
  SiteSegmenter(const Site& site, const std::string& key, const RunnerFlags& runner,
                const Context& context);
  ~SiteSegmenter();

  /// Which model segments volumes, for the log.
  const std::string& model_name() const;
  SiteActions actions();

 private:
  class Work;
  std::unique_ptr<Work> work_;
};

}  // namespace groundglass
