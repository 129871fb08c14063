// What can be told of a data plane without its control plane, from the shared region alone.
#pragma once

#include <string>
#include <string_view>

#include "dataplane/abi/region.h"
#include "dataplane/base/time.h"
#include "tools/carpool/text.h"

namespace carpool::tool {

// Who of the two ends of the region lives.
struct Processes {
  bool dataplane = false;
  bool controlplane = false;
};

// "lb1: control plane is not running; data plane pid 12 (up 2m 10s) forwards for public, fenced in
// 2.5 s at the latest", and the ports.
[[nodiscard]] std::string region_text(const abi::Region& region, const Processes& alive,
                                      const Paint& paint, Instant now);

}  // namespace carpool::tool
