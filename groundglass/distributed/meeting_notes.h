#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "groundglass/distributed/c10d.h"
#include "groundglass/distributed/world.h"

#ifdef GROUNDGLASS_GLOO

namespace groundglass {

using StorePtr = c10::intrusive_ptr<c10d::Store>;

/// The first line of what LibTorch says.
std::string first_line_of(const std::string& text);

/// Where a world meets, as messages name it: a file, or address and port.
std::string meeting_text(const World& world);

/// A connection to the place where the ranks meet; `serves` makes this process the one that listens
/// where the world wants a listener. Throws std::exception as LibTorch does.
StorePtr open_store(const World& world, bool serves, double timeout_s);

/// What the ranks of a world leave for each other beside their collectives: who is here, who has
/// left, who is in trouble and what was said about it. May be used by several threads; every call
/// throws std::exception if the meeting is gone (it goes down with rank 0).
class MeetingNotes {
 public:
  MeetingNotes() = default;

  /// `store` is a connection of its own: a waiting collective would hold up one that is shared.
  void open(StorePtr store, const World& world, double timeout_s);

  /// The full name of a note: notes of an earlier start at the same meeting have other ones.
  std::string key(const std::string& name) const { return world_.prefix + name; }

  bool has(const std::string& name);
  std::string text(const std::string& name);
  void put(const std::string& name, const std::string& text = "1");

  /// Waits for a note until the clock says end_s (now_s()); false if it did not come.
  bool wait_for(const std::string& name, double end_s);

  /// Waits until all ranks have shown themselves. Throws Error(device) naming those that did not.
  void assemble();

  /// Says once why a rank ends, and by which signal (0: none); a rank that ends because another is
  /// lost has nothing to add.
  void tell_trouble(const std::string& message, int signal_number);

  /// True for the first rank that asks; each leaves word that it has asked.
  bool speaks_first();

  /// Says, once, how many collectives this rank has begun.
  void report(int64_t begun);

  /// Names the ranks that do not report within three seconds, or else those that have begun fewer
  /// collectives than this one, in one line; or what a rank has said about its end.
  std::string who_is_missing(const std::string& what, const std::string& why, int64_t begun);

  std::string rank_0_is_gone(const std::string& what) const;

 private:
  bool holds(const std::string& name);
  void write(const std::string& name, const std::string& text);
  std::string of_ranks(const std::vector<std::string>& ranks) const;

  World world_;
  double timeout_s_ = 0;
  StorePtr store_;
  std::mutex guard_;
};

}  // namespace groundglass

#endif
