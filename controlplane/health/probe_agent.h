// `agent-check`: asks the agent on a server.
#pragma once

#include <string>

#include <boost/asio/awaitable.hpp>

#include "controlplane/config/model.h"
#include "controlplane/health/agent_state.h"
#include "controlplane/health/probe_timeouts.h"

namespace carpool {

// Ends by itself within the timeouts, never throws for what an agent or the network does.
[[nodiscard]] boost::asio::awaitable<AgentAnswer> probe_agent(std::string send,
                                                              config::Endpoint target,
                                                              ProbeTimeouts timeouts);

}  // namespace carpool
