#pragma once

#include <sstream>
#include <string>
#include <vector>

#include "groundglass/core/field.h"
#include "groundglass/core/text.h"

namespace groundglass {

/// A string as TOML writes it.
std::string toml_string(const std::string& text);

/// The resolved recipe: every field, defaults included, in the order in which the struct says them.
/// Written beside each checkpoint, so that a run can be repeated after defaults change.
class RecipeWriter {
 public:
  enum class Layout {
    lines,   ///< key = value  # help
    inline_  ///< key = value, key = value (inside braces)
  };
  explicit RecipeWriter(Layout layout = Layout::lines) : layout_(layout) {}

  template <class T>
  void field(const Field& f, const T& value) {
    line(f, put(value));
  }
  template <class Enum>
  void choice(const Field& f, Enum& value, const Words<std::type_identity_t<Enum>>& words) {
    for (const auto& [name, meaning] : words) {
      if (meaning == value) line(f, toml_string(name));
    }
  }
  std::string text() const { return out_.str(); }

  // A value as TOML writes it.
  static std::string put(bool v) { return v ? "true" : "false"; }
  static std::string put(int64_t v) { return std::to_string(v); }
  static std::string put(double v) {
    const std::string text = shortest(v);
    return text.find_first_of(".en") == std::string::npos ? text + ".0" : text;
  }
  static std::string put(const std::string& v) { return toml_string(v); }
  template <class T>
  static std::string put(const std::vector<T>& list) {
    std::vector<std::string> items;
    for (const auto& item : list) items.push_back(put(item));
    return "[" + joined(items, ", ") + "]";
  }

 private:
  void line(const Field& f, const std::string& value) {
    if (layout_ == Layout::lines) {
      out_ << f.name << " = " << value << "  # " << f.help << '\n';
    } else {
      out_ << (first_ ? "" : ", ") << f.name << " = " << value;
      first_ = false;
    }
  }
  Layout layout_;
  bool first_ = true;
  std::ostringstream out_;
};

/// The fields of an options struct, one per line, defaults and help included.
template <class Options>
std::string written_fields(Options options) {
  RecipeWriter writer;
  options.fields(writer);
  return writer.text();
}

/// A whole section of the resolved text.
template <class Options>
std::string written_section(const char* name, const Options& options) {
  return std::string("[") + name + "]\n" + written_fields(options) + "\n";
}

}  // namespace groundglass
