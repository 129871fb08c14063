// `on-marked-down shutdown-sessions` and `on-marked-up shutdown-backup-sessions`: whose connections
// end when servers change from one state to another. Pure.
#pragma once

#include <cstddef>
#include <vector>

#include "controlplane/config/model.h"
#include "controlplane/link/image_builder.h"

namespace carpool {

struct ServerPlace {
  std::size_t backend = 0;  // as they stand in the model
  std::size_t server = 0;

  friend bool operator==(const ServerPlace&, const ServerPlace&) = default;
};

// Both states are of this configuration. Maintenance counts as down, as in HAProxy.
[[nodiscard]] std::vector<ServerPlace> sessions_to_end(const config::Config& config,
                                                       const link::ServerStates& before,
                                                       const link::ServerStates& after);

// Servers that are down now and keep no connections: what a node has to see to that takes over
// while they are down. States of another configuration say nothing.
[[nodiscard]] std::vector<ServerPlace> sessions_to_end(const config::Config& config,
                                                       const link::ServerStates& states);

}  // namespace carpool
