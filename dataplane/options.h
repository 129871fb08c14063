// What carpool-dp is told on its command line.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "dataplane/base/result.h"
#include "dataplane/worker.h"
#include "drivers/port.h"

namespace carpool {

struct Options {
  std::filesystem::path run_dir = "/run/carpool";
  std::string instance = "carpool";
  std::vector<PortSpec> ports;
  std::uint32_t workers = 1;
  std::vector<unsigned> cores;    // CPU of each worker
  std::uint32_t flows = 262'144;  // of all workers together
  std::uint32_t half_open = 0;    // likewise; 0: an eighth of flows
  std::uint32_t memory_mb = 128;
  bool huge_pages = true;
  Idle idle = Idle::poll;
  std::uint32_t fence_ms = 1'500;
  std::uint32_t image_bytes = abi::kDefaultImageBytes;
  int report_fd = -1;
  bool verbose = false;
};

// Ends the program itself for --help, --version and words that cannot be parsed.
[[nodiscard]] Result<Options> parse_options(int argc, char** argv);

}  // namespace carpool
