#include <ATen/ATen.h>

#include "groundglass/infer/onnx/node.h"

namespace groundglass {
namespace {

/// An operator of one tensor: LibTorch's name and ONNX' own.
struct Unary {
  const char* traced;
  const char* op;
};
constexpr Unary kUnary[] = {
    {"aten::relu", "Relu"},   {"aten::sigmoid", "Sigmoid"}, {"aten::tanh", "Tanh"},
    {"aten::exp", "Exp"},     {"aten::log", "Log"},         {"aten::sqrt", "Sqrt"},
    {"aten::neg", "Neg"},     {"aten::abs", "Abs"},         {"aten::reciprocal", "Reciprocal"},
    {"aten::floor", "Floor"}, {"aten::ceil", "Ceil"},       {"aten::sin", "Sin"},
    {"aten::cos", "Cos"},     {"aten::erf", "Erf"},         {"aten::logical_not", "Not"},
    {"aten::sign", "Sign"},   {"aten::round", "Round"}};

std::string plain_name(const OnnxNode& n) {
  std::string name = n.traced().kind().toQualString();
  if (name.back() == '_') name.pop_back();
  return name;
}

void unary(OnnxNode& n) {
  const std::string name = plain_name(n);
  for (const auto& u : kUnary) {
    if (name == u.traced) return n.result(n.out.add(u.op, {n.operand("self", n.result_type())}));
  }
  n.refuse("not in the table of unary operators");
}

void rsqrt(OnnxNode& n) {
  n.result(n.out.add("Reciprocal", {n.out.add("Sqrt", {n.tensor("self")})}));
}

void clamp(OnnxNode& n) {
  const auto bound = [&](const char* name) {
    return n.given(name) ? n.operand(name, n.result_type()) : std::string();
  };
  const std::string lower = bound("min"), upper = bound("max");
  n.result(upper.empty() ? n.out.add("Clip", {n.tensor("self"), lower})
                         : n.out.add("Clip", {n.tensor("self"), lower, upper}));
}

void clip_to(OnnxNode& n, double lower, double upper) {
  const auto type = n.result_type();
  n.result(
      n.out.add("Clip", {n.tensor("self"), n.out.scalar(lower, type), n.out.scalar(upper, type)}));
}

void hardtanh(OnnxNode& n) {
  clip_to(n, n.number("min_val"), n.number("max_val"));
}

void relu6(OnnxNode& n) {
  clip_to(n, 0, 6);
}

void leaky_relu(OnnxNode& n) {
  n.result(n.out.add("LeakyRelu", {n.tensor("self")}, {{"alpha", n.number("negative_slope")}}));
}

void elu(OnnxNode& n) {
  if (n.number("scale") != 1 || n.number("input_scale") != 1) n.refuse("its scales are not one");
  n.result(n.out.add("Elu", {n.tensor("self")}, {{"alpha", n.number("alpha")}}));
}

void silu(OnnxNode& n) {
  const auto x = n.tensor("self");
  n.result(n.out.add("Mul", {x, n.out.add("Sigmoid", {x})}));
}

void softmax(OnnxNode& n) {
  n.result(n.out.add("Softmax", {n.operand("self", n.result_type())}, {{"axis", n.axis()}}));
}

void log_softmax(OnnxNode& n) {
  n.result(n.out.add("LogSoftmax", {n.operand("self", n.result_type())}, {{"axis", n.axis()}}));
}

/// other times alpha, as add, sub and rsub have it.
std::string scaled_other(OnnxNode& n, torch::ScalarType type) {
  const auto other = n.operand("other", type);
  if (!n.given("alpha") || n.number("alpha") == 1) return other;
  return n.out.add("Mul", {other, n.operand("alpha", type)});
}

void add(OnnxNode& n) {
  const auto type = n.result_type();
  n.result(n.out.add("Add", {n.operand("self", type), scaled_other(n, type)}));
}

void sub(OnnxNode& n) {
  const auto type = n.result_type();
  n.result(n.out.add("Sub", {n.operand("self", type), scaled_other(n, type)}));
}

void rsub(OnnxNode& n) {
  const auto type = n.result_type();
  if (n.given("alpha") && n.number("alpha") != 1) n.refuse("its alpha is not one");
  n.result(n.out.add("Sub", {n.operand("other", type), n.operand("self", type)}));
}

void div(OnnxNode& n) {
  const auto type = n.result_type();
  const auto quotient = n.out.add("Div", {n.operand("self", type), n.operand("other", type)});
  if (!n.given("rounding_mode")) return n.result(quotient);
  if (n.word("rounding_mode") != "floor" || !c10::isFloatingType(type)) {
    n.refuse("it rounds in a way that ONNX does not");
  }
  n.result(n.out.add("Floor", {quotient}));
}

template <const char* const& op>
void binary(OnnxNode& n) {
  const auto type = n.result_type();
  n.result(n.out.add(op, {n.operand("self", type), n.operand("other", type)}));
}

/// Two tensors are compared as what both can be turned into.
template <const char* const& op>
void comparison(OnnxNode& n) {
  const bool tensor = n.input("other")->type()->kind() == c10::TypeKind::TensorType;
  const auto type = tensor ? c10::promoteTypes(n.type("self"), n.type("other")) : n.type("self");
  n.result(n.out.add(op, {n.operand("self", type), n.operand("other", type)}));
}

constexpr const char *kMul = "Mul", *kMin = "Min", *kMax = "Max", *kAnd = "And", *kOr = "Or",
                     *kEqual = "Equal", *kLess = "Less", *kGreater = "Greater",
                     *kLessOrEqual = "LessOrEqual", *kGreaterOrEqual = "GreaterOrEqual";

void pow(OnnxNode& n) {
  const auto type = n.result_type();
  n.result(n.out.add("Pow", {n.operand("self", type), n.operand("exponent", type)}));
}

void where(OnnxNode& n) {
  const auto type = n.result_type();
  n.result(n.out.add("Where",
                     {n.tensor("condition"), n.operand("self", type), n.operand("other", type)}));
}

std::vector<int64_t> reduced_axes(const OnnxNode& n) {
  if (n.given("dim") && !n.integers("dim").empty()) return n.axes();
  std::vector<int64_t> all;
  for (int64_t i = 0; i < n.rank(); ++i) all.push_back(i);
  return all;
}

void reduce(OnnxNode& n, const char* op) {
  const int64_t keep = n.given("keepdim") && n.flag("keepdim");
  n.result(n.out.add(op, {n.operand("self", n.result_type())},
                     {{"axes", reduced_axes(n)}, {"keepdims", keep}}));
}

void mean(OnnxNode& n) {
  reduce(n, "ReduceMean");
}

void maximum_over(OnnxNode& n) {
  reduce(n, "ReduceMax");
}

void minimum_over(OnnxNode& n) {
  reduce(n, "ReduceMin");
}

/// ReduceSum alone takes its axes as an input.
void sum(OnnxNode& n) {
  const int64_t keep = n.given("keepdim") && n.flag("keepdim");
  n.result(n.out.add("ReduceSum", {n.operand("self", n.result_type()), n.out.ints(reduced_axes(n))},
                     {{"keepdims", keep}}));
}

/// Overloads: the maximum of everything, of an axis with its place, or of two tensors.
void max(OnnxNode& n) {
  if (n.traced().hasNamedInput("other")) return binary<kMax>(n);
  if (!n.traced().hasNamedInput("dim")) return maximum_over(n);
  const int64_t keep = n.flag("keepdim");
  const auto x = n.tensor("self");
  n.results(
      {n.out.add("ReduceMax", {x}, {{"axes", std::vector<int64_t>{n.axis()}}, {"keepdims", keep}}),
       n.out.add("ArgMax", {x}, {{"axis", n.axis()}, {"keepdims", keep}})});
}

}  // namespace

void add_onnx_arithmetic(OnnxOperators& all) {
  for (const auto& u : kUnary) all[u.traced] = unary;
  all.insert({{"aten::rsqrt", rsqrt},
              {"aten::clamp", clamp},
              {"aten::clamp_min", clamp},
              {"aten::clamp_max", clamp},
              {"aten::hardtanh", hardtanh},
              {"aten::relu6", relu6},
              {"aten::leaky_relu", leaky_relu},
              {"aten::elu", elu},
              {"aten::silu", silu},
              {"aten::softmax", softmax},
              {"aten::_softmax", softmax},
              {"aten::log_softmax", log_softmax},
              {"aten::_log_softmax", log_softmax},
              {"aten::add", add},
              {"aten::sub", sub},
              {"aten::rsub", rsub},
              {"aten::mul", binary<kMul>},
              {"aten::div", div},
              {"aten::minimum", binary<kMin>},
              {"aten::maximum", binary<kMax>},
              {"aten::logical_and", binary<kAnd>},
              {"aten::logical_or", binary<kOr>},
              {"aten::eq", comparison<kEqual>},
              {"aten::lt", comparison<kLess>},
              {"aten::gt", comparison<kGreater>},
              {"aten::le", comparison<kLessOrEqual>},
              {"aten::ge", comparison<kGreaterOrEqual>},
              {"aten::pow", pow},
              {"aten::where", where},
              {"aten::mean", mean},
              {"aten::sum", sum},
              {"aten::amax", maximum_over},
              {"aten::amin", minimum_over},
              {"aten::max", max}});
}

}  // namespace groundglass
