#include <limits>
#include <numeric>

#include <ATen/ATen.h>
#include <torch/csrc/jit/ir/constants.h>

#include "groundglass/infer/onnx/node.h"

namespace groundglass {
namespace {

constexpr int64_t kEnd = std::numeric_limits<int64_t>::max();

void same(OnnxNode& n) {
  n.result(n.tensor(n.traced().hasNamedInput("self") ? "self" : "input"));
}

void dropout(OnnxNode& n) {
  if (n.flag("train")) n.refuse("it drops at random; expected evaluation mode");
  same(n);
}

/// Any of LibTorch's ways to ask for another element type or device.
void to(OnnxNode& n) {
  n.result(n.operand("self", n.result_type()));
}

void cat(OnnxNode& n) {
  n.result(n.out.add("Concat", n.tensors("tensors"), {{"axis", n.integer("dim")}}));
}

void stack(OnnxNode& n) {
  const int64_t rank = static_cast<int64_t>(n.traced_result_sizes().size());
  const int64_t axis = n.integer("dim") + (n.integer("dim") < 0 ? rank : 0);
  auto parts = n.tensors("tensors");
  for (auto& part : parts) part = n.out.add("Unsqueeze", {part, n.out.ints({axis})});
  n.result(n.out.add("Concat", parts, {{"axis", axis}}));
}

void slice(OnnxNode& n) {
  const auto start = n.given("start") ? n.size("start") : n.out.ints({0});
  const auto end = n.given("end") ? n.size("end") : n.out.ints({kEnd});
  n.result(
      n.out.add("Slice", {n.tensor("self"), start, end, n.out.ints({n.axis()}), n.size("step")}));
}

void narrow(OnnxNode& n) {
  if (n.input("start")->type()->kind() != c10::TypeKind::IntType) n.refuse("its start is a tensor");
  const auto start = n.size("start");
  const auto end = n.out.add("Add", {start, n.size("length")});
  n.result(n.out.add("Slice", {n.tensor("self"), start, end, n.out.ints({n.axis()})}));
}

void select(OnnxNode& n) {
  const auto one = n.out.add("Gather", {n.tensor("self"), n.size("index")}, {{"axis", n.axis()}});
  n.result(n.out.add("Squeeze", {one, n.out.ints({n.axis()})}));
}

/// The pieces go to a ListUnpack, which knows how many there are. Along an axis that grows with the
/// image their sizes are not known.
void split(OnnxNode& n) {
  const auto* list = n.traced().outputs()[0];
  if (list->uses().size() != 1 || list->uses()[0].user->kind() != torch::jit::prim::ListUnpack) {
    n.refuse("its pieces are not all taken at once");
  }
  const int64_t axis = n.axis();
  if (axis != 1) n.refuse("only channels can be split");
  std::vector<int64_t> sizes;
  for (const auto* piece : list->uses()[0].user->outputs()) {
    const auto type = piece->type()->cast<c10::TensorType>();
    const auto shape = type ? type->sizes().concrete_sizes() : torch::nullopt;
    if (!shape) n.refuse("the size of a piece is not known");
    sizes.push_back(shape->at(static_cast<size_t>(axis)));
  }
  n.result_list(
      n.out.add("Split", {n.tensor("self"), n.out.ints(sizes)}, {{"axis", axis}}, sizes.size()));
}

void reshape(OnnxNode& n) {
  n.result(n.out.add(
      "Reshape", {n.tensor("self"), n.sizes(n.traced().hasNamedInput("size") ? "size" : "shape")}));
}

void reshape_as(OnnxNode& n) {
  n.result(n.out.add("Reshape", {n.tensor("self"), n.out.add("Shape", {n.tensor("other")})}));
}

void flatten(OnnxNode& n) {
  const int64_t first = n.axis("start_dim"), last = n.axis("end_dim");
  const auto x = n.tensor("self");
  const auto shape = n.out.add("Concat",
                               {n.out.add("Shape", {x}, {{"start", 0}, {"end", first}}),
                                n.out.ints({-1}), n.out.add("Shape", {x}, {{"start", last + 1}})},
                               {{"axis", 0}});
  n.result(n.out.add("Reshape", {x, shape}));
}

void permute(OnnxNode& n) {
  n.result(n.out.add("Transpose", {n.tensor("self")}, {{"perm", n.axes("dims")}}));
}

void transpose(OnnxNode& n) {
  std::vector<int64_t> order(static_cast<size_t>(n.rank()));
  std::iota(order.begin(), order.end(), 0);
  const bool named = n.traced().hasNamedInput("dim0");
  const int64_t a = named ? n.axis("dim0") : 0, b = named ? n.axis("dim1") : n.rank() - 1;
  if (!order.empty()) std::swap(order[static_cast<size_t>(a)], order[static_cast<size_t>(b)]);
  n.result(n.out.add("Transpose", {n.tensor("self")}, {{"perm", order}}));
}

void unsqueeze(OnnxNode& n) {
  const int64_t axis = n.integer("dim") + (n.integer("dim") < 0 ? n.rank() + 1 : 0);
  n.result(n.out.add("Unsqueeze", {n.tensor("self"), n.out.ints({axis})}));
}

void squeeze(OnnxNode& n) {
  if (!n.given("dim")) n.refuse("without an axis it depends on the size of the image");
  const auto axis = static_cast<size_t>(n.axis());
  if (n.traced_sizes("self").at(axis) != 1) return same(n);
  n.result(n.out.add("Squeeze", {n.tensor("self"), n.out.ints({n.axis()})}));
}

/// -1 keeps an axis; ONNX says 1 for that.
void expand(OnnxNode& n) {
  std::vector<std::string> parts;
  for (const auto* element : n.input("size")->node()->inputs()) {
    const auto constant = torch::jit::constant_as<int64_t>(element);
    parts.push_back(constant == -1 ? n.out.ints({1}) : n.size_of(element));
  }
  n.result(n.out.add("Expand", {n.tensor("self"), n.out.add("Concat", parts, {{"axis", 0}})}));
}

void expand_as(OnnxNode& n) {
  n.result(n.out.add("Expand", {n.tensor("self"), n.out.add("Shape", {n.tensor("other")})}));
}

void repeat(OnnxNode& n) {
  if (static_cast<int64_t>(n.traced_result_sizes().size()) != n.rank()) {
    n.refuse("it adds an axis");
  }
  n.result(n.out.add("Tile", {n.tensor("self"), n.sizes("repeats")}));
}

/// The numbers start, start + step, ... before end.
void arange(OnnxNode& n) {
  const auto type = n.result_type();
  const auto bound = [&](const char* name, double otherwise) {
    if (!n.given(name)) return n.out.scalar(otherwise, type);
    const auto value = n.operand(name, type);
    return torch::jit::toIValue(n.input(name)) ? value
                                               : n.out.add("Squeeze", {value, n.out.ints({0})});
  };
  n.result(n.out.add("Range", {bound("start", 0), bound("end", 0), bound("step", 1)}));
}

template <int value>
void filled(OnnxNode& n) {
  const auto one = n.traced().hasNamedInput("fill_value") ? n.operand("fill_value", n.result_type())
                                                          : n.out.scalar(value, n.result_type());
  n.result(n.out.add("Expand", {one, n.sizes("size")}));
}

template <int value>
void filled_like(OnnxNode& n) {
  n.result(n.out.add(
      "Expand", {n.out.scalar(value, n.result_type()), n.out.add("Shape", {n.tensor("self")})}));
}

/// The same number everywhere; LibTorch's `1 - x` begins so.
void fill(OnnxNode& n) {
  n.result(n.out.add(
      "Expand", {n.operand("value", n.result_type()), n.out.add("Shape", {n.tensor("self")})}));
}

// Whole numbers: sizes of the image and what is made of them.

void size_of_axis(OnnxNode& n) {
  const int64_t axis = n.axis();
  n.result(n.out.add("Shape", {n.tensor("self")}, {{"start", axis}, {"end", axis + 1}}));
}

/// Operands of whole numbers have no common names.
void whole(OnnxNode& n, const char* op) {
  n.result(n.out.add(op, {n.size_of(n.traced().input(0)), n.size_of(n.traced().input(1))}));
}

void whole_sum(OnnxNode& n) {
  whole(n, "Add");
}

void whole_difference(OnnxNode& n) {
  whole(n, "Sub");
}

void whole_product(OnnxNode& n) {
  whole(n, "Mul");
}

/// ONNX rounds to zero; the quotients that traces hold are whole.
void whole_quotient(OnnxNode& n) {
  whole(n, "Div");
}

void number_to_tensor(OnnxNode& n) {
  n.result(n.out.add("Squeeze", {n.size_of(n.traced().input(0)), n.out.ints({0})}));
}

void tensor_to_number(OnnxNode& n) {
  n.result(n.out.add("Reshape", {n.name_of(n.traced().input(0)), n.out.ints({1})}));
}

}  // namespace

void add_onnx_shapes(OnnxOperators& all) {
  for (const char* name : {"aten::contiguous", "aten::detach", "aten::alias", "aten::clone",
                           "aten::lift_fresh", "aten::positive"}) {
    all[name] = same;
  }
  all.insert({{"aten::dropout", dropout},
              {"aten::feature_dropout", dropout},
              {"aten::to", to},
              {"aten::_to_copy", to},
              {"aten::type_as", to},
              {"aten::cat", cat},
              {"aten::stack", stack},
              {"aten::slice", slice},
              {"aten::narrow", narrow},
              {"aten::select", select},
              {"aten::split", split},
              {"aten::split_with_sizes", split},
              {"aten::chunk", split},
              {"aten::view", reshape},
              {"aten::reshape", reshape},
              {"aten::view_as", reshape_as},
              {"aten::reshape_as", reshape_as},
              {"aten::flatten", flatten},
              {"aten::permute", permute},
              {"aten::transpose", transpose},
              {"aten::t", transpose},
              {"aten::numpy_T", transpose},
              {"aten::unsqueeze", unsqueeze},
              {"aten::squeeze", squeeze},
              {"aten::expand", expand},
              {"aten::expand_as", expand_as},
              {"aten::repeat", repeat},
              {"aten::arange", arange},
              {"aten::zeros", filled<0>},
              {"aten::ones", filled<1>},
              {"aten::full", filled<0>},
              {"aten::fill", fill},
              {"aten::empty_like", filled_like<0>},
              {"aten::zeros_like", filled_like<0>},
              {"aten::ones_like", filled_like<1>},
              {"aten::size/int", size_of_axis},
              {"aten::add/int", whole_sum},
              {"aten::sub/int", whole_difference},
              {"aten::mul/int", whole_product},
              {"aten::floordiv/int", whole_quotient},
              {"prim::NumToTensor", number_to_tensor},
              {"aten::Int/int", tensor_to_number}});
}

}  // namespace groundglass
