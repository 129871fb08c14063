#include "controlplane/appliance/session_ends.h"

#include <algorithm>

namespace carpool {
namespace {

bool is_usable(const link::ServerState& state) {
  return state.up && !state.maintenance;
}

void add_backups(const config::Backend& backend, std::size_t index,
                 std::vector<ServerPlace>& places) {
  for (std::size_t at = 0; at < backend.servers.size(); ++at) {
    const ServerPlace place{index, at};
    if (backend.servers[at].backup && std::ranges::find(places, place) == places.end()) {
      places.push_back(place);
    }
  }
}

}  // namespace

std::vector<ServerPlace> sessions_to_end(const config::Config& config,
                                         const link::ServerStates& before,
                                         const link::ServerStates& after) {
  std::vector<ServerPlace> places;
  if (before.size() != after.size() || after.size() != config.backends.size()) return places;
  for (std::size_t index = 0; index < after.size(); ++index) {
    const config::Backend& backend = config.backends[index];
    if (before[index].size() != after[index].size()) continue;
    bool ends_backups = false;
    for (std::size_t at = 0; at < after[index].size(); ++at) {
      const config::Server& server = backend.servers[at];
      const bool was = is_usable(before[index][at]);
      const bool is = is_usable(after[index][at]);
      if (was && !is && server.shutdown_sessions_on_down) places.push_back({index, at});
      const bool takes_over =
          !was && is && !server.backup && after[index][at].weight.value_or(server.weight) > 0;
      ends_backups |= takes_over && server.shutdown_backup_sessions_on_up;
    }
    if (ends_backups) add_backups(backend, index, places);
  }
  return places;
}

std::vector<ServerPlace> sessions_to_end(const config::Config& config,
                                         const link::ServerStates& states) {
  std::vector<ServerPlace> places;
  for (std::size_t index = 0; index < std::min(states.size(), config.backends.size()); ++index) {
    if (states[index].size() != config.backends[index].servers.size()) continue;
    for (std::size_t at = 0; at < states[index].size(); ++at) {
      const bool keeps = !config.backends[index].servers[at].shutdown_sessions_on_down;
      if (!keeps && !is_usable(states[index][at])) places.push_back({index, at});
    }
  }
  return places;
}

}  // namespace carpool
