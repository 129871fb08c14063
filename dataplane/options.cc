#include "dataplane/options.h"

#include <CLI/CLI.hpp>
#include <sched.h>

namespace carpool {
namespace {

constexpr std::uint32_t kMinFlows = 1'024;
constexpr std::uint32_t kMaxFlowsPerWorker = (1u << 30) - 1;
constexpr std::uint32_t kMinImageBytes = 64u << 10;

// The CPUs that this process may run on, from the last one down: the first ones get the machine's
// interrupts.
std::vector<unsigned> default_cores(std::uint32_t workers) {
  cpu_set_t set;
  CPU_ZERO(&set);
  sched_getaffinity(0, sizeof set, &set);
  std::vector<unsigned> usable;
  for (unsigned cpu = CPU_SETSIZE; cpu-- > 0;) {
    if (CPU_ISSET(cpu, &set)) usable.push_back(cpu);
  }
  std::vector<unsigned> cores;
  for (std::uint32_t i = 0; i < workers; ++i)
    cores.push_back(usable[i % usable.size()]);
  return cores;
}

Result<void> check(Options& options, const std::vector<std::string>& ports) {
  if (ports.size() > abi::kMaxPorts) {
    return fail("--port: at most " + std::to_string(abi::kMaxPorts) + " ports");
  }
  for (const std::string& text : ports) {
    auto spec = parse_port_spec(text);
    if (!spec) return std::unexpected(spec.error());
    for (const PortSpec& other : options.ports) {
      if (other.name == spec->name) return fail("--port: " + spec->name + " is given twice");
    }
    options.ports.push_back(*std::move(spec));
  }
  if (options.cores.empty()) options.cores = default_cores(options.workers);
  if (options.cores.size() != options.workers) {
    return fail("--cores names " + std::to_string(options.cores.size()) + " CPUs for " +
                std::to_string(options.workers) + " workers: give one for each");
  }
  if (options.flows / options.workers > kMaxFlowsPerWorker) {
    return fail("--flows: at most " + std::to_string(kMaxFlowsPerWorker) + " for each worker");
  }
  if (options.half_open == 0) options.half_open = options.flows / 8;
  if (options.half_open > options.flows) return fail("--half-open: more than --flows");
  return {};
}

}  // namespace

Result<Options> parse_options(int argc, char** argv) {
  Options options;
  std::vector<std::string> ports;
  CLI::App app{
      "The data plane of carpool: forwards packets on its ports as carpoold tells it.\n"
      "Usually started and supervised by carpoold."};
  app.set_version_flag("--version", CARPOOL_VERSION);
  app.add_option("--run-dir", options.run_dir, "Directory of the shared region")
      ->capture_default_str();
  app.add_option("--instance", options.instance, "Name in messages")->capture_default_str();
  app.add_option(
         "--port", ports,
         "NAME=KIND[:DEVICE][,OPTION=VALUE].., once per port; kinds: xdp, packet, memif, ring")
      ->required();
  app.add_option("--workers", options.workers, "Forwarding threads")
      ->check(CLI::Range(1u, abi::kMaxWorkers))
      ->capture_default_str();
  app.add_option("--cores", options.cores, "CPU of each worker (default: from the last one down)")
      ->delimiter(',');
  app.add_option("--flows", options.flows, "Connections that can be known at a time")
      ->check(CLI::Range(kMinFlows, ~0u))
      ->capture_default_str();
  app.add_option("--half-open", options.half_open,
                 "Of these, handshakes under way (default: an eighth)");
  app.add_option("--memory", options.memory_mb, "Packet memory in MiB, from huge pages")
      ->check(CLI::Range(64u, 65'536u))
      ->capture_default_str();
  app.add_flag("!--no-huge", options.huge_pages, "Use ordinary memory: slower, for trials");
  app.add_option("--idle", options.idle,
                 "poll: burn the CPU for the lowest latency; sleep: back off")
      ->transform(CLI::CheckedTransformer(
          std::map<std::string, Idle>{{"poll", Idle::poll}, {"sleep", Idle::sleep}}));
  app.add_option("--fence", options.fence_ms,
                 "Milliseconds of silence of carpoold after which addresses are given up")
      ->check(CLI::Range(100u, 60'000u))
      ->capture_default_str();
  app.add_option("--image-bytes", options.image_bytes, "Room for one forwarding image")
      ->check(CLI::Range(kMinImageBytes, 1u << 30))
      ->capture_default_str();
  app.add_option("--report-fd", options.report_fd,
                 "Descriptor that gets one line: ready, or error: and why");
  app.add_flag("--verbose", options.verbose, "Show DPDK's own messages");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    std::exit(app.exit(error) == 0 ? 0 : 2);
  }
  options.image_bytes = (options.image_bytes + 4095) / 4096 * 4096;
  if (auto checked = check(options, ports); !checked) return std::unexpected(checked.error());
  return options;
}

}  // namespace carpool
