#include "controlplane/appliance/effective_state.h"

namespace carpool {

link::ServerState effective_state(const config::Server& server, const ServerSnapshot& known,
                                  bool ejected) {
  link::ServerState state;
  state.up = known.health.up;
  state.draining = known.health.stopping || known.mode == AdminMode::Drain || ejected;
  state.maintenance = known.mode == AdminMode::Maintenance;
  if (known.admin.weight) state.weight = known.admin.weight->apply(server.weight);
  state.maxconn = known.admin.maxconn;
  return state;
}

link::ServerStates effective_states(const config::Config& config,
                                    std::span<const ServerSnapshot> known,
                                    std::span<const ServerTraffic> traffic) {
  link::ServerStates states = link::initial_states(config);
  std::size_t at = 0;
  for (std::size_t backend = 0; backend < states.size(); ++backend) {
    for (std::size_t server = 0; server < states[backend].size(); ++server) {
      if (at >= known.size()) return states;
      const bool ejected = at < traffic.size() && traffic[at].ejected;
      states[backend][server] =
          effective_state(config.backends[backend].servers[server], known[at++], ejected);
    }
  }
  return states;
}

}  // namespace carpool
