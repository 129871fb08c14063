// `slowstart TIME`: a server that comes back gets its full share of new connections (and its whole
// maxconn) only after that time, in twenty steps. As in HAProxy a server that was never seen to be
// away starts at once. Pure.
#pragma once

#include <map>
#include <optional>

#include "controlplane/config/model.h"
#include "controlplane/config/server_checks.h"
#include "controlplane/link/image_builder.h"
#include "dataplane/base/time.h"

namespace carpool {

class SlowStart {
 public:
  // Notices who is back, and fills in `ramp_percent`. States of servers that are no longer
  // configured are forgotten.
  void apply(const config::Config& config, link::ServerStates& states, Instant now);

  // When the next step of any server is due; nothing while none is under way.
  [[nodiscard]] std::optional<Instant> next() const { return next_; }

 private:
  struct Seen {
    bool usable = false;
    std::optional<Instant> back_since;  // as long as it is starting
  };

  std::map<ServerKey, Seen> servers_;
  std::optional<Instant> next_;
};

}  // namespace carpool
