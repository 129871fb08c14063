// What was counted for each server of the configuration, over all services that use it: read often,
// so it knows where to look instead of looking names up.
#pragma once

#include <cstdint>
#include <vector>

#include "controlplane/config/model.h"
#include "controlplane/link/counters.h"
#include "controlplane/link/ids.h"
#include "dataplane/abi/region.h"

namespace carpool::link {

class ServerTotalsReader {
 public:
  // Whenever names may have got other indices.
  void configure(const config::Config& config, const Ids& ids);

  // By server, in the order of the configuration. The data plane goes on counting where an index
  // passes to another server, so only differences between readings mean something.
  [[nodiscard]] std::vector<ServerTotals> read(const abi::Region& region) const;

 private:
  std::vector<std::vector<std::uint32_t>> indices_;  // by server
};

}  // namespace carpool::link
