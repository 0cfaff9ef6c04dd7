#include "groundglass/distributed/exchange.h"

#ifdef GROUNDGLASS_GLOO

namespace groundglass {
namespace {

constexpr int64_t kTags = 1 << 16;

}  // namespace

Exchange::Exchange(std::array<Group, kGroups> groups)
    : groups_(std::move(groups)), rank_(groups_[0]->getRank()), size_(groups_[0]->getSize()) {
  const auto bytes = torch::TensorOptions(torch::kUInt8);
  sent_ = torch::zeros({kMostBytes}, bytes);
  for (auto& received : received_) {
    for (int r = 0; r < size_; ++r) {
      received.bytes.push_back(r == rank_ ? torch::Tensor() : torch::zeros({kMostBytes}, bytes));
    }
  }
}

bool Exchange::takes(const torch::Tensor& numbers) const {
  return size_ <= kMostRanks && !numbers.is_cuda() &&
         numbers.numel() * static_cast<int64_t>(numbers.element_size()) <= kMostBytes;
}

c10d::ProcessGroupGloo& Exchange::way(int from, int to, int64_t number) {
  return *groups_[static_cast<size_t>(2 * (number % 2) + (from < to ? 0 : 1))];
}

void Exchange::expect(Received& received, int64_t number) {
  received.pending.assign(received.bytes.size(), Work());
  for (int r = 0; r < size_; ++r) {
    if (r == rank_) continue;
    const auto place = static_cast<size_t>(r);
    std::vector<at::Tensor> list = {received.bytes[place]};
    received.pending[place] = way(r, rank_, number).recv(list, r, static_cast<int>(number % kTags));
  }
}

std::vector<torch::Tensor> Exchange::of_all(const torch::Tensor& mine) {
  auto& now = received_[static_cast<size_t>(number_ % 2)];
  if (number_ == 0) expect(now, 0);
  expect(received_[static_cast<size_t>((number_ + 1) % 2)], number_ + 1);
  const auto numbers = mine.contiguous().view({mine.numel()}).view(torch::kUInt8);
  sent_.narrow(0, 0, numbers.numel()).copy_(numbers);
  std::vector<Work> sending;
  for (int r = 0; r < size_; ++r) {
    if (r == rank_) continue;
    std::vector<at::Tensor> list = {sent_};
    sending.push_back(way(rank_, r, number_).send(list, r, static_cast<int>(number_ % kTags)));
  }
  std::vector<torch::Tensor> all;
  for (int r = 0; r < size_; ++r) {
    if (r == rank_) {
      all.push_back(mine.clone());
      continue;
    }
    const auto place = static_cast<size_t>(r);
    now.pending[place]->wait();
    all.push_back(now.bytes[place]
                      .narrow(0, 0, numbers.numel())
                      .view(mine.scalar_type())
                      .view(mine.sizes())
                      .clone());
  }
  for (const auto& work : sending) work->wait();
  ++number_;
  return all;
}

}  // namespace groundglass

#endif
