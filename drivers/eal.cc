#include "drivers/eal.h"

#include <fstream>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_log.h>
#include <sched.h>
#include <unistd.h>

#include "drivers/log_capture.h"

namespace carpool {
namespace {

constexpr unsigned kPageMb = 2;
constexpr const char* kPagesFolder = "/sys/kernel/mm/hugepages/hugepages-";

std::uint64_t read_number(const std::string& path) {
  std::ifstream file(path);
  std::uint64_t value = 0;
  file >> value;
  return file ? value : 0;
}

HugePages huge_pages_of(const std::string& size) {
  const std::string folder = kPagesFolder + size + "/";
  const std::uint64_t free = read_number(folder + "free_hugepages");
  const std::uint64_t promised = read_number(folder + "resv_hugepages");
  return {read_number(folder + "nr_hugepages"), free > promised ? free - promised : 0};
}

Result<void> check_huge_pages(unsigned memory_mb) {
  const std::uint64_t needed = (memory_mb + kPageMb - 1) / kPageMb;
  const HugePages pages = huge_pages();
  constexpr std::uint64_t kSmallPagesInLarge = 512;
  const std::uint64_t large = huge_pages_of("1048576kB").free;
  if (pages.free + large * kSmallPagesInLarge >= needed) return {};
  const std::uint64_t wanted = pages.total + needed - pages.free;
  return fail("not enough huge pages: " + std::to_string(needed) + " of 2 MiB are needed, " +
              std::to_string(pages.free) + " are free (of " + std::to_string(pages.total) +
              "); reserve them with: sudo tools/setup --hugepages " + std::to_string(wanted) +
              ", or: echo " + std::to_string(wanted) + " > /proc/sys/vm/nr_hugepages");
}

Result<void> check_cpus(const std::vector<unsigned>& cpus) {
  if (cpus.empty()) return fail("no CPU for workers is given");
  if (cpus.size() > kMaxWorkers) {
    return fail("at most " + std::to_string(kMaxWorkers) + " workers are possible");
  }
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  sched_getaffinity(0, sizeof(allowed), &allowed);
  for (const unsigned cpu : cpus) {
    if (cpu >= CPU_SETSIZE || !CPU_ISSET(cpu, &allowed)) {
      return fail("there is no CPU " + std::to_string(cpu) + " for a worker, or this process may " +
                  "not use it (see: taskset -p " + std::to_string(getpid()) + ")");
    }
  }
  return {};
}

std::string allowed_cpus() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  sched_getaffinity(0, sizeof(allowed), &allowed);
  std::string list;
  for (unsigned cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &allowed)) list += (list.empty() ? "" : ",") + std::to_string(cpu);
  }
  return list;
}

// lcore 0 floats over all CPUs; each worker is bound to its own.
std::string lcore_map(const std::vector<unsigned>& cpus) {
  std::string map = "0@(" + allowed_cpus() + ")";
  for (unsigned worker = 0; worker < cpus.size(); ++worker) {
    map += "," + std::to_string(worker_lcore(worker)) + "@" + std::to_string(cpus[worker]);
  }
  return map;
}

// On every NUMA node: else an instance could grow into what others count on.
std::string memory_limit(unsigned memory_mb) {
  constexpr unsigned kNodes = 8;
  std::string list;
  for (unsigned node = 0; node < kNodes; ++node) {
    list += (list.empty() ? "" : ",") + std::to_string(memory_mb);
  }
  return list;
}

std::vector<std::string> eal_arguments(const EalOptions& options) {
  std::vector<std::string> arguments = {
      options.instance,
      "--file-prefix=carpool",  // of a folder that stays empty
      "--no-pci",
      "--no-telemetry",
      "--iova-mode=va",
      "--main-lcore=0",
      "--lcores=" + lcore_map(options.worker_cpus),
      std::string("--log-level=") + (options.verbose ? "info" : "error"),
      "-m",
      std::to_string(options.memory_mb),
  };
  if (options.huge_pages) {
    // Memory without files: nothing to collide with other instances or to stay after SIGKILL.
    arguments.emplace_back("--in-memory");
    arguments.emplace_back("--socket-limit=" + memory_limit(options.memory_mb));
  } else {
    arguments.emplace_back("--no-huge");
    arguments.emplace_back("--no-shconf");
  }
  return arguments;
}

}  // namespace

HugePages huge_pages() {
  return huge_pages_of("2048kB");
}

Result<void> start_eal(const EalOptions& options) {
  if (auto cpus = check_cpus(options.worker_cpus); !cpus) return cpus;
  if (options.huge_pages) {
    if (auto pages = check_huge_pages(options.memory_mb); !pages) return pages;
  }
  std::vector<std::string> arguments = eal_arguments(options);
  std::vector<char*> pointers;
  for (std::string& each : arguments)
    pointers.push_back(each.data());

  LogCapture log;
  if (options.verbose) rte_openlog_stream(stderr);
  if (rte_eal_init(static_cast<int>(pointers.size()), pointers.data()) < 0) {
    return fail("DPDK does not start: " + std::string(rte_strerror(rte_errno)) + log.suffix());
  }
  return {};
}

void stop_eal() {
  rte_eal_cleanup();
}

}  // namespace carpool
