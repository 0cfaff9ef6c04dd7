#include "groundglass/core/error.h"
#include "groundglass/data/prepare.h"

namespace groundglass {

std::string fingerprint_of(const Dataset& dataset, const DataOptions&) {
  fail(ErrorKind::usage, dataset.source.string() + ": this build reads no images");
}

int64_t prepare(const PrepareJob& job, Observer&) {
  fail(ErrorKind::usage, job.dataset.source.string() + ": this build reads no images");
}

}  // namespace groundglass
