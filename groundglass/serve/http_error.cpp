#include "groundglass/serve/http_error.h"

#include "groundglass/core/json_text.h"

namespace groundglass {

int http_status(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::usage:
    case ErrorKind::recipe:
      return 400;
    case ErrorKind::data:
      return 422;
    case ErrorKind::checkpoint:
      return 409;
    case ErrorKind::device:
      return 503;
    case ErrorKind::internal:
      break;
  }
  return 500;
}

const char* word_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::usage:
      return "usage";
    case ErrorKind::recipe:
      return "recipe";
    case ErrorKind::data:
      return "data";
    case ErrorKind::checkpoint:
      return "checkpoint";
    case ErrorKind::device:
      return "device";
    case ErrorKind::internal:
      break;
  }
  return "internal";
}

ErrorKind kind_of_word(const std::string& word) {
  for (int code = 2; code <= 6; ++code) {
    if (word == word_of(kind_of_exit_code(code))) return kind_of_exit_code(code);
  }
  return ErrorKind::internal;
}

ErrorKind kind_of_exit_code(int code) {
  return code >= 2 && code <= 6 ? static_cast<ErrorKind>(code) : ErrorKind::internal;
}

std::string error_json(const std::string& message, ErrorKind kind) {
  return json_text({{"error", message}, {"kind", word_of(kind)}});
}

}  // namespace groundglass
