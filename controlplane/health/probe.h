// One check of any kind. A new kind is an alternative of config::HealthCheck, a file of its own and
// one line in probe.cc.
#pragma once

#include <cstdint>
#include <string>

#include <boost/asio/awaitable.hpp>

#include "controlplane/health/check_plan.h"
#include "controlplane/health/check_result.h"

namespace carpool {

// What is known of a server, for checks that tell it.
struct ProbeFacts {
  std::string state{};  // what is thought of it; empty where nobody asks: see tells_state()
  std::uint64_t connections = 0;  // that it has now
};
[[nodiscard]] bool tells_state(const config::HealthCheck& check);

// Ends by itself within the plan's timeouts, never throws for what a server or the network does.
[[nodiscard]] boost::asio::awaitable<CheckResult> probe(const CheckPlan& plan, ProbeFacts facts);

}  // namespace carpool
