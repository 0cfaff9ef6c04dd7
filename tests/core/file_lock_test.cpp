#include "groundglass/core/file_lock.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>

#include "groundglass/core/even_time.h"
#include "groundglass/core/files.h"
#include "tests/complaint.h"
#include "tests/scratch_folder.h"

namespace {
bool without_locks = false;
}

/// Takes the place of the C library's, as a file system without locks would answer.
extern "C" int flock(int handle, int operation) noexcept {
  if (without_locks) {
    errno = ENOLCK;
    return -1;
  }
  return static_cast<int>(syscall(SYS_flock, handle, operation));
}

namespace groundglass {
namespace {

TEST(LockedFile, IsHeldByOne) {
  const ScratchFolder folder;
  const int held = locked_file(folder / "lock", IfHeld::give_up);
  ASSERT_GE(held, 0);
  EXPECT_EQ(locked_file(folder / "lock", IfHeld::give_up), -1);
  close(held);
  const int again = locked_file(folder / "lock", IfHeld::wait);
  EXPECT_GE(again, 0);
  close(again);
}

TEST(LockedFile, SaysWhyItCannotBe) {
  const ScratchFolder folder;
  EXPECT_TRUE(says(
      complaint(ErrorKind::data, [&] { locked_file(folder / "missing/lock", IfHeld::give_up); }),
      {"missing/lock: cannot be written", "No such file", "expected a folder"}));
  EXPECT_TRUE(knows_locks(folder.path()));
  without_locks = true;
  const std::string said =
      complaint(ErrorKind::data, [&] { locked_file(folder / "lock", IfHeld::give_up); });
  const bool known = knows_locks(folder.path());
  without_locks = false;
  EXPECT_TRUE(says(said, {"lock: cannot be locked (No locks available)", "local disk"}));
  EXPECT_FALSE(known);
  EXPECT_TRUE(knows_locks(folder / "missing"));  // nobody can say
}

TEST(EvenTime, IsTheMachinesAtFirst) {
  EXPECT_NEAR(static_cast<double>(even_time_s()), static_cast<double>(std::time(nullptr)), 60);
}

}  // namespace
}  // namespace groundglass
