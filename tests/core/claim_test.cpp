#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include <gtest/gtest.h>

#include "groundglass/core/claim.h"
#include "groundglass/core/files.h"
#include "groundglass/core/process.h"
#include "groundglass/core/text.h"
#include "tests/complaint.h"
#include "tests/scratch_folder.h"

namespace groundglass {
namespace {
namespace fs = std::filesystem;

const ClaimOptions kQuick = {0.02, 0.3, 0.01};

/// What stands in a claim file: machine, process, when it began, state, count.
std::vector<std::string> words_of(const fs::path& file) {
  return split_text(read_file(file), ' ');
}

TEST(Claims, OnePieceHasOneOwner) {
  const ScratchFolder folder;
  Claims ours(kQuick), theirs(kQuick);
  auto claim = ours.take(folder / "work");
  ASSERT_NE(claim, nullptr);
  EXPECT_EQ(theirs.take(folder / "work"), nullptr);
  EXPECT_EQ(ours.take(folder / "work"), nullptr);
  EXPECT_NE(theirs.take(folder / "other"), nullptr);
  claim.reset();
  EXPECT_NE(theirs.take(folder / "work"), nullptr);  // given back
  EXPECT_TRUE(fs::exists(folder / "work.0"));
  EXPECT_TRUE(fs::exists(folder / "work.1"));
}

TEST(Claims, OfAProcessThatWasKilledAreTakenOverAtOnce) {
  const ScratchFolder folder;
  const pid_t child = fork();
  if (child == 0) {
    Claims claims(kQuick);
    const auto claim = claims.take(folder / "work");
    write_file(folder / "ready", "");
    while (true) pause();
  }
  while (!fs::exists(folder / "ready")) std::this_thread::yield();
  Claims claims({0.02, 3600, 0.01});  // no silence would be long enough
  EXPECT_EQ(claims.take(folder / "work"), nullptr);
  kill(child, SIGSTOP);
  EXPECT_EQ(claims.take(folder / "work"), nullptr);  // asleep is not dead
  kill(child, SIGKILL);
  siginfo_t info;
  waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT);  // not yet buried
  EXPECT_NE(claims.take(folder / "work"), nullptr);
  waitpid(child, nullptr, 0);
}

TEST(Claims, AProcessWithTheNumberOfADeadOwnerIsNotTheOwner) {
  const ScratchFolder folder;
  Claims claims(kQuick);
  claims.take(folder / "work").reset();
  auto words = words_of(folder / "work.0");
  ASSERT_EQ(words.size(), 5U);
  words[2] += "1";  // it began at another time
  words[3] = "held";
  write_file(folder / "work.0", joined(words, " "));
  EXPECT_NE(claims.take(folder / "work"), nullptr);
}

TEST(Claims, OfAnotherMachineAreTakenOverAfterItsSilence) {
  const ScratchFolder folder;
  const auto sign = [&](int count) {
    write_file(folder / "work.0", "elsewhere 1 1 held " + std::to_string(count));
  };
  Claims claims({0.02, 0.25, 0.01});
  for (int beat = 0; beat < 8; ++beat) {  // longer than the silence, but it speaks
    sign(beat);
    EXPECT_EQ(claims.take(folder / "work"), nullptr) << beat;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  EXPECT_NE(claims.take(folder / "work"), nullptr);
}

TEST(Claims, AreWatchedFromTheFirstLookOn) {
  const ScratchFolder folder;
  write_file(folder / "work.0", "elsewhere 1 1 held 7");
  fs::last_write_time(folder / "work.0", fs::file_time_type::clock::now() - std::chrono::hours(9));
  Claims claims({0.02, 0.25, 0.01});  // the other machine's clock may be wrong
  EXPECT_EQ(claims.take(folder / "work"), nullptr);
}

TEST(Claims, ATakenOverOwnerIsTold) {
  const ScratchFolder folder;
  Claims claims(kQuick);
  const auto claim = claims.take(folder / "work");
  EXPECT_FALSE(claim->lost());
  write_file(folder / "work.1", "elsewhere 1 1 held 0");
  for (int i = 0; i < 200 && !claim->lost(); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_TRUE(claim->lost());
}

TEST(Claims, GiveSignsOfLife) {
  const ScratchFolder folder;
  Claims claims(kQuick);
  const auto claim = claims.take(folder / "work");
  const auto first = words_of(folder / "work.0").back();
  for (int i = 0; i < 200 && words_of(folder / "work.0").back() == first; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_NE(words_of(folder / "work.0").back(), first);
}

TEST(Claims, NeedAFolderThatCanBeWritten) {
  const ScratchFolder folder;
  write_file(folder / "file", "");
  Claims claims;
  EXPECT_TRUE(says(complaint(ErrorKind::usage, [&] { claims.take(folder / "file" / "work"); }),
                   {"cannot be made"}));
  fs::create_symlink(folder / "nowhere" / "deep", folder / "link.0");
  EXPECT_EQ(claims.take(folder / "link"), nullptr);  // a name that is taken is not ours
  EXPECT_TRUE(says(complaint(ErrorKind::data, [&] { claims.take(folder / std::string(300, 'a')); }),
                   {"cannot be made (File name too long)"}));
}

TEST(SharedWork, IsDoneOnceByWhoeverComesFirst) {
  const ScratchFolder folder;
  std::atomic<int> done = 0, twice = 0;
  const auto worker = [&] {
    Claims claims(kQuick);
    std::vector<SharedPiece> pieces;
    for (int i = 0; i < 20; ++i) {
      const fs::path result = folder / ("result_" + std::to_string(i));
      pieces.push_back({folder / ("claim_" + std::to_string(i)),
                        [result] { return fs::exists(result); },
                        [result, &done, &twice](const Claim&) {
                          if (fs::exists(result)) ++twice;
                          std::this_thread::sleep_for(std::chrono::milliseconds(3));
                          write_file(result, "", Flush::to_system);
                          ++done;
                        }});
    }
    do_shared(pieces, claims);
    for (const auto& piece : pieces) EXPECT_TRUE(piece.done());
  };
  std::thread other(worker), third(worker);
  worker();
  other.join();
  third.join();
  EXPECT_EQ(done, 20);
  EXPECT_EQ(twice, 0);
}

TEST(SharedWork, WaitsForOthersAndEndsOnASignal) {
  const ScratchFolder folder;
  write_file(folder / "claim.0", "elsewhere 1 1 held 0");
  Claims claims({0.02, 3600, 0.01});
  size_t waited_for = 0;
  const auto waiting = [&](size_t others) {
    waited_for = others;
    request_stop(SIGTERM);
  };
  const SharedPiece piece = {folder / "claim", [] { return false; }, [](const Claim&) { FAIL(); }};
  EXPECT_THROW(do_shared({piece}, claims, waiting), Stopped);
  request_stop(0);
  EXPECT_EQ(waited_for, 1U);
}

TEST(SharedWork, OfALostClaimIsLeftToItsNewOwner) {
  const ScratchFolder folder;
  Claims claims(kQuick);
  bool done = false;
  const SharedPiece piece = {folder / "claim", [&] { return done; },
                             [&](const Claim&) {
                               done = true;  // the new owner has ended it meanwhile
                               throw ClaimLost{};
                             }};
  EXPECT_NO_THROW(do_shared({piece}, claims));
}

}  // namespace
}  // namespace groundglass
