#include "groundglass/serve/router.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>

#include "groundglass/core/json_text.h"
#include "groundglass/core/text.h"
#include "groundglass/serve/http_error.h"
#include "groundglass/serve/target.h"

namespace groundglass {
using nlohmann::ordered_json;
namespace {

/// Whether one segment fits one of a pattern: "files", "{study}", "{letter}.png".
bool fits(const std::string& pattern, const std::string& segment,
          std::map<std::string, std::string>& parts) {
  if (pattern.front() != '{') return pattern == segment;
  const size_t end = pattern.find('}');
  const std::string ending = pattern.substr(end + 1);
  if (segment.size() <= ending.size() ||
      segment.compare(segment.size() - ending.size(), ending.size(), ending) != 0) {
    return false;
  }
  parts[pattern.substr(1, end - 1)] = segment.substr(0, segment.size() - ending.size());
  return true;
}

struct OpenFile {
  explicit OpenFile(const std::filesystem::path& path)
      : handle(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW)) {}
  ~OpenFile() {
    if (handle >= 0) close(handle);
  }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  int handle;
};

/// A whole number without a sign; nothing for anything else.
std::optional<size_t> plain_number(const std::string& text) {
  if (text.empty() || text.size() > 18) return std::nullopt;
  for (const char c : text) {
    if (std::isdigit(static_cast<unsigned char>(c)) == 0) return std::nullopt;
  }
  return std::stoull(text);
}

struct ByteRange {
  size_t begin = 0, end = 0;
  bool partial = false;
};

/// "bytes=0-351", "bytes=352-" or "bytes=-100" of `size` bytes. Several ranges, and what is none,
/// give all, as RFC 9110 allows. Throws HttpError(416) for one that lies beyond the end.
ByteRange range_of(const std::string& header, size_t size) {
  const ByteRange all = {0, size, false};
  const size_t dash = header.find('-');
  if (header.compare(0, 6, "bytes=") != 0 || dash == std::string::npos) return all;
  const std::string first_text = header.substr(6, dash - 6), last_text = header.substr(dash + 1);
  const auto first = plain_number(first_text), last = plain_number(last_text);
  if ((!first && !first_text.empty()) || (!last && !last_text.empty()) || (!first && !last)) {
    return all;
  }
  ByteRange range = {0, size, true};
  if (first) {
    range.begin = *first;
    if (last) range.end = std::min(size, *last + 1);
  } else {
    range.begin = size - std::min(size, *last);
  }
  if (range.begin < range.end && (!first || !last || *first <= *last)) return range;
  throw HttpError(416, ErrorKind::usage,
                  "Range: expected one within " + std::to_string(size) + " bytes");
}

}  // namespace

const Route* find_route(const std::vector<Route>& routes, const std::string& method,
                        const std::vector<std::string>& segments,
                        std::map<std::string, std::string>& parts) {
  std::vector<std::string> others;
  for (const auto& route : routes) {
    const auto words = split_text(std::string_view(route.pattern).substr(1), '/');
    if (words.size() != segments.size()) continue;
    std::map<std::string, std::string> found;
    bool same = true;
    for (size_t i = 0; same && i < words.size(); ++i) same = fits(words[i], segments[i], found);
    if (!same) continue;
    if (route.method == method) {
      parts = std::move(found);
      return &route;
    }
    others.push_back(route.method);
  }
  if (others.empty()) return nullptr;
  throw HttpError(405, ErrorKind::usage, method + ": expected " + listed(others) + " here");
}

int64_t Call::number(const std::string& part) const {
  const std::string& text = parts.at(part);
  const bool digits =
      std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isdigit(c) != 0; });
  if (!digits || text.empty() || text.size() > 15 || text.front() == '0') {
    throw HttpError(404, ErrorKind::usage,
                    part + " " + in_quotes(text.substr(0, 40)) + ": expected a number from 1 on");
  }
  return std::stoll(text);
}

std::string Call::study() const {
  const std::string& text = parts.at("study");
  const bool digits = std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return std::isdigit(c) != 0 || (c >= 'a' && c <= 'f');
  });
  if (!digits || text.size() != 16) {
    throw HttpError(404, ErrorKind::usage,
                    "study " + in_quotes(text.substr(0, 40)) + ": expected 16 hexadecimal digits");
  }
  return text;
}

std::string Call::query(const std::string& name, size_t longest) const {
  if (!request.has_param(name)) {
    throw HttpError(400, ErrorKind::usage, "the address lacks '" + name + "=..'");
  }
  return query_or(name, "", longest);
}

int64_t Call::query_number(const std::string& name) const {
  const std::string text = query(name, 15);
  const bool digits =
      std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isdigit(c) != 0; });
  if (digits && !text.empty() && text.front() != '0') return std::stoll(text);
  throw HttpError(400, ErrorKind::usage,
                  "'" + name + "' of the address: expected a number from 1 on");
}

std::string Call::query_or(const std::string& name, const std::string& otherwise,
                           size_t longest) const {
  if (!request.has_param(name)) return otherwise;
  std::string value = request.get_param_value(name);
  const auto refuse = [&](const std::string& why) {
    throw HttpError(400, ErrorKind::usage, "'" + name + "' of the address: " + why);
  };
  if (value.size() > longest) {
    refuse(std::to_string(value.size()) + " bytes, expected at most " + std::to_string(longest));
  }
  if (value.find('\0') != std::string::npos || !is_utf8(value)) refuse("expected UTF-8 text");
  return value;
}

int64_t Call::read_body(int64_t most, const std::function<void(std::string_view)>& receiver) {
  const auto too_much = [&] {
    throw HttpError(413, ErrorKind::usage,
                    "body: more than " + human_bytes(static_cast<double>(most)) +
                        ", which is the most that is taken here");
  };
  const std::string length = request.get_header_value("Content-Length");
  if (!length.empty()) {
    char* end = nullptr;
    errno = 0;
    const auto told = std::strtoll(length.c_str(), &end, 10);
    if (*end != '\0' || errno != 0 || told < 0 || length.front() == '+') {
      throw HttpError(400, ErrorKind::usage, "Content-Length: expected a number");
    }
    if (told > most) too_much();
  }
  int64_t taken = 0;
  // Without a length there is no body; cpp-httplib would wait for the end of the connection.
  if (body_ == nullptr || (length.empty() && !request.has_header("Transfer-Encoding"))) return 0;
  // An exception must not pass through the reader, which leaves the answer to itself.
  std::exception_ptr problem;
  const bool whole = (*body_)([&](const char* bytes, size_t size) {
    try {
      taken += static_cast<int64_t>(size);
      if (taken > most) too_much();
      receiver({bytes, size});
      return true;
    } catch (...) {
      problem = std::current_exception();
      return false;
    }
  });
  if (problem) std::rethrow_exception(problem);
  if (!whole) throw HttpError(400, ErrorKind::usage, "the body ends early or is damaged");
  return taken;
}

std::string Call::whole_body(int64_t most) {
  std::string text;
  read_body(most, [&](std::string_view bytes) { text.append(bytes); });
  return text;
}

ordered_json Call::json_body(int64_t most) {
  const std::string text = whole_body(most);
  if (text.empty()) return ordered_json::object();
  // A page of another site can send text/plain without being asked, JSON not.
  if (lower(content_type()).compare(0, 16, "application/json") != 0) {
    throw HttpError(415, ErrorKind::usage, "Content-Type: expected application/json");
  }
  size_t depth = 0, deepest = 0;
  for (const char c : text) {  // the parser recurses
    if (c == '[' || c == '{') deepest = std::max(deepest, ++depth);
    if ((c == ']' || c == '}') && depth > 0) --depth;
  }
  auto document = deepest > 32 ? ordered_json() : ordered_json::parse(text, nullptr, false);
  if (!document.is_object()) {
    throw HttpError(400, ErrorKind::usage, "body: expected a JSON object in UTF-8");
  }
  return document;
}

std::string Call::content_type() const {
  return request.get_header_value(HttpServer::kContentType);
}

void Call::reply(const ordered_json& document, int status) {
  response.status = status;
  response.set_content(json_text(document), "application/json");
}

void Call::reply_nothing() {
  response.status = 204;
}

void Call::reply_file(const std::filesystem::path& path, const std::string& type,
                      const std::string& name) {
  auto file = std::make_shared<OpenFile>(path);
  struct stat about = {};
  if (path.empty() || file->handle < 0 || fstat(file->handle, &about) != 0 ||
      !S_ISREG(about.st_mode)) {
    throw HttpError(404, ErrorKind::usage, "there is no such file here");
  }
  const auto size = static_cast<size_t>(about.st_size);
  const ByteRange range = range_of(request.get_header_value("Range"), size);
  response.set_header("Accept-Ranges", "bytes");
  if (!name.empty()) {
    std::string plain;
    for (const char c : name) {
      const auto byte = static_cast<unsigned char>(c);
      plain += std::isalnum(byte) != 0 || c == '.' || c == '-' || c == '_' ? c : '_';
    }
    response.set_header("Content-Disposition", "attachment; filename=\"" + plain + "\"");
  }
  if (size == 0) return response.set_content("", type);
  response.status = 200;
  if (range.partial) {
    response.status = 206;
    response.set_header("Content-Range", "bytes " + std::to_string(range.begin) + "-" +
                                             std::to_string(range.end - 1) + "/" +
                                             std::to_string(size));
  }
  response.set_content_provider(
      range.end - range.begin, type,
      [file, begin = range.begin](size_t offset, size_t length, httplib::DataSink& sink) {
        std::vector<char> buffer(std::min<size_t>(length, 1 << 18));
        const ssize_t got =
            pread(file->handle, buffer.data(), buffer.size(), static_cast<off_t>(begin + offset));
        return got > 0 && sink.write(buffer.data(), static_cast<size_t>(got));
      });
}

}  // namespace groundglass
