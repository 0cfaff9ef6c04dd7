#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace groundglass {

/// Keeps big freed blocks in the process instead of giving them back to the system. A training
/// step allocates and frees the same gigabytes again and again, and each fresh page costs a fault:
/// measured in docs/results/speed.md. Called once, first thing in `main`.
void keep_freed_memory();

/// Gives what is free in spite of that back to the system: after work that will not come again.
void give_back_freed_memory();

/// Number of threads that LibTorch and its libraries use; Debian's LibTorch starts with one.
/// 0 means all processors this process may use.
void set_threads(int64_t threads);

/// Processors this process may use: its affinity mask, not the machine's count, and no more than
/// the quota of its control group (a container's --cpus), rounded up. Threads beyond a quota only
/// wait for each other.
int64_t usable_processors();

/// Largest resident memory of this process so far, MiB, and the resident memory now.
double peak_rss_mib();
double rss_mib();

/// Begins to watch the peak of the resident memory: gives what is free back to the system, forgets
/// the peak so far and returns the resident memory, MiB. Then: the largest since.
double watch_peak_mib();
double watched_peak_mib();

/// The processor's name, and those of its features that choose our arithmetic: avx2, avx512f,
/// avx512_bf16, amx_bf16, ...
std::string cpu_name();
std::vector<std::string> cpu_features();

/// True if the processor multiplies bfloat16 numbers in hardware; elsewhere bf16 is emulated and
/// slower than fp32.
bool cpu_has_bf16();

/// Signals of the kind "please stop" (SIGINT, SIGTERM): after the call they only set a flag, so
/// that work can end tidily; a second one ends the process at once.
void catch_stop_signals();

/// The signal that asked us to stop, or 0.
int stop_signal();

/// Sets or clears the flag as a signal would; for tests and for programs with a handler of their
/// own.
void request_stop(int signal_number);

}  // namespace groundglass
