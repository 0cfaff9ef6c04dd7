#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "groundglass/pacs/site_work.h"
#include "groundglass/runs/segmenter_options.h"

namespace groundglass {

/// The networks of a site, loaded once, and what is done with a series: it is segmented by
/// predict() into the DICOM objects that the site names. Volumes and X-rays have a network each.
/// One thread at a time.
class SiteSegmenter {
 public:
  /// site      names models, lungs and objects; must outlive this
  /// key       from which the objects' UIDs and pseudonyms are made, see read_site_key()
  /// settings  engine, threads and overrides of [preprocess]
  /// choice    what runs the networks
  ///
  /// Throws Error(usage) for a site without objects, else as load_runnable_model(), lung_source()
  /// and Segmenter do.
  SiteSegmenter(const Site& site, const std::string& key, const RunSettings& settings,
                const RunnerChoice& choice = {});
  ~SiteSegmenter();

  /// Which model segments volumes, for the log.
  const std::string& model_name() const;
  /// What SiteWork does with a series, by these networks, which must outlive them.
  SiteActions actions();

 private:
  class Work;
  std::unique_ptr<Work> work_;
};

}  // namespace groundglass
