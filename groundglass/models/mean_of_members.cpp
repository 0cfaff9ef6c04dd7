#include "groundglass/models/mean_of_members.h"

#include <numeric>

#include "groundglass/core/error.h"

namespace groundglass {
namespace {

/// The part of a list that belongs to member i of n.
std::vector<torch::Tensor> part_of(const std::vector<torch::Tensor>& all, size_t i, size_t n) {
  const auto each = static_cast<std::ptrdiff_t>(all.size() / n);
  const auto begin = all.begin() + static_cast<std::ptrdiff_t>(i) * each;
  return {begin, begin + each};
}

void append(std::vector<torch::Tensor>& all, const std::vector<torch::Tensor>& more) {
  all.insert(all.end(), more.begin(), more.end());
}

}  // namespace

std::string member_prefix(size_t i) {
  return "member" + std::to_string(i + 1) + ".";
}

MeanOfMembersImpl::MeanOfMembersImpl(std::vector<ModelPtr> members) : members_(std::move(members)) {
  if (members_.empty()) fail(ErrorKind::usage, "a mean of no networks, expected one at least");
  for (size_t i = 0; i < members_.size(); ++i) {
    auto& member = members_[i];
    if (member->in_channels() != in_channels() || member->out_channels() != out_channels()) {
      fail(ErrorKind::usage, "networks of " + std::to_string(member->in_channels()) + " to " +
                                 std::to_string(member->out_channels()) + " channels and of " +
                                 std::to_string(in_channels()) + " to " +
                                 std::to_string(out_channels()) +
                                 " have no mean, expected the same");
    }
    const std::string prefix = member_prefix(i);
    register_module(prefix.substr(0, prefix.size() - 1), member);
    member->watch_layers([this, prefix](const std::string& layer, torch::Tensor output) {
      return watched(prefix + layer, std::move(output));
    });
  }
}

MeanOfMembersImpl::~MeanOfMembersImpl() {
  for (auto& member : members_) member->watch_layers({});  // they may live longer than their mean
}

Features MeanOfMembersImpl::encode(torch::Tensor image) {
  Features all;
  for (auto& member : members_) {
    const Features own = member->encode(image);
    append(all.maps, own.maps);
    append(all.indices, own.indices);
    append(all.coarse, own.coarse);
  }
  return all;
}

Prediction MeanOfMembersImpl::decode(const Features& f) {
  const size_t n = members_.size();
  Prediction mean;
  for (size_t i = 0; i < n; ++i) {
    const auto logits =
        members_[i]
            ->decode({part_of(f.maps, i, n), part_of(f.indices, i, n), part_of(f.coarse, i, n)})
            .logits;
    mean.logits = i == 0 ? logits : mean.logits + logits;
    if (is_training()) mean.side.push_back(logits);
  }
  mean.logits = mean.logits * (1.0 / static_cast<double>(n));
  return mean;
}

int64_t MeanOfMembersImpl::stride() const {
  int64_t stride = 1;
  for (const auto& member : members_) stride = std::lcm(stride, member->stride());
  return stride;
}

std::vector<std::string> MeanOfMembersImpl::layer_names() const {
  std::vector<std::string> names;
  for (size_t i = 0; i < members_.size(); ++i) {
    for (const auto& layer : members_[i]->layer_names()) names.push_back(member_prefix(i) + layer);
  }
  return names;
}

}  // namespace groundglass
