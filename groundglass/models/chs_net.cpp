#include "groundglass/models/chs_net.h"

namespace groundglass {

CHSNetImpl::CHSNetImpl(const CHSNetOptions& options)
    : CascadeImpl(RAIUNet(options.lung).ptr(), RAIUNet(options.infection).ptr(), options.cascade) {}

}  // namespace groundglass
