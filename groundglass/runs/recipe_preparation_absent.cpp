#include "groundglass/core/error.h"
#include "groundglass/runs/recipe_preparation.h"

namespace groundglass {

Dataset dataset_for(const Recipe&, const std::filesystem::path& source) {
  fail(ErrorKind::usage, source.string() + ": this build reads no images");
}

int64_t prepare_for(const Recipe&, Dataset dataset, const std::filesystem::path&,
                    const RunSettings&, Observer&) {
  fail(ErrorKind::usage, dataset.source.string() + ": this build reads no images");
}

}  // namespace groundglass
