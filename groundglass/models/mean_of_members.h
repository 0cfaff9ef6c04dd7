#pragma once

#include "groundglass/models/segmentation_model.h"

namespace groundglass {

/// Several networks of one kind that answer together: the mean of their logits. What they are
/// unsure of they answer differently, and the mean errs less than most of them.
///
/// Lakshminarayanan, Pritzel, Blundell, "Simple and scalable predictive uncertainty estimation
/// using deep ensembles", NeurIPS 2017, https://arxiv.org/abs/1612.01474, sec. 2.4. Differs: logits
/// are averaged, not probabilities, so that a temperature still scales the answer; trained in one
/// run the members see the same batches and differ by their first weights alone.
///
/// encode: [N,C,H,W] -> the maps of the first member, then those of the second, ..
/// decode: those -> logits [N,K,H,W]; side, while training: the logits of each member.
/// layers: those of each member as "member1.NAME", "member2.NAME", ..; checkpoint keys likewise.
class MeanOfMembersImpl final : public SegmentationModel {
 public:
  /// Throws Error(usage) for no members, and unless all take and give the same channels.
  explicit MeanOfMembersImpl(std::vector<ModelPtr> members);
  ~MeanOfMembersImpl() override;
  MeanOfMembersImpl(const MeanOfMembersImpl&) = delete;
  MeanOfMembersImpl& operator=(const MeanOfMembersImpl&) = delete;

  Features encode(torch::Tensor image) override;
  Prediction decode(const Features& features) override;
  int64_t stride() const override;
  int64_t in_channels() const override { return members_.front()->in_channels(); }
  int64_t out_channels() const override { return members_.front()->out_channels(); }
  int64_t supervised_sides() const override { return static_cast<int64_t>(members_.size()); }
  std::vector<std::string> layer_names() const override;

 private:
  std::vector<ModelPtr> members_;
};
TORCH_MODULE(MeanOfMembers);

/// What the weights of member `i` (from 0) are called in front: "member1." for the first.
std::string member_prefix(size_t i);

}  // namespace groundglass
