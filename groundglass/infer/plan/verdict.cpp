#include "groundglass/infer/plan/verdict.h"

#include "groundglass/core/error.h"
#include "groundglass/core/files.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

fs::path note_beside(const fs::path& plan) {
  return fs::path(plan).replace_extension(".refused");
}

}  // namespace

void remember_refusal(const fs::path& plan, const std::string& key, const std::string& reason) {
  try {
    write_file(note_beside(plan), key + "\n" + reason, Flush::to_system);
  } catch (const Error&) {  // then it is found out again
  }
}

std::optional<std::string> remembered_refusal(const fs::path& plan, const std::string& key) {
  std::error_code code;
  if (!fs::is_regular_file(note_beside(plan), code)) return std::nullopt;
  try {
    const std::string text = read_file(note_beside(plan));
    if (text.starts_with(key + "\n")) return text.substr(key.size() + 1);
  } catch (const Error&) {  // gone meanwhile, or not ours to read
  }
  return std::nullopt;
}

}  // namespace groundglass
