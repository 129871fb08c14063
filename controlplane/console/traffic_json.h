// What is seen of a server's traffic, as a part of the status: rates, and histograms of those that
// have had connections. Pure.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "controlplane/health/traffic.h"
#include "controlplane/link/counters.h"

namespace carpool::console {

[[nodiscard]] nlohmann::ordered_json traffic_json(const ServerTraffic& traffic,
                                                  const link::ServerTotals& totals);

}  // namespace carpool::console
