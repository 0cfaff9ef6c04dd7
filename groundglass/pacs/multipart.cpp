#include "groundglass/pacs/multipart.h"

namespace groundglass {

MultipartSplitter::MultipartSplitter(const std::string& boundary, Parts parts)
    : delimiter_("\r\n--" + boundary), parts_(std::move(parts)), held_("\r\n") {}

void MultipartSplitter::feed(std::string_view bytes) {
  held_ += bytes;
  while (step()) {
  }
}

bool MultipartSplitter::step() {
  if (place_ == Place::after) {
    held_.clear();
    return false;
  }
  if (place_ == Place::headers) {
    const size_t end = held_.find("\r\n\r\n");
    if (end == std::string::npos) return false;
    // The line break before the body belongs to no delimiter.
    held_.erase(0, end + 4);
    place_ = Place::body;
    parts_.begin();
    return true;
  }
  const size_t at = held_.find(delimiter_);
  if (at == std::string::npos) {
    // What may be the beginning of a delimiter stays for the next bytes.
    const size_t sure = held_.size() < delimiter_.size() ? 0 : held_.size() - delimiter_.size() + 1;
    if (place_ == Place::body && sure > 0) parts_.bytes(std::string_view(held_).substr(0, sure));
    held_.erase(0, sure);
    return false;
  }
  if (held_.size() < at + delimiter_.size() + 2) return false;
  if (place_ == Place::body) {
    parts_.bytes(std::string_view(held_).substr(0, at));
    parts_.end();
  }
  const bool last = held_.compare(at + delimiter_.size(), 2, "--") == 0;
  held_.erase(0, at + delimiter_.size());
  place_ = last ? Place::after : Place::headers;
  return true;
}

std::string boundary_of(const std::string& content_type) {
  const std::string word = "boundary=";
  size_t at = content_type.find(word);
  if (at == std::string::npos) return "";
  at += word.size();
  if (at < content_type.size() && content_type[at] == '"') {
    const size_t end = content_type.find('"', at + 1);
    return end == std::string::npos ? "" : content_type.substr(at + 1, end - at - 1);
  }
  return content_type.substr(at, content_type.find_first_of("; \t", at) - at);
}

}  // namespace groundglass
