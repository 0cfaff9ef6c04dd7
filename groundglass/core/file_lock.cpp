#include "groundglass/core/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>

#include "groundglass/core/error.h"

namespace groundglass {
namespace fs = std::filesystem;

int locked_file(const fs::path& file, IfHeld if_held) {
  const int handle = open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (handle < 0) {
    fail(ErrorKind::data, file.string() + ": cannot be written (" + std::strerror(errno) +
                              "); expected a folder of one's own");
  }
  const int operation = if_held == IfHeld::wait ? LOCK_EX : LOCK_EX | LOCK_NB;
  int code = 0;
  while ((code = flock(handle, operation)) != 0 && errno == EINTR) {
  }
  if (code == 0) return handle;
  const int why = errno;
  close(handle);
  if (why == EWOULDBLOCK) return -1;
  fail(ErrorKind::data, file.string() + ": cannot be locked (" + std::strerror(why) +
                            "); expected a folder on a file system that knows locks, such as a "
                            "local disk");
}

bool knows_locks(const fs::path& folder) {
  std::string name = (folder / ".tmp-lock-XXXXXX").string();
  const int handle = mkostemp(name.data(), O_CLOEXEC);
  if (handle < 0) return true;
  struct flock whole {};
  whole.l_type = F_WRLCK;
  whole.l_whence = SEEK_SET;
  const bool known = fcntl(handle, F_SETLK, &whole) == 0 && flock(handle, LOCK_EX | LOCK_NB) == 0;
  close(handle);
  unlink(name.c_str());
  return known;
}

}  // namespace groundglass
