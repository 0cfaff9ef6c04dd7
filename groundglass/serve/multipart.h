#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace groundglass {

/// Takes a multipart/form-data body apart (RFC 7578) as it comes in; holds no more of it than a
/// boundary's length and the headers of one part, which are at most 8 KiB.
class MultipartReader {
 public:
  struct Receiver {
    std::function<void(const std::string& name, const std::string& filename)> begin;
    std::function<void(std::string_view bytes)> data;
    std::function<void()> end;
  };

  /// type  the request's Content-Type. Throws HttpError(400) without a boundary, of 1 to 70 bytes.
  MultipartReader(const std::string& type, Receiver receiver);

  /// The next bytes of the body. Throws HttpError(400) for what is no multipart.
  void take(std::string_view bytes);

  /// After the last byte. Throws HttpError(400) if the body stops before its last boundary.
  void finish() const;

 private:
  enum class State { preamble, after_boundary, headers, empty_line, data, epilogue };

  bool step();
  void begin_part(const std::string& headers);

  Receiver receiver_;
  std::string boundary_;  ///< with the line before it and its dashes
  std::string pending_;
  State state_ = State::preamble;
};

}  // namespace groundglass
