// What is known of a server's agent, beside the state of its health check. An agent that cannot be
// asked changes nothing: whether the server can be reached is for the check to find out. Pure.
#pragma once

#include <cstdint>
#include <optional>

#include "controlplane/health/admin_state.h"
#include "controlplane/health/agent_reply.h"
#include "controlplane/health/check_result.h"
#include "dataplane/base/time.h"

namespace carpool {

// Where the agent was asked to and with what outcome: L7OK and L7STS where it said something of the
// server's health, CHECKED where it did not, else why there is no answer. Unknown stands for an
// answer that cannot be read, and leaves the status before it.
struct AgentAnswer {
  CheckResult result;
  std::optional<AgentReply> reply;

  friend bool operator==(const AgentAnswer&, const AgentAnswer&) = default;
};

struct AgentState {
  bool up = true;            // one word is enough, either way: HAProxy's rise 1, fall 1
  CheckResult last{};        // of the last finished question
  std::uint64_t checks = 0;  // finished

  friend bool operator==(const AgentState&, const AgentState&) = default;
};

// An answer that was read, as a result: "L7STS via agent : down (disk full)".
[[nodiscard]] AgentAnswer judge_agent(AgentReply reply);

[[nodiscard]] AgentState step(const AgentState& agent, const AgentAnswer& answer);

// What the answer changes of what is wanted of the server. `static_weights`: its backend balances
// in a way that takes no other weights than 0% and 100% (HAProxy's static algorithms).
struct AgentEffect {
  AdminState admin;
  std::string complaint;  // why a part of the answer was not followed; empty: it was
};
[[nodiscard]] AgentEffect obey(const AdminState& admin, const AgentReply& reply,
                               bool static_weights);

}  // namespace carpool
