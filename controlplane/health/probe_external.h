// `external-check`: a program of the user's says whether a server is well.
#pragma once

#include <cstdint>

#include <boost/asio/awaitable.hpp>

#include "controlplane/config/server_checks.h"
#include "controlplane/health/check_result.h"
#include "controlplane/health/external_command.h"
#include "controlplane/health/probe_target.h"

namespace carpool {

// Ends with the program, or kills it and what it has started when its time is up: `connect` of the
// timeouts, as in HAProxy. `connections`: those that the server has now.
[[nodiscard]] boost::asio::awaitable<CheckResult> probe_external(config::ExternalCheck check,
                                                                 ExternalCommand command,
                                                                 ProbeTimeouts timeouts,
                                                                 std::uint64_t connections);

}  // namespace carpool
