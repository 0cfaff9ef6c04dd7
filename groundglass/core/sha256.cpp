#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <fstream>
#include <vector>

#include "groundglass/core/error.h"
#include "groundglass/core/files.h"

namespace groundglass {
namespace {

using State = std::array<uint32_t, 8>;

/// The first 64 primes give the constants: fractional parts of their cube roots (rounds) and, for
/// the first eight, of their square roots (start), each as 32 bits.
struct Constants {
  std::array<uint32_t, 64> rounds{};
  State start{};

  Constants() {
    size_t found = 0;
    for (int n = 2; found < rounds.size(); ++n) {
      bool prime = true;
      for (int d = 2; d * d <= n; ++d) prime = prime && n % d != 0;
      if (!prime) continue;
      rounds[found] = fraction_bits(std::cbrt(static_cast<long double>(n)));
      if (found < start.size())
        start[found] = fraction_bits(std::sqrt(static_cast<long double>(n)));
      ++found;
    }
  }

  static uint32_t fraction_bits(long double root) {
    return static_cast<uint32_t>((root - std::floor(root)) * 4294967296.0L);
  }
};

const Constants& constants() {
  static const Constants all;
  return all;
}

void absorb(State& state, const uint8_t* block) {
  std::array<uint32_t, 64> w{};
  for (size_t i = 0; i < 16; ++i) {
    w[i] = uint32_t{block[4 * i]} << 24 | uint32_t{block[4 * i + 1]} << 16 |
           uint32_t{block[4 * i + 2]} << 8 | uint32_t{block[4 * i + 3]};
  }
  for (size_t i = 16; i < 64; ++i) {
    const uint32_t a = w[i - 15], b = w[i - 2];
    w[i] = w[i - 16] + w[i - 7] + (std::rotr(a, 7) ^ std::rotr(a, 18) ^ (a >> 3)) +
           (std::rotr(b, 17) ^ std::rotr(b, 19) ^ (b >> 10));
  }
  State s = state;
  for (size_t i = 0; i < 64; ++i) {
    const uint32_t sum1 = std::rotr(s[4], 6) ^ std::rotr(s[4], 11) ^ std::rotr(s[4], 25);
    const uint32_t choice = (s[4] & s[5]) ^ (~s[4] & s[6]);
    const uint32_t t1 = s[7] + sum1 + choice + constants().rounds[i] + w[i];
    const uint32_t sum0 = std::rotr(s[0], 2) ^ std::rotr(s[0], 13) ^ std::rotr(s[0], 22);
    const uint32_t majority = (s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]);
    s = {t1 + sum0 + majority, s[0], s[1], s[2], s[3] + t1, s[4], s[5], s[6]};
  }
  for (size_t i = 0; i < 8; ++i) state[i] += s[i];
}

/// Feeds bytes in any portions; the tail of a portion waits in `rest`.
class Sha256 {
 public:
  void feed(std::string_view bytes) {
    total_ += bytes.size();
    while (!bytes.empty()) {
      const size_t n = std::min(bytes.size(), rest_.size() - held_);
      std::memcpy(rest_.data() + held_, bytes.data(), n);
      held_ += n;
      bytes.remove_prefix(n);
      if (held_ < rest_.size()) return;
      absorb(state_, rest_.data());
      held_ = 0;
    }
  }

  std::string finish() {
    const uint64_t bits = total_ * 8;
    std::string tail(1, '\x80');
    tail.append((rest_.size() * 2 - 8 - held_ - 1) % rest_.size(), '\0');
    for (int shift = 56; shift >= 0; shift -= 8) tail += static_cast<char>(bits >> shift);
    feed(tail);
    std::string hex;
    for (const uint32_t word : state_) {
      for (int shift = 28; shift >= 0; shift -= 4) hex += "0123456789abcdef"[word >> shift & 15];
    }
    return hex;
  }

 private:
  State state_ = constants().start;
  std::array<uint8_t, 64> rest_{};
  size_t held_ = 0;
  uint64_t total_ = 0;
};

}  // namespace

std::string sha256(std::string_view bytes) {
  Sha256 hash;
  hash.feed(bytes);
  return hash.finish();
}

std::string sha256_of_file(const std::filesystem::path& path) {
  std::error_code ignored;
  std::ifstream in(path, std::ios::binary);
  if (!in || std::filesystem::is_directory(path, ignored)) {
    fail(ErrorKind::data, path.string() + ": cannot be opened");
  }
  Sha256 hash;
  std::vector<char> buffer(1 << 16);
  while (in.read(buffer.data(), static_cast<std::streamsize>(buffer.size())) || in.gcount() > 0) {
    hash.feed({buffer.data(), static_cast<size_t>(in.gcount())});
  }
  return hash.finish();
}

}  // namespace groundglass
