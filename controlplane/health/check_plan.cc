#include "controlplane/health/check_plan.h"

#include <algorithm>

namespace carpool {
namespace {

CheckPlan plan_check(const config::Backend& backend, const config::Server& server) {
  return {
      .check = backend.check,
      .external = {},
      .target = {.endpoint = server.check_endpoint(),
                 .timeouts =
                     probe_timeouts(server.inter, backend.timeouts.connect, backend.timeouts.check),
                 .tls = server.check_tls},
      .settings = {.rise = static_cast<int>(server.rise),
                   .fall = static_cast<int>(server.fall),
                   .inter = server.inter,
                   .fastinter = server.fastinter,
                   .downinter = server.downinter},
      .init_state = server.init_state,
      .observe = server.observe,
  };
}

AgentPlan plan_agent(const config::Backend& backend, const config::Server& server) {
  const config::AgentCheck& agent = *server.agent;
  return {
      .send = agent.send,
      .target = server.agent_endpoint(),
      .inter = agent.inter,
      .timeouts = probe_timeouts(agent.inter, backend.timeouts.connect, backend.timeouts.check)};
}

ServerPlan plan_server(const config::Backend& backend, const config::Server& server) {
  ServerPlan plan{.key = {backend.name, server.name},
                  .check = {},
                  .agent = {},
                  .track = {},
                  .disabled = server.disabled || backend.disabled,
                  .static_weights = backend.balance == config::Balance::StaticRoundRobin,
                  .backup = server.backup,
                  .log_checks = backend.log_health_checks};
  if (server.check) plan.check = plan_check(backend, server);
  if (server.agent) plan.agent = plan_agent(backend, server);
  if (server.track) plan.track = {server.track->backend, server.track->server};
  return plan;
}

// In order over the interval; `interval_of` says nothing for those that are not asked.
template <class IntervalOf>
std::vector<Duration> spread(const std::vector<ServerPlan>& plans, IntervalOf interval_of) {
  const auto asked = std::ranges::count_if(
      plans, [&](const ServerPlan& plan) { return interval_of(plan).has_value(); });
  std::vector<Duration> starts;
  std::ptrdiff_t position = 0;
  for (const ServerPlan& plan : plans) {
    const std::optional<Duration> interval = interval_of(plan);
    starts.push_back(interval ? *interval * position++ / asked : Duration{});
  }
  return starts;
}

}  // namespace

std::string to_string(const ServerKey& key) {
  return key.backend + "/" + key.server;
}

std::vector<ServerPlan> plan_checks(const config::Config& config) {
  std::vector<ServerPlan> plans;
  const HaproxyIds ids(config);
  for (const auto& backend : config.backends) {
    const std::size_t first = plans.size();
    for (const auto& server : backend.servers)
      plans.push_back(plan_server(backend, server));
    if (!std::holds_alternative<config::ExternalCheck>(backend.check)) continue;
    auto commands = external_commands(config, backend, ids);
    for (std::size_t i = 0; i < commands.size(); ++i) {
      if (auto& check = plans[first + i].check) check->external = std::move(commands[i]);
    }
  }
  return plans;
}

std::vector<Duration> spread_starts(const std::vector<ServerPlan>& plans) {
  return spread(plans, [](const ServerPlan& plan) {
    return plan.check ? std::optional(plan.check->settings.inter) : std::nullopt;
  });
}

std::vector<Duration> spread_agents(const std::vector<ServerPlan>& plans) {
  return spread(plans, [](const ServerPlan& plan) {
    return plan.agent ? std::optional(plan.agent->inter) : std::nullopt;
  });
}

}  // namespace carpool
