#include "groundglass/serve/upload_path.h"

#include <algorithm>
#include <array>

#include "groundglass/core/text.h"
#include "groundglass/serve/http_error.h"
#include "groundglass/serve/target.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

constexpr size_t kLongestPart = 200, kLongestPath = 1000, kMostParts = 16;

/// The name as a message may show it: it may be long, and hold anything.
std::string shown(std::string_view name) {
  std::string text;
  for (const char c : name.substr(0, 80)) {
    const auto byte = static_cast<unsigned char>(c);
    text += byte < 0x20 || byte >= 0x7f ? '?' : c;
  }
  return in_quotes(text + (name.size() > 80 ? ".." : ""));
}

[[noreturn]] void refuse_path(std::string_view name, const std::string& why) {
  throw HttpError(400, ErrorKind::usage, "file name " + shown(name) + ": " + why);
}

bool is_device(const std::string& part) {
  std::string stem = lower(part.substr(0, part.find('.')));
  while (!stem.empty() && stem.back() == ' ') stem.pop_back();
  constexpr std::array<const char*, 6> kDevices = {"con", "prn", "aux", "nul", "conin$", "conout$"};
  if (std::find(kDevices.begin(), kDevices.end(), stem) != kDevices.end()) return true;
  for (const char* digit : {"\xc2\xb9", "\xc2\xb2", "\xc2\xb3"}) {  // raised 1, 2, 3
    if (stem == std::string("com") + digit || stem == std::string("lpt") + digit) return true;
  }
  return stem.size() == 4 && (stem.compare(0, 3, "com") == 0 || stem.compare(0, 3, "lpt") == 0) &&
         stem[3] >= '0' && stem[3] <= '9';
}

/// Whether UTF-8 text holds a character that is not seen and changes how the rest is read: the
/// direction of writing turned by force, lines and paragraphs ended, blanks without width.
bool is_disguised(std::string_view text) {
  for (size_t at = 0; at + 2 < text.size(); ++at) {
    const std::string_view three = text.substr(at, 3);
    const auto last = static_cast<unsigned char>(three[2]);
    const std::string_view two = three.substr(0, 2);
    if (two == "\xe2\x80" && (last == 0x8b || (last >= 0xa8 && last <= 0xae))) return true;
    if (two == "\xe2\x81" && last >= 0xa6 && last <= 0xa9) return true;
    if (three == "\xef\xbb\xbf") return true;
  }
  return false;
}

}  // namespace

fs::path upload_path(std::string_view name) {
  if (name.empty()) refuse_path(name, "is empty");
  if (name.size() > kLongestPath) {
    refuse_path(name, std::to_string(name.size()) + " bytes, expected at most " +
                          std::to_string(kLongestPath));
  }
  if (name.front() == '/') refuse_path(name, "is an absolute path, expected one within the study");
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) refuse_path(name, "holds a control character");
    if (c == '\\') refuse_path(name, "holds a backslash");
    if (c == ':') refuse_path(name, "holds a colon");
  }
  if (!is_utf8(name)) refuse_path(name, "is no UTF-8");
  if (is_disguised(name)) refuse_path(name, "holds a character that hides how it is read");
  const auto parts = split_text(name, '/');
  if (parts.size() > kMostParts) {
    refuse_path(name, std::to_string(parts.size()) + " folders deep, expected at most " +
                          std::to_string(kMostParts));
  }
  fs::path path;
  for (const auto& part : parts) {
    if (part.empty() || part == "." || part == "..") {
      refuse_path(name, "holds the part " + in_quotes(part));
    }
    if (part.size() > kLongestPart) {
      refuse_path(name, "holds a part of " + std::to_string(part.size()) +
                            " bytes, expected at most " + std::to_string(kLongestPart));
    }
    if (part.back() == '.' || part.back() == ' ') {
      refuse_path(name, "holds a part that ends in a dot or a blank");
    }
    if (is_device(part)) refuse_path(name, "is the name of a device");
    if (ends_with(part, ".partial"))
      refuse_path(name, "ends in .partial, which is the server's own");
    path /= part;
  }
  return path;
}

fs::path place_in(const fs::path& folder, const fs::path& relative) {
  fs::path path = folder;
  const auto refuse = [&](const char* why) { refuse_path(relative.string(), why); };
  std::error_code error;
  for (const auto& part : relative.parent_path()) {
    path /= part;
    const auto status = fs::symlink_status(path, error);
    if (status.type() == fs::file_type::directory) continue;
    if (status.type() != fs::file_type::not_found) refuse("a file of that name stands in its way");
    fs::create_directory(path, error);
    if (error && !fs::is_directory(path)) refuse("its folder cannot be made");
  }
  path /= relative.filename();
  const auto status = fs::symlink_status(path, error);
  if (status.type() != fs::file_type::not_found && status.type() != fs::file_type::regular) {
    refuse("a folder of that name stands in its way");
  }
  return path;
}

bool is_file_inside(const fs::path& folder, const fs::path& path) {
  std::error_code error;
  if (fs::symlink_status(path, error).type() != fs::file_type::regular) return false;
  const fs::path real = fs::canonical(path, error);
  if (error) return false;
  const fs::path root = fs::canonical(folder, error);
  if (error) return false;
  const auto [end, rest] = std::mismatch(root.begin(), root.end(), real.begin(), real.end());
  return end == root.end() && rest != real.end();
}

std::string author_name(const std::string& text) {
  const auto refuse = [](const std::string& why) {
    throw HttpError(400, ErrorKind::usage,
                    "name of the annotator: " + why +
                        ", expected 1 to 64 letters, digits, blanks, '-', '_' or '.'");
  };
  if (text.empty()) refuse("it is empty");
  if (text.size() > 64) refuse(std::to_string(text.size()) + " bytes");
  if (!is_utf8(text)) refuse("it is no UTF-8");
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool good =
        byte >= 0x80 || std::isalnum(byte) != 0 || c == ' ' || c == '-' || c == '_' || c == '.';
    if (!good) refuse("it holds other characters");
  }
  if (std::string(" -_.").find(text.front()) != std::string::npos)
    refuse("it begins with a blank or a sign");
  return text;
}

}  // namespace groundglass
