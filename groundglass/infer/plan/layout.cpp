#include <algorithm>
#include <numeric>
#include <set>

#include <ATen/ATen.h>

#include "groundglass/core/error.h"
#include "groundglass/infer/plan/graph.h"

namespace groundglass::planning {

int64_t blocks_of(const Value& value, int64_t lanes) {
  if (value.plain) return value.channels();
  int64_t blocks = 0;
  for (const int64_t p : value.pieces) blocks += (p + lanes - 1) / lanes;
  return blocks;
}

namespace {

constexpr int64_t kPlainChannels = 4;  ///< at most, in a map that stays as LibTorch holds it

class Layout {
 public:
  Layout(Network& network, int64_t lanes, bool half) : n_(network), lanes_(lanes), half_(half) {}

  void run() {
    Value& image = value(n_.image);
    image.plain = image.channels() <= kPlainChannels;
    image.pieces = {image.channels()};
    std::vector<Op> ops = std::move(n_.ops);
    all_ = ops;
    for (Op& op : ops) place(std::move(op));
    for (size_t v = 0; v < n_.values.size(); ++v) {
      if (n_.values[v].storage < 0) n_.values[v].storage = static_cast<int>(v);
    }
    views();
    concatenations();
    in_place();
    resolve();
  }

 private:
  Value& value(int id) { return n_.values[static_cast<size_t>(id)]; }

  /// The map in another layout: itself, or what a copy makes.
  int converted(int id, bool plain, const std::vector<int64_t>& pieces) {
    if (value(id).plain == plain && (plain || value(id).pieces == pieces)) return id;
    Value copy = value(id);
    copy.plain = plain;
    copy.pieces = pieces;
    Op op;
    op.kind = Kind::concat;
    op.about = "change of layout";
    op.in = {id};
    op.out = {n_.add_value(copy)};
    n_.ops.push_back(op);
    return op.out[0];
  }
  int blocked(int id) {
    return value(id).plain ? converted(id, false, {value(id).channels()}) : id;
  }

  void place(Op op) {
    switch (op.kind) {
      case Kind::convolution:
        convolution(op);
        break;
      case Kind::binary:
        binary(op);
        break;
      case Kind::concat:
        concat(op);
        break;
      case Kind::pointwise:
      case Kind::resize:
      case Kind::window:
        like_input(op, true);
        break;
      case Kind::torch:
        torch_op(op);
        break;
      case Kind::channels:
        channels(op);
        break;
      case Kind::transposed: {
        op.in[0] = blocked(op.in[0]);
        value(op.out[0]).pieces = {value(op.out[0]).channels()};
        break;
      }
      default:
        like_input(op, false);
    }
    n_.ops.push_back(std::move(op));
  }

  void like_input(Op& op, bool may_be_plain) {
    if (!may_be_plain) op.in[0] = blocked(op.in[0]);
    for (const int out : op.out) {
      value(out).plain = value(op.in[0]).plain;
      value(out).pieces = value(op.in[0]).pieces;
    }
  }

  /// Runs of channels that others cut out of a value, or one run.
  std::vector<int64_t> cuts(int id) {
    const int64_t whole = value(id).channels();
    std::set<int64_t> borders = {0, whole};
    for (const Op& op : all_) {
      if (std::count(op.in.begin(), op.in.end(), id) == 0) continue;
      if (op.kind != Kind::channels) continue;
      borders.insert(op.begin);
      borders.insert(op.begin + value(op.out[0]).channels());
    }
    std::vector<int64_t> pieces, at(borders.begin(), borders.end());
    for (size_t i = 1; i < at.size(); ++i) pieces.push_back(at[i] - at[i - 1]);
    return pieces;
  }

  void convolution(Op& op) {
    Value& out = value(op.out[0]);
    const Value& in = value(op.in[0]);
    const bool few = out.channels() <= kPlainChannels && op.stride == Pair{1, 1} &&
                     op.dilation == Pair{1, 1} && !op.residual && (in.plain || op.groups == 1);
    out.plain = few;
    out.pieces = {out.channels()};
    if (few) return;
    const bool depthwise = op.groups > 1;
    const bool first =
        !half_ && in.plain && !depthwise && (in.channels() == 1 || in.channels() == 3);
    if (!first) op.in[0] = blocked(op.in[0]);
    if (depthwise) {
      value(op.out[0]).pieces = value(op.in[0]).pieces;
    } else if (op.residual) {
      op.in[1] = blocked(op.in[1]);
      value(op.out[0]).pieces = value(op.in[1]).pieces;
    } else {
      value(op.out[0]).pieces = cuts(op.out[0]);
    }
  }

  void binary(Op& op) {
    const int64_t channels = value(op.out[0]).channels();
    bool plain = channels <= kPlainChannels;
    for (const int v : op.in) plain = plain && value(v).plain;
    std::vector<int64_t> pieces = {channels};
    for (const int v : op.in) {  // the first full operand decides
      if (!value(v).plain && value(v).channels() == channels) {
        pieces = value(v).pieces;
        break;
      }
    }
    for (int& v : op.in) {
      const bool scalar = value(v).plain && value(v).channels() == 1 && channels > 1;
      if (plain || scalar) continue;
      if (value(v).channels() == channels) {
        v = converted(v, false, pieces);
      } else {
        v = converted(v, true, {1});
      }
    }
    value(op.out[0]).plain = plain;
    value(op.out[0]).pieces = pieces;
  }

  void concat(Op& op) {
    Value& out = value(op.out[0]);
    bool plain = out.channels() <= kPlainChannels;
    for (const int v : op.in) plain = plain && value(v).plain;
    out.plain = plain;
    out.pieces.clear();
    for (const int v : op.in) {
      const auto& p = value(v).pieces;
      out.pieces.insert(out.pieces.end(), p.begin(), p.end());
    }
    if (plain) out.pieces = {out.channels()};
  }

  void channels(Op& op) {
    const Value& in = value(op.in[0]);
    Value& out = value(op.out[0]);
    out.plain = in.plain;
    out.pieces.clear();
    int64_t at = 0;
    bool whole = true;
    for (const int64_t p : in.pieces) {
      const int64_t low = std::max(at, op.begin);
      const int64_t high = std::min(at + p, op.begin + out.channels());
      if (high > low) {
        out.pieces.push_back(high - low);
        whole = whole && low == at && high == at + p;
      }
      at += p;
    }
    if (!whole || out.plain) out.pieces = {out.channels()};
  }

  void torch_op(Op& op) {
    for (const int v : op.out) {
      if (!value(v).map) continue;
      value(v).plain = value(v).channels() <= kPlainChannels;
      value(v).pieces = {value(v).channels()};
    }
  }

  int root(int v) {
    while (value(v).storage != v) v = value(v).storage;
    return v;
  }
  bool has_parent(int v) { return value(v).storage != v; }
  int64_t size_of(const Value& v) const {
    return blocks_of(v, lanes_) * v.height() * v.width() * (v.plain ? 1 : lanes_);
  }

  /// Channels that are whole blocks are a part of the same memory.
  void views() {
    for (const Op& op : n_.ops) {
      if (op.kind != Kind::channels || value(op.in[0]).plain) continue;
      const Value& in = value(op.in[0]);
      int64_t at = 0, block = 0;
      for (const int64_t p : in.pieces) {
        if (at == op.begin) break;
        at += p;
        block += (p + lanes_ - 1) / lanes_;
      }
      const auto& pieces = value(op.out[0]).pieces;
      const bool known = at == op.begin && matches(in, at, pieces);
      if (!known) continue;
      value(op.out[0]).storage = op.in[0];
      value(op.out[0]).block = block;
    }
  }

  static bool matches(const Value& in, int64_t begin, const std::vector<int64_t>& pieces) {
    int64_t at = 0;
    size_t i = 0;
    while (i < in.pieces.size() && at < begin) at += in.pieces[i++];
    for (const int64_t p : pieces) {
      if (i >= in.pieces.size() || in.pieces[i++] != p) return false;
    }
    return at == begin;
  }

  void concatenations() {
    for (size_t i = n_.ops.size(); i-- > 0;) {
      const Op& op = n_.ops[i];
      if (op.kind != Kind::concat || value(op.out[0]).plain) continue;
      int64_t block = 0;
      for (const int v : op.in) {
        const bool free = !has_parent(v) && v != n_.image && !value(v).plain &&
                          std::count(op.in.begin(), op.in.end(), v) == 1 && op.in.size() > 1;
        if (free) {
          value(v).storage = op.out[0];
          value(v).block = block;
        }
        block += value(v).plain ? (value(v).channels() + lanes_ - 1) / lanes_
                                : blocks_of(value(v), lanes_);
      }
    }
  }

  std::vector<int> last_readers() {
    std::vector<int> last(n_.values.size(), -1);
    for (size_t i = 0; i < n_.ops.size(); ++i) {
      for (const int v : n_.ops[i].in) last[static_cast<size_t>(v)] = static_cast<int>(i);
    }
    for (const int v : n_.outputs) last[static_cast<size_t>(v)] = static_cast<int>(n_.ops.size());
    return last;
  }

  /// The result takes the place of an input that nobody reads afterwards.
  void in_place() {
    const auto last = last_readers();
    for (size_t i = 0; i < n_.ops.size(); ++i) {
      const Op& op = n_.ops[i];
      int in = -1;
      if (op.kind == Kind::pointwise) in = op.in[0];
      if (op.kind == Kind::convolution && op.residual) in = op.in[1];
      if (op.kind == Kind::binary && value(op.in[0]).sizes == value(op.out[0]).sizes) in = op.in[0];
      if (in < 0 || in == n_.image || has_parent(in)) continue;
      if (op.kind != Kind::pointwise && op.in[0] == op.in.back() && op.in.size() > 1) continue;
      const Value &a = value(in), &b = value(op.out[0]);
      if (!a.map || a.plain != b.plain || a.pieces != b.pieces || a.sizes != b.sizes) continue;
      bool free = true;
      for (size_t v = 0; v < n_.values.size(); ++v) {
        if (!inside(static_cast<int>(v), in)) continue;
        const int end = static_cast<int>(v) == in ? static_cast<int>(i) : static_cast<int>(i) - 1;
        free = free && last[v] <= end && static_cast<int>(v) != n_.image;
      }
      if (!free || inside(op.out[0], in)) continue;
      value(in).storage = op.out[0];
      value(in).block = 0;
    }
  }

  bool inside(int v, int whole) {
    while (true) {
      if (v == whole) return true;
      if (value(v).storage == v) return false;
      v = value(v).storage;
    }
  }

  void resolve() {
    std::vector<std::pair<int, int64_t>> places;
    for (size_t i = 0; i < n_.values.size(); ++i) {
      int v = static_cast<int>(i);
      int64_t block = 0;
      while (value(v).storage != v) {
        block += value(v).block;
        v = value(v).storage;
      }
      places.emplace_back(v, block);
    }
    for (size_t i = 0; i < n_.values.size(); ++i) {
      n_.values[i].storage = places[i].first;
      n_.values[i].block = places[i].second;
    }
  }

  Network& n_;
  int64_t lanes_;
  bool half_;
  std::vector<Op> all_;  ///< before layout
};

}  // namespace

void lay_out(Network& network, int64_t lanes, bool half) {
  Layout(network, lanes, half).run();
}

}  // namespace groundglass::planning
