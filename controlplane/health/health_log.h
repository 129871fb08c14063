// What is said of servers in the log, in HAProxy's words where it has some: scripts look for them.
// Pure.
#pragma once

#include <string>

#include "controlplane/health/check_plan.h"
#include "controlplane/health/check_state.h"

namespace carpool {

// "server web/web1 is down: L4CON Connection refused"
[[nodiscard]] std::string transition_line(const ServerKey& key, const ServerHealth& health,
                                          const CheckResult& cause);

// Of one check, for `option log-health-checks`: "Health check for backup server web/web2 failed,
// reason: Layer4 connection problem, info: "Connection refused", check duration: 0ms, status: 1/2
// DOWN.". `of` is "Health" or "Agent".
[[nodiscard]] std::string check_line(std::string_view of, const ServerPlan& plan,
                                     const CheckResult& result, const ServerHealth& health);

}  // namespace carpool
