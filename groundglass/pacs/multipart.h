#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace groundglass {

/// Takes a multipart body (RFC 2046) apart while it comes in.
class MultipartSplitter {
 public:
  struct Parts {
    std::function<void()> begin;                  ///< a part begins; its headers are passed over
    std::function<void(std::string_view)> bytes;  ///< of the part
    std::function<void()> end;
  };

  MultipartSplitter(const std::string& boundary, Parts parts);

  void feed(std::string_view bytes);

  /// True after the closing boundary.
  bool whole() const { return place_ == Place::after; }

 private:
  enum class Place { before, headers, body, after };

  bool step();

  std::string delimiter_;
  Parts parts_;
  std::string held_;
  Place place_ = Place::before;
};

/// The boundary of a Content-Type; "" if it has none.
std::string boundary_of(const std::string& content_type);

}  // namespace groundglass
