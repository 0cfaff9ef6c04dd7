#include <algorithm>

#include <ATen/ATen.h>

#include "groundglass/infer/plan/graph.h"

namespace groundglass::planning {
namespace {

constexpr int64_t kFew = 4;  ///< channels of a depthwise layer that is multiplied into the next

class Fuser {
 public:
  Fuser(Network& network, bool winograd) : n_(network), winograd_(winograd) {}

  void run() {
    drop_what_changes_nothing();
    share_beginnings();
    for (bool moved = true; moved;) moved = windows();
    depthwise_into_pointwise();
    for (bool moved = true; moved;) moved = pointwise();
    for (bool moved = true; moved;) moved = residuals();
    drop_unused();
  }

 private:
  const Value& value(int id) const { return n_.values[static_cast<size_t>(id)]; }
  Op* maker(int id) {
    for (Op& op : n_.ops) {
      if (std::count(op.out.begin(), op.out.end(), id)) return &op;
    }
    return nullptr;
  }
  int uses(int id) const {
    int count = static_cast<int>(std::count(n_.outputs.begin(), n_.outputs.end(), id));
    for (const Op& op : n_.ops) {
      count += static_cast<int>(std::count(op.in.begin(), op.in.end(), id));
    }
    return count;
  }
  void erase(size_t i) { n_.ops.erase(n_.ops.begin() + static_cast<std::ptrdiff_t>(i)); }

  void replace(int old_id, int new_id) {
    for (Op& op : n_.ops) {
      std::replace(op.in.begin(), op.in.end(), old_id, new_id);
      for (Argument& a : op.arguments) {
        if (int* id = std::get_if<int>(&a); id && *id == old_id) *id = new_id;
        if (auto* list = std::get_if<2>(&a)) {
          for (auto& part : *list) {
            if (int* id = std::get_if<int>(&part); id && *id == old_id) *id = new_id;
          }
        }
      }
    }
    std::replace(n_.outputs.begin(), n_.outputs.end(), old_id, new_id);
  }

  static bool nothing(const Op& op) {
    if (op.kind == Kind::concat) return op.in.size() == 1;
    return op.kind == Kind::pointwise && op.first == Act::none && op.last == Act::none &&
           !op.scale.defined() && !op.shift.defined();
  }

  void drop_what_changes_nothing() {
    for (size_t i = 0; i < n_.ops.size();) {
      if (!nothing(n_.ops[i])) {
        ++i;
        continue;
      }
      replace(n_.ops[i].out[0], n_.ops[i].in[0]);
      erase(i);
    }
  }

  void drop_unused() {
    for (size_t i = n_.ops.size(); i-- > 0;) {
      const auto& out = n_.ops[i].out;
      if (std::none_of(out.begin(), out.end(), [&](int v) { return uses(v) > 0; })) erase(i);
    }
  }

  /// cat(a,b) and later cat(a,b,c): the second begins with the first.
  void share_beginnings() {
    for (size_t i = 0; i < n_.ops.size(); ++i) {
      Op& later = n_.ops[i];
      if (later.kind != Kind::concat) continue;
      const Op* best = nullptr;
      for (size_t k = 0; k < i; ++k) {
        const Op& op = n_.ops[k];
        if (op.kind != Kind::concat || op.in.size() >= later.in.size()) continue;
        if (!std::equal(op.in.begin(), op.in.end(), later.in.begin())) continue;
        if (!best || op.in.size() > best->in.size()) best = &op;
      }
      if (!best) continue;
      std::vector<int> in = {best->out[0]};
      in.insert(in.end(), later.in.begin() + static_cast<std::ptrdiff_t>(best->in.size()),
                later.in.end());
      later.in = std::move(in);
    }
  }

  static bool pads(const Op& w) {
    return w.before[0] >= 0 && w.before[1] >= 0 && w.after[0] >= 0 && w.after[1] >= 0;
  }
  static bool crops(const Op& w) {
    return w.before[0] <= 0 && w.before[1] <= 0 && w.after[0] <= 0 && w.after[1] <= 0;
  }

  /// Zeros around a map into the convolutions that read it; a part of a map into what makes it.
  bool windows() {
    for (size_t i = 0; i < n_.ops.size(); ++i) {
      const Op w = n_.ops[i];
      if (w.kind != Kind::window) continue;
      bool moved = false;
      if (pads(w)) {
        for (Op& op : n_.ops) {
          if (op.kind != Kind::convolution || op.in[0] != w.out[0]) continue;
          op.in[0] = w.in[0];
          for (size_t a = 0; a < 2; ++a) {
            op.before[a] += w.before[a];
            op.after[a] += w.after[a];
          }
          moved = true;
        }
        if (uses(w.out[0]) == 0) erase(i);
      } else if (Op* m = maker(w.in[0]); m && crops(w) && uses(w.in[0]) == 1) {
        const bool pool = m->kind == Kind::max_pool && m->out.size() == 1;
        const bool transposed = m->kind == Kind::transposed && w.before == Pair{0, 0};
        if (pool || transposed) {
          for (size_t a = 0; a < 2 && pool; ++a) m->before[a] += w.before[a] * m->stride[a];
          m->out = w.out;
          erase(i);
          moved = true;
        }
      }
      if (moved) return true;
    }
    return false;
  }

  /// Few channels, each filtered by itself, then mixed 1x1: one dense convolution.
  void depthwise_into_pointwise() {
    for (size_t i = 0; i < n_.ops.size(); ++i) {
      Op& mix = n_.ops[i];
      const bool one = mix.kind == Kind::convolution && mix.groups == 1 &&
                       mix.kernel == Pair{1, 1} && mix.stride == Pair{1, 1} &&
                       mix.before == Pair{0, 0} && mix.after == Pair{0, 0};
      if (!one || uses(mix.in[0]) != 1) continue;
      Op* d = maker(mix.in[0]);
      if (!d || d->kind != Kind::convolution || d->weight.size(0) > kFew) continue;
      if (d->groups != d->weight.size(0) || d->weight.size(1) != 1) continue;
      if (d->first != Act::none || d->last != Act::none || value(d->in[0]).channels() != d->groups)
        continue;
      if (d->bias.defined()) {
        const auto moved = torch::matmul(mix.weight.flatten(1), d->bias);
        mix.bias = mix.bias.defined() ? mix.bias + moved : moved;
      }
      // [O,I,1,1] x [1,I,k,k] -> [O,I,k,k]
      mix.weight = (mix.weight * d->weight.squeeze(1).unsqueeze(0)).contiguous();
      mix.kernel = d->kernel;
      mix.stride = d->stride;
      mix.before = d->before;
      mix.after = d->after;
      mix.dilation = d->dilation;
      mix.in = d->in;
      const int gone = d->out[0];
      for (size_t k = 0; k < n_.ops.size(); ++k) {
        if (n_.ops[k].out == std::vector<int>{gone}) {
          erase(k);
          --i;
          break;
        }
      }
    }
  }

  /// scale and shift of the outputs into weights
  static void scale_outputs(Op& conv, const Op& p) {
    const bool t = conv.kind == Kind::transposed;
    if (p.scale.defined()) {
      const auto s = p.scale.to(torch::kFloat64);
      const auto view = t ? s.view({1, -1, 1, 1}) : s.view({-1, 1, 1, 1});
      conv.weight = (conv.weight.to(torch::kFloat64) * view).to(torch::kFloat32).contiguous();
      if (conv.bias.defined()) {
        conv.bias = (conv.bias.to(torch::kFloat64) * s).to(torch::kFloat32).contiguous();
      }
    }
    if (p.shift.defined()) conv.bias = conv.bias.defined() ? conv.bias + p.shift : p.shift;
  }

  bool pointwise() {
    bool any = false;
    for (size_t i = 0; i < n_.ops.size(); ++i) {
      const Op p = n_.ops[i];
      if (p.kind != Kind::pointwise || uses(p.in[0]) != 1) continue;
      Op* m = maker(p.in[0]);
      if (!m) continue;
      const bool affine = p.scale.defined() || p.shift.defined();
      const bool conv = m->kind == Kind::convolution || m->kind == Kind::transposed;
      const bool bare = m->last == Act::none && p.first == Act::none && p.last != Act::step;
      if (conv && bare) {
        scale_outputs(*m, p);
      } else if ((m->kind == Kind::binary || m->kind == Kind::pointwise) && bare && !affine) {
      } else if (m->kind == Kind::pointwise && m->first == Act::none && !m->scale.defined() &&
                 !m->shift.defined() && p.first == Act::none) {
        m->first = m->last;
        m->scale = p.scale;
        m->shift = p.shift;
      } else {
        continue;
      }
      m->last = p.last;
      m->out = p.out;
      erase(i--);
      any = true;
    }
    return any;
  }

  bool takes_residual(const Op* m, int id, const Value& other) const {
    return m && m->kind == Kind::convolution && !m->residual && m->first == Act::none &&
           m->groups == 1 && m->last == Act::none && uses(id) == 1 && value(id).channels() > kFew &&
           other.sizes == value(id).sizes;
  }

  /// The sum of a convolution and a map that is there already.
  bool residuals() {
    for (size_t i = 0; i < n_.ops.size(); ++i) {
      const Op sum = n_.ops[i];
      if (sum.kind != Kind::binary || sum.how != Arithmetic::add || sum.constant.defined())
        continue;
      if (sum.in[0] == sum.in[1]) continue;
      for (const size_t k : {1, 0}) {
        const int mine = sum.in[k], other = sum.in[1 - k];
        Op* m = maker(mine);
        if (!takes_residual(m, mine, value(other))) continue;
        if (uses(other) != 1 && winograd_ && suits_winograd(*m, n_)) continue;
        Op conv = *m;
        conv.residual = true;
        conv.last = sum.last;
        conv.in.push_back(other);
        conv.out = sum.out;
        n_.ops[i] = conv;  // where both are there
        erase(static_cast<size_t>(m - n_.ops.data()));
        return true;
      }
    }
    return false;
  }

  Network& n_;
  bool winograd_;
};

}  // namespace

bool suits_winograd(const Op& op, const Network& network) {
  // On maps of 16x16 places weights of four times the size take as long to read as they save, and
  // it is there that networks have most of their weights
  constexpr int64_t kChannels = 32, kPlaces = 300;
  if (op.kernel != Pair{3, 3} || op.stride != Pair{1, 1} || op.dilation != Pair{1, 1}) return false;
  if (op.groups != 1 || op.before != Pair{1, 1} || op.after != Pair{1, 1}) return false;
  const Value& out = network.values[static_cast<size_t>(op.out[0])];
  return op.weight.size(0) >= kChannels && op.weight.size(1) >= kChannels &&
         out.height() * out.width() >= kPlaces;
}

void fuse(Network& network, bool winograd) {
  Fuser(network, winograd).run();
}

}  // namespace groundglass::planning
