#include "controlplane/health/check_plan.h"

#include <algorithm>

namespace carpool {
namespace {

CheckPlan plan_check(const config::Backend& backend, const config::Server& server) {
  return {
      .check = backend.check,
      .target = server.check_endpoint(),
      .settings = {.rise = static_cast<int>(server.rise),
                   .fall = static_cast<int>(server.fall),
                   .inter = server.inter,
                   .fastinter = server.fastinter,
                   .downinter = server.downinter},
      .timeouts = probe_timeouts(server.inter, backend.timeouts.connect, backend.timeouts.check),
      .paused = server.disabled || backend.disabled,
  };
}

}  // namespace

std::string to_string(const ServerKey& key) {
  return key.backend + "/" + key.server;
}

std::vector<ServerPlan> plan_checks(const config::Config& config) {
  std::vector<ServerPlan> plans;
  for (const auto& backend : config.backends) {
    for (const auto& server : backend.servers) {
      auto& plan = plans.emplace_back(ServerPlan{{backend.name, server.name}, std::nullopt});
      if (server.check) plan.check = plan_check(backend, server);
    }
  }
  return plans;
}

std::vector<Duration> spread_starts(const std::vector<ServerPlan>& plans) {
  const auto checked =
      std::ranges::count_if(plans, [](const ServerPlan& plan) { return plan.check.has_value(); });
  std::vector<Duration> starts;
  std::ptrdiff_t position = 0;
  for (const auto& plan : plans) {
    starts.push_back(plan.check ? plan.check->settings.inter * position++ / checked : Duration{});
  }
  return starts;
}

}  // namespace carpool
