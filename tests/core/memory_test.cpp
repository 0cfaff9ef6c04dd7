#include "groundglass/core/memory.h"

#include <unistd.h>

#include <gtest/gtest.h>

#include "groundglass/core/control_groups.h"
#include "groundglass/core/files.h"
#include "tests/scratch_folder.h"

namespace groundglass {
namespace {

TEST(AvailableMemory, IsWhatTheMachineSaysWhereNothingLimitsIt) {
  const ScratchFolder root;
  EXPECT_EQ(available_memory(root.path()), -1);
  write_file(root / "proc/meminfo", "MemTotal:  9000 kB\nMemAvailable:    4000 kB\n");
  EXPECT_EQ(available_memory(root.path()), 4000 * 1024);
  write_file(root / "proc/self/cgroup", "0::/job\n");
  write_file(root / "sys/fs/cgroup/job/memory.max", "max\n");
  write_file(root / "sys/fs/cgroup/job/memory.current", "1000\n");
  EXPECT_EQ(available_memory(root.path()), 4000 * 1024);
  EXPECT_GT(available_memory(), 1 << 20);  // of this machine
}

TEST(AvailableMemory, IsWhatTheControlGroupLeaves) {
  const ScratchFolder root;
  write_file(root / "proc/meminfo", "MemAvailable: 4000 kB\n");
  write_file(root / "proc/self/cgroup", "3:cpu:/a\n0::/user/job\n");
  write_file(root / "sys/fs/cgroup/user/job/memory.max", "900000\n");
  write_file(root / "sys/fs/cgroup/user/job/memory.current", "500000\n");
  EXPECT_EQ(available_memory(root.path()), 400000);
  write_file(root / "sys/fs/cgroup/user/job/memory.stat", "anon 1\ninactive_file 300000\n");
  EXPECT_EQ(available_memory(root.path()), 700000);
  write_file(root / "sys/fs/cgroup/user/memory.max", "600000\n");  // of all jobs together
  write_file(root / "sys/fs/cgroup/user/memory.current", "590000\n");
  EXPECT_EQ(available_memory(root.path()), 10000);
  write_file(root / "sys/fs/cgroup/user/memory.current", "700000\n");
  EXPECT_EQ(available_memory(root.path()), 0);
}

TEST(AvailableMemory, KnowsTheFirstVersionOfControlGroups) {
  const ScratchFolder root;
  write_file(root / "proc/meminfo", "MemAvailable: 4000 kB\n");
  write_file(root / "proc/self/cgroup", "5:cpuacct,memory:/j\n0::/\n");
  const auto group = root / "sys/fs/cgroup/memory/j";
  write_file(group / "memory.limit_in_bytes", "9223372036854771712\n");  // none
  write_file(group / "memory.usage_in_bytes", "1000\n");
  EXPECT_EQ(available_memory(root.path()), 4000 * 1024);
  write_file(group / "memory.limit_in_bytes", "5000\n");
  EXPECT_EQ(available_memory(root.path()), 4000);
}

TEST(ProcessorQuota, IsTheLeastOfTheControlGroups) {
  const ScratchFolder root;
  EXPECT_EQ(processor_quota(root.path()), 0);
  write_file(root / "proc/self/cgroup", "0::/user/job\n");
  write_file(root / "sys/fs/cgroup/user/job/cpu.max", "max 100000\n");
  EXPECT_EQ(processor_quota(root.path()), 0);
  write_file(root / "sys/fs/cgroup/user/job/cpu.max", "400000 100000\n");
  EXPECT_EQ(processor_quota(root.path()), 4);
  write_file(root / "sys/fs/cgroup/user/cpu.max", "150000 100000\n");  // of all jobs together
  EXPECT_EQ(processor_quota(root.path()), 1.5);
  write_file(root / "sys/fs/cgroup/user/cpu.max", "800000 100000\n");
  EXPECT_EQ(processor_quota(root.path()), 4);
}

TEST(ProcessorQuota, KnowsTheFirstVersionOfControlGroups) {
  const ScratchFolder root;
  write_file(root / "proc/self/cgroup", "6:cpu,cpuacct:/docker/7\n1:name=systemd:/\n");
  const auto group = root / "sys/fs/cgroup/cpu/docker/7";
  write_file(group / "cpu.cfs_quota_us", "-1\n");
  write_file(group / "cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(processor_quota(root.path()), 0);
  write_file(group / "cpu.cfs_quota_us", "50000\n");
  EXPECT_EQ(processor_quota(root.path()), 0.5);
}

TEST(AvailableMemory, IsWhatALimitOfTheAddressSpaceLeaves) {
  const ScratchFolder root;
  write_file(root / "proc/meminfo", "MemAvailable: 4000000 kB\n");
  write_file(root / "proc/self/statm", "10 5 1 1 0 1 0\n");
  const auto limit = [&](const std::string& bytes) {
    write_file(root / "proc/self/limits",
               "Limit                     Soft Limit           Hard Limit           Units\n"
               "Max address space         " +
                   bytes + "              unlimited            bytes\n");
    return available_memory(root.path());
  };
  const int64_t page = sysconf(_SC_PAGESIZE);
  EXPECT_EQ(limit("unlimited"), 4000000LL * 1024);
  EXPECT_EQ(limit(std::to_string(30 * page)), 20 * page);
  EXPECT_EQ(limit(std::to_string(4 * page)), 0);
}

}  // namespace
}  // namespace groundglass
