// The simplest check: can the server be connected to?
#pragma once

#include <boost/asio/awaitable.hpp>

#include "controlplane/config/model.h"
#include "controlplane/health/check_result.h"
#include "controlplane/health/probe_timeouts.h"

namespace carpool {

[[nodiscard]] boost::asio::awaitable<CheckResult> probe_tcp(config::Endpoint target,
                                                            ProbeTimeouts timeouts);

}  // namespace carpool
