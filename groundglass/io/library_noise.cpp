#include "groundglass/io/library_noise.h"

#include <iostream>
#include <sstream>
#include <streambuf>

namespace groundglass {
namespace {

thread_local std::string* t_listener = nullptr;

/// Passes on what is written, except from threads that listen themselves.
class ThreadFilter final : public std::streambuf {
 public:
  explicit ThreadFilter(std::streambuf* next) : next_(next) {}

 protected:
  int_type overflow(int_type c) override {
    if (t_listener == nullptr) return next_->sputc(traits_type::to_char_type(c));
    t_listener->push_back(traits_type::to_char_type(c));
    return c;
  }

  std::streamsize xsputn(const char* text, std::streamsize n) override {
    if (t_listener == nullptr) return next_->sputn(text, n);
    t_listener->append(text, static_cast<size_t>(n));
    return n;
  }

  int sync() override { return t_listener == nullptr ? next_->pubsync() : 0; }

 private:
  std::streambuf* next_;
};

/// Once and for good: taking a filter out again could pull it from under another thread. It is
/// never deleted, since std::cerr outlives every static object.
void install_filter() {
  [[maybe_unused]] static const auto* filter = [] {
    auto* made = new ThreadFilter(std::cerr.rdbuf());
    std::cerr.rdbuf(made);
    return made;
  }();
}

}  // namespace

LibraryNoise::LibraryNoise() {
  install_filter();
  before_ = t_listener;
  t_listener = &collected_;
}

LibraryNoise::~LibraryNoise() {
  t_listener = before_;
}

std::string LibraryNoise::text() const {
  std::istringstream words(collected_);
  std::string line, word;
  while (words >> word) line += (line.empty() ? "" : " ") + word;
  return line;
}

}  // namespace groundglass
