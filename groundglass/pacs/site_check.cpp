#include "groundglass/pacs/site_check.h"

#include <functional>

#include "groundglass/core/error.h"
#include "groundglass/core/files.h"

namespace groundglass {
namespace fs = std::filesystem;
namespace {

/// Nobody sends during a check.
class NoTaker final : public ImageTaker {
 public:
  uint16_t may_take() override { return kOutOfResources; }
  fs::path new_part() override { return {}; }
  uint16_t take(const ReceivedImage&, const Peer&, int64_t) override { return kOutOfResources; }
};

void note_error(std::vector<std::string>& problems, const std::function<void()>& attempt) {
  try {
    attempt();
  } catch (const Error& e) {
    problems.emplace_back(e.what());
  }
}

}  // namespace

void check_bind(const Site& site) {
  const auto& l = site.listener;
  if (l.bind == "127.0.0.1" || site.tls.any() || l.insecure_network) return;
  fail(ErrorKind::usage, site.file.string() + ": bind " + l.bind +
                             " without TLS, expected a [tls] section; or say insecure_network = "
                             "true in [listener] for a network that is closed otherwise");
}

std::vector<std::string> site_problems(const Site& site) {
  std::vector<std::string> problems;
  note_error(problems, [&] { read_site_key(site.options.key); });
  note_error(problems, [&] {
    make_folder(site.options.folder);
    write_file(fs::path(site.options.folder) / "check", "x");
    fs::remove(fs::path(site.options.folder) / "check");
    const auto free = fs::space(site.options.folder).available >> 20;
    if (free < static_cast<uintmax_t>(site.options.free_mib)) {
      problems.push_back(site.options.folder + ": " + std::to_string(free) +
                         " MiB are free, below free_mib = " +
                         std::to_string(site.options.free_mib) + ": every image is refused");
    }
  });
  if (site.options.capture == CaptureAs::single &&
      site.options.objects.find("sc") == std::string::npos) {
    problems.push_back(site.file.string() +
                       ": capture = \"single\" is of key slices, but objects = \"" +
                       site.options.objects + "\" has no sc among them");
  }
  if (site.callers.empty()) {
    problems.push_back(site.file.string() +
                       ": no [[caller]] stands there, so nobody may send; name AE title and host");
  }
  if (site.destinations.empty()) {
    problems.push_back(site.file.string() +
                       ": no [[destination]] stands there, so results stay in " +
                       site.options.folder);
  }
  note_error(problems, [&] { check_bind(site); });
  note_error(problems, [&] {
    NoTaker taker;
    const Listener listener(site.listener_options(), taker);
  });
  for (const auto& destination : site.destinations) {
    note_error(problems, [&] {
      const std::string why = why_unreachable(destination, site.listener.ae, site.tls);
      if (!why.empty()) problems.push_back("destination " + destination.name + ": " + why);
    });
  }
  return problems;
}

}  // namespace groundglass
