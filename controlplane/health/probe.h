// One check of any kind. A new kind is an alternative of config::HealthCheck, a file of its own and
// one line in probe.cc.
#pragma once

#include <string>

#include <boost/asio/awaitable.hpp>

#include "controlplane/health/check_plan.h"
#include "controlplane/health/check_result.h"

namespace carpool {

// Ends by itself within the plan's timeouts, never throws for what a server or the network does.
// `state` is what is thought of the server, for checks that tell it.
[[nodiscard]] boost::asio::awaitable<CheckResult> probe(const CheckPlan& plan,
                                                        const std::string& state);

}  // namespace carpool
