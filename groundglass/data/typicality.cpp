#include "groundglass/data/typicality.h"

#include <algorithm>
#include <cmath>
#include <map>

#include <ATen/ATen.h>
#include <nlohmann/json.hpp>

#include "groundglass/core/error.h"

namespace groundglass {
namespace {

constexpr int64_t kSide = 64, kField = 16;
constexpr size_t kFeatures = std::tuple_size_v<SliceFeatures>;
constexpr size_t kFewRows = 40, kParts = 5;
constexpr double kShrinkage = 0.1, kLimitQuantile = 0.99;

/// Otsu's threshold of grays in [0,255]: the share below it, and the part of the variance that lies
/// between the two sides.
std::array<double, 2> two_kinds(const std::vector<double>& grays) {
  std::array<double, 256> count{}, sum{};
  double total = 0, squares = 0;
  for (const double g : grays) {
    const auto bin = static_cast<size_t>(std::clamp(std::lround(g), 0L, 255L));
    count[bin] += 1;
    sum[bin] += g;
    total += g;
    squares += g * g;
  }
  const auto n = static_cast<double>(grays.size());
  const double variance = squares / n - (total / n) * (total / n);
  std::array<double, 2> best{0, 0};
  double below = 0, below_sum = 0;
  for (size_t t = 0; t < 255; ++t) {
    below += count[t];
    below_sum += sum[t];
    if (below == 0 || below == n) continue;
    const double apart = below_sum / below - (total - below_sum) / (n - below);
    const double between = below / n * (1 - below / n) * apart * apart;
    if (between > best[1] * (variance + 1)) best = {below / n, between / (variance + 1)};
  }
  return best;
}

}  // namespace

SliceFeatures slice_features(const torch::Tensor& slice) {
  auto gray = slice.to(torch::kFloat32);
  gray = gray.view({1, -1, gray.size(-2), gray.size(-1)}).mean(1, true);
  gray = at::adaptive_avg_pool2d(gray, {kSide, kSide}).contiguous();
  const float* p = gray.data_ptr<float>();
  std::vector<double> g(p, p + kSide * kSide);
  const auto n = static_cast<double>(g.size());

  double mean = 0, variance = 0;
  for (const double v : g) mean += v / n;
  for (const double v : g) variance += (v - mean) * (v - mean) / n;
  const double spread = std::sqrt(variance) / 255;
  const auto [dark, apart] = two_kinds(g);
  for (double& v : g) v = (v - mean) / 255 / (spread + 1e-3);

  const auto at = [&](int64_t y, int64_t x) { return g[static_cast<size_t>(y * kSide + x)]; };
  double mirror = 0, skew = 0, along = 0, across = 0;
  std::array<double, 8> fields{};
  for (int64_t y = 0; y < kSide; ++y) {
    for (int64_t x = 0; x < kSide; ++x) {
      const double v = at(y, x);
      mirror += v * at(y, kSide - 1 - x) / n;
      skew += v * v * v / n;
      if (x > 0) along += std::abs(v - at(y, x - 1)) / n;
      if (y > 0) across += std::abs(v - at(y - 1, x)) / n;
      const int64_t column = std::min(x, kSide - 1 - x) / kField;
      fields[static_cast<size_t>(y / kField * 2 + column)] += v / (2 * kField * kField);
    }
  }
  SliceFeatures out{spread, mirror};
  std::copy(fields.begin(), fields.end(), out.begin() + 2);
  out[10] = dark;
  out[11] = apart;
  out[12] = along;
  out[13] = across;
  out[14] = skew;
  return out;
}

std::vector<Typicality::Source> Typicality::fitted(const std::vector<Example>& examples) {
  std::map<std::string, std::vector<const Example*>> groups;
  for (const auto& e : examples) groups[e.source].push_back(&e);
  std::vector<const Example*> rest;
  for (auto group = groups.begin(); group != groups.end();) {
    const bool few = group->second.size() < kFewRows;
    if (few) rest.insert(rest.end(), group->second.begin(), group->second.end());
    group = few ? groups.erase(group) : std::next(group);
  }
  if (!rest.empty()) groups["others"] = rest;

  std::vector<Source> sources;
  for (const auto& [name, members] : groups) {
    auto x = torch::empty({static_cast<int64_t>(members.size()), static_cast<int64_t>(kFeatures)},
                          torch::kFloat64);
    for (size_t i = 0; i < members.size(); ++i) {
      std::copy(members[i]->features.begin(), members[i]->features.end(),
                x.data_ptr<double>() + i * kFeatures);
    }
    const auto mean = x.mean(0), spread = (x - mean).square().mean(0).sqrt() + 1e-6;
    const auto z = (x - mean) / spread;
    const auto covariance = torch::mm(z.t(), z) / std::max<int64_t>(1, z.size(0) - 1);
    const auto shrunk =
        (1 - kShrinkage) * covariance + kShrinkage * torch::eye(x.size(1), torch::kFloat64);
    const auto inverse =
        (at::linalg_inv(shrunk) / spread.unsqueeze(0) / spread.unsqueeze(1)).contiguous();
    Source s;
    s.name = name;
    s.mean.assign(mean.data_ptr<double>(), mean.data_ptr<double>() + kFeatures);
    s.inverse.assign(inverse.data_ptr<double>(),
                     inverse.data_ptr<double>() + kFeatures * kFeatures);
    sources.push_back(std::move(s));
  }
  return sources;
}

double Typicality::distance(const std::vector<Source>& sources, const SliceFeatures& features) {
  double nearest = std::numeric_limits<double>::infinity();
  for (const Source& s : sources) {
    double squared = 0;
    for (size_t i = 0; i < kFeatures; ++i) {
      for (size_t j = 0; j < kFeatures; ++j) {
        squared +=
            (features[i] - s.mean[i]) * s.inverse[i * kFeatures + j] * (features[j] - s.mean[j]);
      }
    }
    nearest = std::min(nearest, std::sqrt(std::max(0.0, squared) / kFeatures));
  }
  return nearest;
}

Typicality Typicality::of(const std::vector<Example>& examples) {
  std::map<std::string, size_t> part_of;  // patients are dealt in the order of their names
  for (const auto& e : examples) part_of[e.source + "\n" + e.patient] = 0;
  size_t dealt = 0;
  for (auto& [name, part] : part_of) part = dealt++ % kParts;

  std::vector<double> held_out;
  for (size_t part = 0; part < kParts; ++part) {
    std::vector<Example> known;
    std::vector<const Example*> unknown;
    for (const auto& e : examples) {
      if (part_of.at(e.source + "\n" + e.patient) == part) {
        unknown.push_back(&e);
      } else {
        known.push_back(e);
      }
    }
    if (known.empty()) continue;  // a single patient
    const auto sources = fitted(known);
    for (const Example* e : unknown) held_out.push_back(distance(sources, e->features));
  }
  Typicality typicality;
  typicality.sources_ = fitted(examples);
  if (held_out.empty()) {
    for (const auto& e : examples) {
      held_out.push_back(distance(typicality.sources_, e.features));
    }
  }
  std::sort(held_out.begin(), held_out.end());
  const auto place = kLimitQuantile * static_cast<double>(held_out.size() - 1);
  typicality.limit_ = std::max(1e-6, held_out[static_cast<size_t>(std::ceil(place))]);
  return typicality;
}

Typicality Typicality::of(const PreparedSet& set, const std::vector<int64_t>& rows) {
  std::vector<Example> examples;
  for (const int64_t row : rows) {
    const auto& r = set.rows()[static_cast<size_t>(row)];
    examples.push_back({slice_features(set.image(row)), r.domain, r.patient});
  }
  if (examples.empty()) fail(ErrorKind::internal, "typicality: no rows to learn from");
  return of(examples);
}

double Typicality::operator()(const torch::Tensor& slice) const {
  return distance(sources_, slice_features(slice)) / limit_;
}

std::string Typicality::json() const {
  nlohmann::ordered_json document = {{"limit", limit_}};
  for (const Source& s : sources_) {
    document["sources"].push_back({{"name", s.name}, {"mean", s.mean}, {"inverse", s.inverse}});
  }
  return document.dump();
}

Typicality Typicality::from_json(const std::string& text, const std::string& origin) {
  Typicality typicality;
  try {
    const auto document = nlohmann::json::parse(text);
    typicality.limit_ = document.at("limit");
    for (const auto& entry : document.at("sources")) {
      typicality.sources_.push_back({entry.at("name"), entry.at("mean"), entry.at("inverse")});
      const Source& s = typicality.sources_.back();
      if (s.mean.size() != kFeatures || s.inverse.size() != kFeatures * kFeatures) {
        fail(ErrorKind::checkpoint, origin + ": the note 'typicality' has " +
                                        std::to_string(s.mean.size()) + " features, expected " +
                                        std::to_string(kFeatures) +
                                        "; it is of another version: export the model again");
      }
    }
  } catch (const nlohmann::json::exception&) {
    fail(ErrorKind::checkpoint,
         origin + ": the note 'typicality' is damaged; export the model again");
  }
  return typicality;
}

}  // namespace groundglass
