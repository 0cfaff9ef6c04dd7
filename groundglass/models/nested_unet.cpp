#include "groundglass/models/nested_unet.h"

#include <numeric>

#include "groundglass/core/error.h"

namespace groundglass {
namespace {

std::string node_name(size_t row, size_t column) {
  return "node" + std::to_string(row) + "_" + std::to_string(column);
}

/// What a node joins, of all that stands before it in its row.
template <class T>
std::vector<T> seen(const std::vector<T>& row, Nesting nesting) {
  return nesting == Nesting::unet_plus_plus ? row : std::vector<T>{row.back()};
}

}  // namespace

NestedUNetImpl::NestedUNetImpl(const NestedUNetOptions& options) : options_(options) {
  encoder = register_module("encoder", make_encoder(options.encoder, options.in_channels));
  const auto& w = checked_widths(options.widths);
  if (int64_t{1} << w.size() != stride()) {
    fail(ErrorKind::recipe, "widths has " + std::to_string(w.size()) +
                                " entries, expected one for each halving of the encoder, whose "
                                "coarsest stride is " +
                                std::to_string(stride()));
  }
  finest_ = encoder->strides().size() - depth();
  const auto maps = encoder->channels(), coarse = encoder->coarse_channels();
  std::vector<std::vector<int64_t>> row(depth() + 1);  // channels of what stands in each row
  for (size_t r = 1; r <= depth(); ++r) row[r] = {maps[finest_ + r - 1]};
  const auto add = [&](size_t r, size_t j, int64_t below, const std::vector<int64_t>& skips) {
    const int64_t skip = std::accumulate(skips.begin(), skips.end(), int64_t{0});
    node.back().push_back(
        register_module(node_name(r, j), DecoderBlock(below, skip, w[r], options.block)));
  };
  for (size_t j = 1; j < depth(); ++j) {
    node.emplace_back();
    for (size_t r = 1; r <= depth() - j; ++r) {
      add(r, j, j == 1 ? coarse[finest_ + r] : w[r + 1], seen(row[r], options.nesting));
      row[r].push_back(w[r]);
    }
  }
  node.emplace_back();
  add(0, depth(), w[1], {});
  head = register_module("head", segmentation_head(w[0], options.out_channels));
}

Features NestedUNetImpl::encode(torch::Tensor image) {
  auto f = encoder->forward(scaled_input(image, options_.encoder.input_scale));
  for (size_t r = 1; r <= depth(); ++r) {
    auto& map = f.maps[finest_ + r - 1];
    map = watched("enc" + std::to_string(r), map);
  }
  return f;
}

Prediction NestedUNetImpl::decode(const Features& f) {
  std::vector<std::vector<torch::Tensor>> row(depth() + 1);  // what stands in each row so far
  for (size_t r = 1; r <= depth(); ++r) row[r] = {f.maps[finest_ + r - 1]};
  const auto from_encoder = [&](size_t r) {
    const bool other = !f.coarse.empty() && r < depth();
    return other ? f.coarse[finest_ + r - 1] : row[r][0];
  };
  for (size_t j = 1; j < depth(); ++j) {
    for (size_t r = 1; r <= depth() - j; ++r) {
      const auto below = j == 1 ? from_encoder(r + 1) : row[r + 1][j - 1];
      const auto y = node[j - 1][r - 1]->forward(below, seen(row[r], options_.nesting));
      row[r].push_back(watched(node_name(r, j), y));  // [N,w(r),H/2^r,W/2^r]
    }
  }
  const auto full = node.back()[0]->forward(row[1].back(), {});  // [N,w(0),H,W]
  return {head(watched(node_name(0, depth()), full)), {}};
}

std::vector<std::string> NestedUNetImpl::layer_names() const {
  std::vector<std::string> names;
  for (size_t r = 1; r <= depth(); ++r) names.push_back("enc" + std::to_string(r));
  for (size_t j = 1; j < depth(); ++j) {
    for (size_t r = 1; r <= depth() - j; ++r) names.push_back(node_name(r, j));
  }
  names.push_back(node_name(0, depth()));
  return names;
}

}  // namespace groundglass
