#pragma once

#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <torch/types.h>

namespace groundglass {

/// A value of Python as a pickle describes it. Values point at each other and may form circles;
/// the pickle that made them owns them.
struct PickleValue {
  enum class Kind { none, boolean, integer, real, text, bytes, list, tuple, dict, name, tensor };

  Kind kind = Kind::none;
  int64_t integer = 0;  ///< of a boolean and an integer
  double real = 0;
  std::string text;                       ///< of a text, bytes, and "module.name" of a name
  std::vector<const PickleValue*> items;  ///< of a list and a tuple; key, value, key, ... of a dict
  torch::Tensor tensor;                   ///< what a rule made

  /// "a list", as messages say it.
  std::string what() const;
};

/// What a reader allows. Nothing of the pickle is run: a name is a word in `knows`, and to call it
/// is to ask `call`. Each of the three may throw.
struct PickleRules {
  /// Whether the name "module.name" may stand in the pickle at all.
  std::function<bool(const std::string& name)> knows;
  /// What calling that name with this tuple gives; "collections.OrderedDict" is answered here.
  std::function<PickleValue(const std::string& name, const PickleValue& arguments)> call;
  /// What stands outside the pickle under this id.
  std::function<PickleValue(const PickleValue& id)> load;
  /// Throws with the name of the file and this complaint.
  std::function<void(const std::string& complaint)> refuse;
};

/// The instructions of a pickle, protocols 2 to 5, as far as plain data needs them: numbers, texts,
/// lists, tuples, dicts, ordered dicts, names and ids.
///
/// Python's Lib/pickletools.py describes them.
/// Differs: everything that could make or change an object of a class is refused, so is whatever
/// `rules` does not know; an ordered dict is a dict; attributes set on a dict are dropped.
class Pickle {
 public:
  /// Reads one pickle from the beginning of `bytes`; more may follow. Throws what `rules.refuse`
  /// throws: for bytes that end too early, instructions that are not known or find nothing to work
  /// on, and more than four million values.
  Pickle(std::string_view bytes, const PickleRules& rules);

  const PickleValue& root() const { return *root_; }
  /// Bytes read.
  size_t size() const { return size_; }

 private:
  std::deque<PickleValue> values_;
  const PickleValue* root_ = nullptr;
  size_t size_ = 0;
};

}  // namespace groundglass
