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

// By server and by frontend of the configuration.
struct TrafficTotals {
  std::vector<ServerTotals> servers;
  std::vector<ServerTotals> frontends;
};

class ServerTotalsReader {
 public:
  // Whenever names may have got other indices.
  void configure(const config::Config& config, const Ids& ids);

  // In the order of the configuration. The data plane goes on counting where an index passes to
  // another server, so only differences between readings mean something.
  [[nodiscard]] TrafficTotals read(const abi::Region& region) const;

 private:
  struct Place {
    std::uint32_t index = 0;  // in the data plane's tables
    std::uint32_t server = 0;
    std::uint32_t frontend = 0;
  };
  std::vector<Place> places_;
  std::size_t servers_ = 0;
  std::size_t frontends_ = 0;
};

}  // namespace carpool::link
