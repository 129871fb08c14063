// The answer to `show info`, with all the keys that HAProxy 2.6 has: tools ask for some of them by
// name and a few by number. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "controlplane/console/stat_fields.h"
#include "dataplane/base/time.h"

namespace carpool::console {

struct InfoSources {
  std::string node;
  std::uint32_t workers = 0;
  int pid = 0;  // of the control plane
  Duration uptime{};
  std::int64_t wall_start = 0;  // seconds since 1970
  std::uint64_t descriptors = 0;
  std::uint64_t max_connections = 0;
  std::uint64_t connections = 0;
  std::uint64_t connections_total = 0;
  std::uint64_t rate = 0;
  std::uint64_t rate_max = 0;
  std::uint64_t bytes_out = 0;
  std::size_t checked_servers = 0;
  std::size_t listeners = 0;
  unsigned idle_percent = 0;  // of the workers
};

// Csv: "Name: value" lines.
[[nodiscard]] std::string info_text(const InfoSources& from, StatFormat format);

}  // namespace carpool::console
