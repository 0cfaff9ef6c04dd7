#pragma once

#include <string>

#include "groundglass/core/error.h"

namespace groundglass {

/// An error whose HTTP status says more than its kind.
class HttpError : public Error {
 public:
  HttpError(int status, ErrorKind kind, const std::string& message)
      : Error(kind, message), status_(status) {}
  int status() const noexcept { return status_; }

 private:
  int status_;
};

/// The status of an error that has none of its own.
int http_status(ErrorKind kind);

/// "usage", "data", ..: the words of the exit codes.
const char* word_of(ErrorKind kind);

/// The kind of such a word; internal for any other.
ErrorKind kind_of_word(const std::string& word);

/// The kind of an exit code of the program; internal for any other number.
ErrorKind kind_of_exit_code(int code);

/// {"error": .., "kind": ..}
std::string error_json(const std::string& message, ErrorKind kind);

}  // namespace groundglass
