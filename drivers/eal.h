// Starts DPDK's environment the way carpool wants it: several instances on one machine do not meet,
// and a killed one leaves nothing behind.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dataplane/base/result.h"

namespace carpool {

struct EalOptions {
  std::string instance = "carpool";   // program name in DPDK's log lines
  std::vector<unsigned> worker_cpus;  // CPU of worker i; a CPU may stand here twice
  unsigned memory_mb = 256;           // packet buffers and tables, reserved at start
  bool huge_pages = true;             // false: ordinary memory, slower; for trials without set-up
  bool verbose = false;               // DPDK's own log lines, on standard error
};

// DPDK's name for the thread of worker i, to be given to rte_eal_remote_launch. The calling thread
// is lcore 0, the main thread, and may run on any CPU that the process may.
[[nodiscard]] constexpr unsigned worker_lcore(unsigned worker) {
  return worker + 1;
}
inline constexpr unsigned kMaxWorkers = 64;

// Checks first what DPDK would only hint at: that enough huge pages are free, and that the worker
// CPUs exist. Once per process; errors say what to do.
[[nodiscard]] Result<void> start_eal(const EalOptions& options);
void stop_eal();

// 2 MiB huge pages of this machine that a new process could get.
struct HugePages {
  std::uint64_t total = 0;
  std::uint64_t free = 0;  // and not promised to anybody
};
[[nodiscard]] HugePages huge_pages();

}  // namespace carpool
