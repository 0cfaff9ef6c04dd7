#include "groundglass/core/field.h"

#include <algorithm>

#include "groundglass/core/error.h"
#include "groundglass/core/text.h"

namespace groundglass {

void check_word(std::string_view section, std::string_view key, const std::string& value,
                const std::vector<std::string>& known) {
  if (std::find(known.begin(), known.end(), value) != known.end()) return;
  fail(ErrorKind::recipe, "[" + std::string(section) + "] " + std::string(key) + " is " +
                              in_quotes(value) + ", expected one of " + listed(known));
}

}  // namespace groundglass
