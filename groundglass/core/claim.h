#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace groundglass {

/// When the owner of a claim counts as dead.
struct ClaimOptions {
  double beat_seconds = 20;     ///< between two signs of life of an owner
  double silent_seconds = 180;  ///< without one, until an owner on another machine counts as dead
  double poll_seconds = 1;      ///< between two looks at work that others do
};

/// A hold on a piece of work that ends with the object. While it lives, a thread of its own writes
/// signs of life.
class Claim {
 public:
  virtual ~Claim() = default;
  /// True if another process has taken the work over because we seemed dead (suspended, cut off).
  virtual bool lost() const = 0;
};

/// Thrown by work that finds its claim lost; do_shared() leaves the piece to the new owner.
struct ClaimLost {};

/// The claims of one process on work that several processes share through a folder, on one machine
/// or on machines that share a file system.
///
/// A claim on PATH is a file PATH.0, made with O_EXCL: one process gets it, the others see it. It
/// names its owner (machine, process, when that began) and counts signs of life. If the owner is
/// dead, PATH.1 is made in the same way, and so on: nothing is removed, so that of two processes
/// that find the same owner dead one alone takes over. On the owner's machine its process is looked
/// up, which tells death at once; elsewhere an owner is dead whose count stood still for
/// silent_seconds of our own clock, so that the machines' clocks need not agree.
class Claims {
 public:
  explicit Claims(const ClaimOptions& options = {}) : options_(options) {}

  /// Nothing if somebody who is alive, maybe this process, holds it. Throws Error(data) if the file
  /// cannot be made.
  std::unique_ptr<Claim> take(const std::filesystem::path& path);

  const ClaimOptions& options() const { return options_; }

 private:
  struct Seen {
    std::string text;
    double since_s = 0;
  };
  bool alive(const std::filesystem::path& file);

  ClaimOptions options_;
  std::map<std::filesystem::path, Seen> seen_;
};

/// A piece of work that one process does and all wait for.
struct SharedPiece {
  std::filesystem::path claim;
  std::function<bool()> done;  ///< asks the file system
  std::function<void(const Claim&)> work;
};

/// Does the pieces that nobody else does, in their order, and returns when all are done, whoever
/// did them. `waiting` is told how many others do, once each time that nothing is left to take.
/// Throws what the work throws, and Stopped on a signal while it waits.
void do_shared(const std::vector<SharedPiece>& pieces, Claims& claims,
               const std::function<void(size_t)>& waiting = {});

}  // namespace groundglass
