#include "groundglass/core/folder_walk.h"

#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <utility>

#include "groundglass/core/error.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

/// Which folder a path leads to, however it is written: device and number on it.
using FolderId = std::pair<dev_t, ino_t>;

FolderId id_of(const fs::path& folder) {
  struct stat info {};
  return stat(folder.c_str(), &info) == 0 ? FolderId{info.st_dev, info.st_ino} : FolderId{0, 0};
}

enum class Subfolders { entered, left };

class Walk {
 public:
  Walk(const fs::path& top, Subfolders subfolders) : subfolders_(subfolders) {
    std::error_code code;
    fs::directory_iterator readable(top, code);
    if (code) {
      fail(ErrorKind::data, top.string() + ": the folder cannot be read (" + code.message() + ")");
    }
    for (fs::path above = fs::canonical(top, code); !code && above.has_relative_path();) {
      above = above.parent_path();
      seen_[id_of(above)] = above;
    }
    enter(top);
    // What is really there comes before what links lead to: its name is the better one.
    for (size_t next = 0; next < links_.size(); ++next) {
      const fs::path link = links_[next];
      const auto known = seen_.find(id_of(link));
      if (known == seen_.end()) {
        enter(link);
      } else {
        leave_out(link, "a link to " + known->second.string() + ", which is searched already or " +
                            "lies above");
      }
    }
    std::sort(found_.files.begin(), found_.files.end());
    std::sort(found_.left_out.begin(), found_.left_out.end());
  }

  FolderWalk found() && { return std::move(found_); }

 private:
  void leave_out(const fs::path& path, const std::string& reason) {
    found_.left_out.push_back(path.string() + ": " + reason);
  }

  void enter(const fs::path& folder) {
    seen_[id_of(folder)] = folder;
    std::vector<fs::path> inside;
    std::error_code code;
    for (fs::directory_iterator at(folder, code), end; !code && at != end; at.increment(code)) {
      if (at->path().filename().string().front() != '.') inside.push_back(at->path());
    }
    if (code) leave_out(folder, "the folder cannot be read (" + code.message() + ")");
    std::sort(inside.begin(), inside.end());
    for (const auto& path : inside) look_at(path);
  }

  void look_at(const fs::path& path) {
    std::error_code code;
    const auto status = fs::status(path, code);
    if (status.type() == fs::file_type::not_found) {
      leave_out(path, "a link to what is not there");
    } else if (code) {
      leave_out(path, "cannot be looked at (" + code.message() + ")");
    } else if (status.type() == fs::file_type::regular) {
      found_.files.push_back(path);
    } else if (status.type() == fs::file_type::directory && subfolders_ == Subfolders::entered) {
      fs::is_symlink(path, code) ? links_.push_back(path) : enter(path);
    }
  }

  Subfolders subfolders_;
  FolderWalk found_;
  std::vector<fs::path> links_;
  std::map<FolderId, fs::path> seen_;
};

}  // namespace

FolderWalk walk_folder(const fs::path& folder) {
  return Walk(folder, Subfolders::entered).found();
}

FolderWalk files_of_folder(const fs::path& folder) {
  return Walk(folder, Subfolders::left).found();
}

std::string folder_name(const fs::path& folder) {
  std::error_code code;
  fs::path whole = fs::absolute(folder, code).lexically_normal();
  if (!whole.has_filename()) whole = whole.parent_path();
  return whole.filename().string();
}

bool is_there(const fs::path& path) {
  std::error_code code;
  return fs::exists(path, code);
}

}  // namespace groundglass
