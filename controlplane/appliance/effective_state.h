// What a server comes to for forwarding: what is wanted of it (configuration, operator, agent),
// what its checks find, and whether its traffic keeps it out, in one place. Pure.
#pragma once

#include <span>

#include "controlplane/config/model.h"
#include "controlplane/health/runner.h"
#include "controlplane/link/image_builder.h"

namespace carpool {

[[nodiscard]] link::ServerState effective_state(const config::Server& server,
                                                const ServerSnapshot& known, bool ejected);

// Of all servers. The model, the snapshots and what is known of traffic are in the same order; of
// servers that the latter two lack, nothing is held against them.
[[nodiscard]] link::ServerStates effective_states(const config::Config& config,
                                                  std::span<const ServerSnapshot> known,
                                                  std::span<const ServerTraffic> traffic);

}  // namespace carpool
