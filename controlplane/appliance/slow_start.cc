#include "controlplane/appliance/slow_start.h"

#include <algorithm>
#include <utility>

namespace carpool {
namespace {

constexpr int kSteps = 20;

}  // namespace

void SlowStart::apply(const config::Config& config, link::ServerStates& states, Instant now) {
  auto before = std::exchange(servers_, {});
  next_.reset();
  for (std::size_t backend = 0; backend < states.size(); ++backend) {
    for (std::size_t at = 0; at < states[backend].size(); ++at) {
      const config::Server& server = config.backends[backend].servers[at];
      link::ServerState& state = states[backend][at];
      const ServerKey key{config.backends[backend].name, server.name};
      const bool usable = state.up && !state.maintenance;
      const auto known = before.find(key);
      Seen seen{.usable = usable};
      if (usable && known != before.end()) {
        seen.back_since = known->second.usable ? known->second.back_since : std::optional(now);
      }
      if (seen.back_since && now - *seen.back_since >= server.slowstart) seen.back_since.reset();
      if (seen.back_since) {
        const auto step = (now - *seen.back_since) * kSteps / server.slowstart;
        state.ramp_percent =
            std::max<std::uint32_t>(1, static_cast<std::uint32_t>(step) * 100 / kSteps);
        const Instant due = *seen.back_since + server.slowstart * (step + 1) / kSteps;
        next_ = std::min(next_.value_or(due), due);
      }
      servers_.emplace(key, seen);
    }
  }
}

}  // namespace carpool
