#include "groundglass/report/run_pictures.h"

namespace groundglass {

CurveDrawer::CurveDrawer(std::filesystem::path run) : run_(std::move(run)) {}

void CurveDrawer::on(const EpochDone&) {}

void write_augmentation(const std::filesystem::path&, const PreparedSet&, const AugmentOptions&,
                        uint64_t) {}

void write_certainty(const std::filesystem::path&, const std::vector<int64_t>&, double) {}

void write_reliability(const std::filesystem::path&, const std::string&,
                       const std::vector<ReliabilityPanel>&) {}

}  // namespace groundglass
