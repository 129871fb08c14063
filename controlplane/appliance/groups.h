// What the configuration and the machine's network together say about redundancy groups. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "controlplane/config/model.h"
#include "controlplane/link/image_builder.h"
#include "controlplane/link/reachability.h"
#include "controlplane/redundancy/runner.h"
#include "controlplane/runtime/network_state.h"
#include "dataplane/base/result.h"

namespace carpool {

// What keeps this configuration from working on this machine: a port without its interface, a
// virtual or floating address that is in no network of its port. One line each, with file and line.
[[nodiscard]] std::vector<std::string> check_against_network(const config::Config& config,
                                                             const NetworkState& network);

// The address that adverts of a group come from: of the interface's addresses the first in a
// network with one of the group's, else its first.
[[nodiscard]] Ipv4Address advert_source(const config::RedundancyGroup& group, int link,
                                        const NetworkState& network);

// The groups as the runner needs them. `ports` are those of the data plane, in its order. A group
// whose port it does not have, and one whose key cannot be made, is an error.
[[nodiscard]] Result<std::vector<GroupSettings>> group_settings(
    const config::Config& config, std::span<const link::RegionPort> ports,
    const NetworkState& network);

struct PortHealth {
  bool link_up = false;  // as the data plane's driver sees it
};
// Why this node must not claim the group: nothing if it may.
[[nodiscard]] std::optional<std::string> why_unusable(const GroupSettings& group,
                                                      std::span<const link::RegionPort> ports,
                                                      std::span<const PortHealth> health,
                                                      const NetworkState& network);

}  // namespace carpool
