#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "groundglass/core/error.h"

namespace groundglass {

/// Collects everything that is wrong with a data set, so that it is said once and completely.
/// Safe to use from several threads.
class Problems {
 public:
  void add(const std::string& problem);
  bool empty() const;
  std::vector<std::string> sorted() const;

  /// Throws Error(data): "<where>: <n> problems" and a line for each, sorted. Nothing if none.
  void refuse(const std::string& where) const;

 private:
  mutable std::mutex guard_;
  std::vector<std::string> all_;
};

}  // namespace groundglass
