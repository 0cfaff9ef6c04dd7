#pragma once

#include "groundglass/core/prefixed_fields.h"
#include "groundglass/models/cascade.h"
#include "groundglass/models/raiu_net.h"

namespace groundglass {

struct CHSNetOptions {
  RAIUNetOptions lung, infection;
  CascadeOptions cascade;

  template <class V>
  void fields(V& v) {
    v.field({"threshold", "of the lung probability, for a hard gate", 0, 1}, cascade.threshold);
    v.choice({"gate", "what the second network sees of the image"}, cascade.gate,
             {{"hard", CascadeGate::hard}, {"soft", CascadeGate::soft}});
    PrefixedFields of_lung(v, "lung_"), of_infection(v, "infection_");
    lung.fields(of_lung);
    infection.fields(of_infection);
  }
};

/// CHS-Net: a cascade of two RAIU-Nets, lungs first, infection second.
///
/// Punn, Agarwal, "CHS-Net", https://arxiv.org/abs/2012.07079, Fig. 5 (8.4 million parameters).
/// Differs: 8,091,052 parameters, twice those of RAIUNet, which says why.
///
/// Shapes, side outputs, layers and keys are those of Cascade.
class CHSNetImpl final : public CascadeImpl {
 public:
  explicit CHSNetImpl(const CHSNetOptions& options = {});
};
TORCH_MODULE(CHSNet);

}  // namespace groundglass
