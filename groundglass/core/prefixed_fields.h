#pragma once

#include <string>
#include <type_traits>

#include "groundglass/core/field.h"

namespace groundglass {

/// Says the fields of an options struct under longer names, so that a struct can hold another one
/// twice: "widths" becomes "lung_widths". Stands where the struct's `fields` expects a visitor.
template <class Visitor>
class PrefixedFields {
 public:
  PrefixedFields(Visitor& visitor, std::string prefix)
      : visitor_(visitor), prefix_(std::move(prefix)) {}

  template <class T>
  void field(Field f, T& value) {
    const std::string name = prefix_ + std::string(f.name);
    f.name = name;
    visitor_.field(f, value);
  }

  template <class Enum>
  void choice(Field f, Enum& value, const Words<std::type_identity_t<Enum>>& words) {
    const std::string name = prefix_ + std::string(f.name);
    f.name = name;
    visitor_.choice(f, value, words);
  }

 private:
  Visitor& visitor_;
  std::string prefix_;
};

}  // namespace groundglass
