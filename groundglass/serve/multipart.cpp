#include "groundglass/serve/multipart.h"

#include "groundglass/core/text.h"
#include "groundglass/serve/http_error.h"

namespace groundglass {
namespace {

constexpr size_t kMostHeaderBytes = 8192;

[[noreturn]] void refuse_form(const std::string& why) {
  throw HttpError(400, ErrorKind::usage, "multipart/form-data: " + why);
}

/// The value of `key` in 'form-data; name="a"; filename="b c"'.
std::string parameter(const std::string& text, const std::string& key) {
  const std::string folded = lower(text);
  size_t at = 0;
  while ((at = folded.find(key + "=", at)) != std::string::npos) {
    const char before = at == 0 ? ';' : folded[at - 1];
    if (before == ';' || before == ' ' || before == '\t') break;
    ++at;
  }
  if (at == std::string::npos) return "";
  at += key.size() + 1;
  std::string value;
  if (at < text.size() && text[at] == '"') {
    for (++at; at < text.size() && text[at] != '"'; ++at) value += text[at];
  } else {
    for (; at < text.size() && text[at] != ';' && text[at] != ' '; ++at) value += text[at];
  }
  return value;
}

}  // namespace

MultipartReader::MultipartReader(const std::string& type, Receiver receiver)
    : receiver_(std::move(receiver)) {
  if (lower(type).compare(0, 19, "multipart/form-data") != 0) {
    throw HttpError(415, ErrorKind::usage, "Content-Type: expected multipart/form-data");
  }
  const std::string word = parameter(type, "boundary");
  if (word.empty() || word.size() > 70) refuse_form("expected a boundary of 1 to 70 bytes");
  boundary_ = "\r\n--" + word;
  pending_ = "\r\n";  // the first boundary may be the first line
}

void MultipartReader::take(std::string_view bytes) {
  pending_.append(bytes);
  while (step()) {
  }
}

bool MultipartReader::step() {
  switch (state_) {
    case State::preamble:
    case State::data: {
      const size_t at = pending_.find(boundary_);
      // What may be the begin of a boundary waits for the rest of it.
      const size_t sure = at != std::string::npos ? at
                          : pending_.size() >= boundary_.size()
                              ? pending_.size() - boundary_.size() + 1
                              : 0;
      if (state_ == State::data && sure > 0) {
        receiver_.data(std::string_view(pending_).substr(0, sure));
      }
      if (at == std::string::npos) {
        pending_.erase(0, sure);
        return false;
      }
      if (state_ == State::data) receiver_.end();
      pending_.erase(0, at + boundary_.size());
      state_ = State::after_boundary;
      return true;
    }
    case State::after_boundary:
      if (pending_.size() < 2) return false;
      if (pending_.compare(0, 2, "--") == 0) {
        state_ = State::epilogue;
      } else if (pending_.compare(0, 2, "\r\n") == 0) {
        state_ = State::headers;
      } else {
        refuse_form("a boundary is followed by something else than a new line");
      }
      pending_.erase(0, 2);
      return true;
    case State::headers: {
      const size_t end = pending_.find("\r\n\r\n");
      if (end == std::string::npos) {
        if (pending_.size() > kMostHeaderBytes) {
          refuse_form("headers of a part beyond " + std::to_string(kMostHeaderBytes) + " bytes");
        }
        return false;
      }
      const std::string headers = pending_.substr(0, end);
      pending_.erase(0, end + 2);  // the empty line's own end may begin a boundary
      state_ = State::empty_line;
      begin_part(headers);
      return true;
    }
    case State::empty_line:
      if (pending_.size() < boundary_.size()) return false;
      if (pending_.compare(0, boundary_.size(), boundary_) != 0) pending_.erase(0, 2);
      state_ = State::data;
      return true;
    case State::epilogue:
      pending_.clear();
      return false;
  }
  return false;
}

void MultipartReader::begin_part(const std::string& headers) {
  for (const auto& line : split_text(headers, '\n')) {
    if (lower(line).compare(0, 20, "content-disposition:") != 0) continue;
    receiver_.begin(parameter(line, "name"), parameter(line, "filename"));
    return;
  }
  refuse_form("a part without Content-Disposition");
}

void MultipartReader::finish() const {
  if (state_ != State::epilogue) refuse_form("it stops before its last boundary");
}

}  // namespace groundglass
