#include "controlplane/health/agent_state.h"

#include <utility>

namespace carpool {

AgentAnswer judge_agent(AgentReply reply) {
  CheckResult result{.status = CheckStatus::Checked, .text = reply.text};
  if (reply.health) {
    result.status = *reply.health == AgentHealth::Up ? CheckStatus::L7Ok : CheckStatus::L7Status;
  }
  return {std::move(result), std::move(reply)};
}

AgentState step(const AgentState& agent, const AgentAnswer& answer) {
  AgentState next = agent;
  ++next.checks;
  next.last = answer.result;
  if (next.last.status == CheckStatus::Unknown) next.last.status = agent.last.status;
  if (answer.reply && answer.reply->health) next.up = *answer.reply->health == AgentHealth::Up;
  return next;
}

AgentEffect obey(const AdminState& admin, const AgentReply& reply, bool static_weights) {
  AgentEffect effect{admin, {}};
  if (reply.mode && *reply.mode != admin.mode) {
    effect.admin.mode = *reply.mode;
    effect.admin.said_by = AdminSource::Agent;
  }
  if (reply.maxconn) effect.admin.maxconn = reply.maxconn;
  if (!reply.weight) return effect;
  if (static_weights && reply.weight->value != 0 && reply.weight->value != 100) {
    effect.complaint =
        "Backend is using a static LB algorithm and only accepts weights '0%' and '100%'.";
  } else {
    effect.admin.weight = reply.weight;
  }
  return effect;
}

}  // namespace carpool
