#include <ATen/ATen.h>

#include "groundglass/infer/plan/lower.h"
#include "groundglass/infer/plan/steps.h"

// Steps that move channels from map to map, and between maps and LibTorch's tensors.
namespace groundglass::planning {
namespace {

/// Runs of channels that lie together in both layouts.
struct Run {
  int64_t from, to, channels;
};

std::vector<Run> runs(const std::vector<int64_t>& from, const std::vector<int64_t>& to) {
  std::vector<Run> all;
  for (size_t i = 0; i < to.size(); ++i) {
    if (!all.empty() && from[i] == all.back().from + all.back().channels &&
        to[i] == all.back().to + all.back().channels) {
      ++all.back().channels;
    } else {
      all.push_back({from[i], to[i], 1});
    }
  }
  return all;
}

/// One copy of channels from a map into another.
struct Copy {
  Located in, out;
  std::vector<Run> runs;
};

Bind copies(const Program& p, std::vector<Copy> all) {
  const Kernels* k = p.kernels;
  return [=](Context& c) -> Work {
    std::vector<std::function<void()>> work;
    for (const Copy& one : all) {
      work.emplace_back([=, x = one.in.in(c), y = one.out.in(c), list = one.runs] {
        for (const Run& r : list) k->copy(x, r.from, y, r.to, r.channels);
      });
    }
    return [=] {
      for (const auto& w : work) w();
    };
  };
}

bool same(const Place& a, const Place& b) {
  return a.buffer == b.buffer && a.offset == b.offset;
}

/// The inputs that do not stand in their place already.

}  // namespace

Bind concat_step(Program& p, const Op& op) {
  const int64_t lanes = p.kernels->lanes;
  const Value& out = p.value(op.out[0]);
  const Located target = located(p, op.out[0]);
  const auto to = positions(out, lanes);
  std::vector<Copy> all;
  size_t at = 0;
  for (const int id : op.in) {
    const Value& v = p.value(id);
    const auto channels = static_cast<size_t>(v.channels());
    Place slice = target.place;
    const int64_t unit = out.plain ? 1 : lanes;
    slice.offset +=
        static_cast<size_t>(to[at] / unit * unit * out.height() * out.width()) * p.unit(out);
    if (op.in.size() == 1 || !same(slice, p.place(id))) {
      const std::vector<int64_t> part(to.begin() + static_cast<std::ptrdiff_t>(at),
                                      to.begin() + static_cast<std::ptrdiff_t>(at + channels));
      all.push_back({located(p, id), target, runs(positions(v, lanes), part)});
    }
    at += channels;
  }
  return all.empty() ? Bind() : copies(p, std::move(all));
}

Bind channels_step(Program& p, const Op& op) {
  const Value &in = p.value(op.in[0]), &out = p.value(op.out[0]);
  const int64_t lanes = p.kernels->lanes;
  const auto from = positions(in, lanes), to = positions(out, lanes);
  const std::vector<int64_t> part(from.begin() + op.begin,
                                  from.begin() + op.begin + out.channels());
  // The same storage alone says nothing: both may be pieces of one concatenation
  bool there = out.storage == in.storage && !out.plain;
  for (size_t i = 0; there && i < part.size(); ++i) {
    there = in.block * lanes + part[i] == out.block * lanes + to[i];
  }
  if (there) return {};
  return copies(p, {{located(p, op.in[0]), located(p, op.out[0]), runs(part, to)}});
}

Bind torch_step(Program& p, const Op& op) {
  const Kernels* k = p.kernels;
  const int64_t lanes = k->lanes;
  struct Map {
    Located at;
    std::vector<Run> in, out;
    std::vector<int64_t> sizes;
  };
  std::map<int, Map> maps;
  const auto describe = [&](int id) {
    const Value& v = p.value(id);
    if (!v.map) return;
    std::vector<int64_t> logical(static_cast<size_t>(v.channels()));
    for (size_t i = 0; i < logical.size(); ++i) logical[i] = static_cast<int64_t>(i);
    const auto physical = positions(v, lanes);
    maps[id] = {located(p, id), runs(physical, logical), runs(logical, physical), v.sizes};
  };
  for (const int id : op.in) describe(id);
  for (const int id : op.out) describe(id);
  const Op copy = op;
  return [=](Context& c) -> Work {
    return [=, &c] {
      const auto read = [&](const std::variant<at::IValue, int>& part) -> at::IValue {
        if (const auto* v = std::get_if<at::IValue>(&part)) return *v;
        const int id = std::get<int>(part);
        const auto found = maps.find(id);
        if (found == maps.end()) return c.slots[static_cast<size_t>(id)];
        const Map& m = found->second;
        auto t = torch::empty(m.sizes);
        const Surface out{t.data_ptr(), true, m.sizes[1], m.sizes[2], m.sizes[3]};
        for (const Run& r : m.in) k->copy(m.at.in(c), r.from, out, r.to, r.channels);
        return t;
      };
      std::vector<at::IValue> inputs;
      for (const Argument& a : copy.arguments) {
        if (const auto* list = std::get_if<2>(&a)) {
          std::vector<at::IValue> parts;
          for (const auto& part : *list) parts.push_back(read(part));
          inputs.push_back(run_node(copy.node->input(inputs.size())->node(), std::move(parts))[0]);
        } else if (const int* id = std::get_if<int>(&a)) {
          inputs.push_back(read(*id));
        } else {
          inputs.push_back(std::get<at::IValue>(a));
        }
      }
      const auto results = run_node(copy.node, std::move(inputs));
      for (size_t i = 0; i < copy.out.size(); ++i) {
        const auto found = maps.find(copy.out[i]);
        if (found == maps.end()) {
          c.slots[static_cast<size_t>(copy.out[i])] = results[i];
          continue;
        }
        const auto t = results[i].toTensor().contiguous();
        const Map& m = found->second;
        const Surface in{t.data_ptr(), true, m.sizes[1], m.sizes[2], m.sizes[3]};
        for (const Run& r : m.out) k->copy(in, r.from, m.at.in(c), r.to, r.channels);
      }
    };
  };
}

}  // namespace groundglass::planning
