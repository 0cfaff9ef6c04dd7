#include "groundglass/io/pickle.h"

#include <cstring>
#include <unordered_map>

#include "groundglass/core/error.h"
#include "groundglass/core/text.h"

namespace groundglass {
namespace {

using Kind = PickleValue::Kind;
using Items = std::vector<const PickleValue*>;

const std::string kOrderedDict = "collections.OrderedDict";

/// The machine that a pickle is written for: a stack, marks in it, and a memo.
class Machine {
 public:
  Machine(std::string_view bytes, const PickleRules& rules, std::deque<PickleValue>& values)
      : bytes_(bytes), rules_(rules), values_(values) {}

  const PickleValue* run();
  size_t place() const { return at_; }

  // What stands behind an instruction.

  std::string_view take(uint64_t size) {
    if (size > bytes_.size() - at_) refuse("its pickle ends too early: truncated or damaged");
    at_ += size;
    return bytes_.substr(at_ - size, size);
  }
  uint64_t number(size_t size) {
    const auto raw = take(size);
    uint64_t value = 0;
    for (size_t i = size; i-- > 0;) value = value << 8 | static_cast<uint8_t>(raw[i]);
    return value;
  }
  int64_t signed_number(uint64_t size) {
    if (size > 8) refuse("its pickle holds a whole number of more than 64 bits");
    if (size == 0) return 0;
    const uint64_t value = number(size);
    const unsigned unused = 64 - 8 * static_cast<unsigned>(size);
    return static_cast<int64_t>(value << unused) >> unused;
  }

  // The stack.

  void push(PickleValue value) {
    constexpr size_t kMostValues = 4'000'000;
    if (values_.size() >= kMostValues) {
      refuse("its pickle holds more than " + std::to_string(kMostValues) +
             " values, expected a table of weights");
    }
    values_.push_back(std::move(value));
    stack_.push_back(&values_.back());
  }
  void push(Kind kind, int64_t integer = 0) { push(PickleValue{kind, integer, 0, "", {}, {}}); }
  void push(Kind kind, std::string_view text) {
    push(PickleValue{kind, 0, 0, std::string(text), {}, {}});
  }
  void push(Kind kind, Items items) { push(PickleValue{kind, 0, 0, "", std::move(items), {}}); }
  void push_real() {
    uint64_t bits = 0;  // the one number with its first byte in front
    for (const char c : take(8)) bits = bits << 8 | static_cast<uint8_t>(c);
    double real = 0;
    std::memcpy(&real, &bits, sizeof real);
    push(PickleValue{Kind::real, 0, real, "", {}, {}});
  }

  void mark() { marks_.push_back(stack_.size()); }
  void double_top() { stack_.push_back(top()); }
  PickleValue* pop() {
    PickleValue* value = top();
    stack_.pop_back();
    return value;
  }
  Items pop_to_mark() {
    if (marks_.empty()) refuse("its pickle misses a mark: damaged");
    const Items items(stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back()), stack_.end());
    stack_.resize(marks_.back());
    marks_.pop_back();
    return items;
  }
  Items pop_last(size_t count) {
    Items items(count);
    for (size_t i = count; i-- > 0;) items[i] = pop();
    return items;
  }
  void add_to(Kind kind, const Items& items) {
    PickleValue* target = top();
    if (target->kind != kind) refuse("its pickle adds to " + target->what() + ": damaged");
    if (kind == Kind::dict && items.size() % 2 != 0) refuse("its pickle has a key without a value");
    target->items.insert(target->items.end(), items.begin(), items.end());
  }

  void remember(uint64_t place) { memo_[place] = top(); }
  void remember_next() { remember(memo_.size()); }
  void recall(uint64_t place) {
    const auto found = memo_.find(place);
    if (found == memo_.end()) refuse("its pickle recalls what it never kept: damaged");
    stack_.push_back(found->second);
  }

  // Names, and what they give.

  void push_name_of_lines() {
    const std::string module = line();
    push_name(module + "." + line());
  }
  void push_name_of_texts() {
    const std::string name = pop(Kind::text, "a text")->text;
    push_name(pop(Kind::text, "a text")->text + "." + name);
  }
  void call() {
    const PickleValue* arguments = pop(Kind::tuple, "a tuple");
    const PickleValue* name = pop(Kind::name, "a name");
    if (name->text != kOrderedDict) return push(rules_.call(name->text, *arguments));
    Items items;  // Python 2 passes the content as a list of pairs, Python 3 adds it later
    if (!arguments->items.empty()) {
      for (const PickleValue* pair : arguments->items[0]->items) {
        if (pair->items.size() != 2) refuse("its pickle has an ordered dict without pairs");
        items.insert(items.end(), pair->items.begin(), pair->items.end());
      }
    }
    push(Kind::dict, std::move(items));
  }
  void load() { push(rules_.load(*pop())); }
  void drop_attributes() {  // a state dict carries the versions of its modules, which say nothing
    pop();
    if (top()->kind != Kind::dict) refuse("its pickle changes " + top()->what());
  }

 private:
  [[noreturn]] void refuse(const std::string& complaint) const {
    rules_.refuse(complaint);
    fail(ErrorKind::internal, "a rule that refuses returned");
  }
  PickleValue* top() {
    const size_t lowest = marks_.empty() ? 0 : marks_.back();
    if (stack_.size() <= lowest) refuse("its pickle takes from an empty stack: damaged");
    return stack_.back();
  }
  PickleValue* pop(Kind kind, const char* expected) {
    PickleValue* value = pop();
    if (value->kind != kind) {
      refuse("its pickle has " + value->what() + " where " + expected + " should be: damaged");
    }
    return value;
  }
  std::string line() {
    const size_t end = bytes_.find('\n', at_);
    if (end == std::string_view::npos) refuse("its pickle ends too early: truncated or damaged");
    const std::string text(take(end - at_));
    take(1);
    return text;
  }
  void push_name(const std::string& name) {
    if (name != kOrderedDict && !rules_.knows(name)) {
      refuse("its pickle asks for " + in_quotes(name) +
             ", which weights do not need and which is not run; save the state_dict alone");
    }
    push(Kind::name, name);
  }

  std::string_view bytes_;
  const PickleRules& rules_;
  std::deque<PickleValue>& values_;
  size_t at_ = 0;
  std::vector<PickleValue*> stack_;
  std::vector<size_t> marks_;
  std::unordered_map<uint64_t, PickleValue*> memo_;
};

using Instruction = void (*)(Machine&);

/// What the bytes of a pickle mean, by protocol and kind.
const std::unordered_map<uint8_t, Instruction> kInstructions = {
    {0x80, [](Machine& m) { m.take(1); }},  // the protocol
    {0x95, [](Machine& m) { m.take(8); }},  // the size of a frame
    {'(', [](Machine& m) { m.mark(); }},
    {'0', [](Machine& m) { m.pop(); }},
    {'1', [](Machine& m) { m.pop_to_mark(); }},
    {'2', [](Machine& m) { m.double_top(); }},

    {'N', [](Machine& m) { m.push(Kind::none); }},
    {0x88, [](Machine& m) { m.push(Kind::boolean, 1); }},
    {0x89, [](Machine& m) { m.push(Kind::boolean, 0); }},
    {'J', [](Machine& m) { m.push(Kind::integer, m.signed_number(4)); }},
    {'K', [](Machine& m) { m.push(Kind::integer, static_cast<int64_t>(m.number(1))); }},
    {'M', [](Machine& m) { m.push(Kind::integer, static_cast<int64_t>(m.number(2))); }},
    {0x8a, [](Machine& m) { m.push(Kind::integer, m.signed_number(m.number(1))); }},
    {0x8b, [](Machine& m) { m.push(Kind::integer, m.signed_number(m.number(4))); }},
    {'G', [](Machine& m) { m.push_real(); }},

    {'X', [](Machine& m) { m.push(Kind::text, m.take(m.number(4))); }},
    {0x8c, [](Machine& m) { m.push(Kind::text, m.take(m.number(1))); }},
    {0x8d, [](Machine& m) { m.push(Kind::text, m.take(m.number(8))); }},
    {'T', [](Machine& m) { m.push(Kind::text, m.take(m.number(4))); }},  // texts of Python 2
    {'U', [](Machine& m) { m.push(Kind::text, m.take(m.number(1))); }},
    {'B', [](Machine& m) { m.push(Kind::bytes, m.take(m.number(4))); }},
    {'C', [](Machine& m) { m.push(Kind::bytes, m.take(m.number(1))); }},

    {')', [](Machine& m) { m.push(Kind::tuple, Items()); }},
    {'t', [](Machine& m) { m.push(Kind::tuple, m.pop_to_mark()); }},
    {0x85, [](Machine& m) { m.push(Kind::tuple, m.pop_last(1)); }},
    {0x86, [](Machine& m) { m.push(Kind::tuple, m.pop_last(2)); }},
    {0x87, [](Machine& m) { m.push(Kind::tuple, m.pop_last(3)); }},
    {']', [](Machine& m) { m.push(Kind::list, Items()); }},
    {'l', [](Machine& m) { m.push(Kind::list, m.pop_to_mark()); }},
    {'}', [](Machine& m) { m.push(Kind::dict, Items()); }},
    {'a', [](Machine& m) { m.add_to(Kind::list, m.pop_last(1)); }},
    {'e', [](Machine& m) { m.add_to(Kind::list, m.pop_to_mark()); }},
    {'s', [](Machine& m) { m.add_to(Kind::dict, m.pop_last(2)); }},
    {'u', [](Machine& m) { m.add_to(Kind::dict, m.pop_to_mark()); }},

    {'c', [](Machine& m) { m.push_name_of_lines(); }},
    {0x93, [](Machine& m) { m.push_name_of_texts(); }},
    {'R', [](Machine& m) { m.call(); }},
    {'b', [](Machine& m) { m.drop_attributes(); }},
    {'Q', [](Machine& m) { m.load(); }},

    {'q', [](Machine& m) { m.remember(m.number(1)); }},
    {'r', [](Machine& m) { m.remember(m.number(4)); }},
    {0x94, [](Machine& m) { m.remember_next(); }},
    {'h', [](Machine& m) { m.recall(m.number(1)); }},
    {'j', [](Machine& m) { m.recall(m.number(4)); }},
};

const PickleValue* Machine::run() {
  while (true) {
    const uint8_t code = static_cast<uint8_t>(take(1)[0]);
    if (code == '.') return pop();
    const auto found = kInstructions.find(code);
    if (found == kInstructions.end()) {
      constexpr char kDigits[] = "0123456789abcdef";
      refuse(std::string("its pickle holds the instruction 0x") + kDigits[code >> 4] +
             kDigits[code & 15] + ", which plain data does not need");
    }
    found->second(*this);
  }
}

}  // namespace

std::string PickleValue::what() const {
  switch (kind) {
    case Kind::none:
      return "None";
    case Kind::boolean:
      return "a truth value";
    case Kind::integer:
    case Kind::real:
      return "a number";
    case Kind::text:
      return "a text";
    case Kind::bytes:
      return "bytes";
    case Kind::list:
      return "a list";
    case Kind::tuple:
      return "a tuple";
    case Kind::dict:
      return "a dict";
    case Kind::name:
      return "the name " + in_quotes(text);
    case Kind::tensor:
      return "a tensor";
  }
  return "something else";
}

Pickle::Pickle(std::string_view bytes, const PickleRules& rules) {
  Machine machine(bytes, rules, values_);
  root_ = machine.run();
  size_ = machine.place();
}

}  // namespace groundglass
