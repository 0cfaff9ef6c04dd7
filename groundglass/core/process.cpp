#include "groundglass/core/process.h"

#include <malloc.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <fstream>
#include <sstream>

#include "groundglass/core/bf16_pays.h"
#include "groundglass/core/blas_kernels.h"
#include "groundglass/core/control_groups.h"

namespace groundglass {
namespace {

volatile std::sig_atomic_t stop_flag = 0;

void on_stop_signal(int signal_number) {
  if (stop_flag != 0) _exit(128 + signal_number);
  stop_flag = signal_number;
}

/// The text behind "key\t: " in /proc/cpuinfo, of the first processor.
std::string cpuinfo(const std::string& key) {
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);) {
    const size_t colon = line.find(':');
    if (colon != std::string::npos && line.rfind(key, 0) == 0) {
      return colon + 2 <= line.size() ? line.substr(colon + 2) : "";
    }
  }
  return "";
}

}  // namespace

void keep_freed_memory() {
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_ARENA_MAX, 1);  // threads come and go: each with an arena of its own, memory would grow
  mallopt(M_TRIM_THRESHOLD, -1);
  mallopt(M_TOP_PAD, 64 << 20);
}

void give_back_freed_memory() {
  malloc_trim(0);
}

int64_t usable_processors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  const double quota = processor_quota();
  const auto of_quota = quota > 0 ? static_cast<int64_t>(std::ceil(quota)) : CPU_SETSIZE;
  return std::max<int64_t>(1, std::min<int64_t>(CPU_COUNT(&set), of_quota));
}

double peak_rss_mib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

double rss_mib() {
  std::ifstream in("/proc/self/statm");
  double total = 0, resident = 0;
  in >> total >> resident;
  return resident * static_cast<double>(sysconf(_SC_PAGESIZE)) / (1 << 20);
}

double watch_peak_mib() {
  give_back_freed_memory();
  std::ofstream("/proc/self/clear_refs") << 5;  // see proc(5)
  return rss_mib();
}

double watched_peak_mib() {
  std::ifstream in("/proc/self/status");
  for (std::string line; std::getline(in, line);) {
    if (line.rfind("VmHWM:", 0) == 0) return std::stod(line.substr(6)) / 1024;
  }
  return peak_rss_mib();
}

std::string cpu_name() {
  const std::string name = cpuinfo("model name");
  return name.empty() ? "unknown processor" : name;
}

std::vector<std::string> cpu_features() {
  std::istringstream flags(cpuinfo("flags"));
  std::vector<std::string> kept;
  for (std::string flag; flags >> flag;) {
    if (flag == "avx2" || flag == "fma" || flag == "f16c" || flag.rfind("avx512", 0) == 0 ||
        flag.rfind("avx_vnni", 0) == 0 || flag.rfind("amx", 0) == 0) {
      kept.push_back(flag);
    }
  }
  return kept;
}

bool cpu_has_bf16() {
  const auto features = cpu_features();
  return std::find(features.begin(), features.end(), "avx512_bf16") != features.end() ||
         std::find(features.begin(), features.end(), "amx_bf16") != features.end();
}

bool bf16_pays(const std::string& maker, const std::vector<std::string>& features) {
  const auto has = [&](const char* feature) {
    return std::find(features.begin(), features.end(), feature) != features.end();
  };
  return has("amx_bf16") || (has("avx512_bf16") && maker != "GenuineIntel");
}

bool cpu_bf16_pays() {
  return bf16_pays(cpuinfo("vendor_id"), cpu_features());
}

std::string blas_kernels(const std::string& maker, const std::vector<std::string>& features) {
  const auto has_all = [&](std::initializer_list<const char*> wanted) {
    return std::all_of(wanted.begin(), wanted.end(), [&](const char* feature) {
      return std::find(features.begin(), features.end(), feature) != features.end();
    });
  };
  if (maker != "GenuineIntel") return "";
  if (has_all({"avx512f", "avx512cd", "avx512bw", "avx512dq", "avx512vl"})) return "SkylakeX";
  if (has_all({"avx2", "fma"})) return "Haswell";
  return "";
}

std::string cpu_blas_kernels() {
  return blas_kernels(cpuinfo("vendor_id"), cpu_features());
}

void catch_stop_signals() {
  stop_flag = 0;
  struct sigaction action {};
  action.sa_handler = on_stop_signal;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

int stop_signal() {
  return stop_flag;
}

void request_stop(int signal_number) {
  stop_flag = signal_number;
}

}  // namespace groundglass
