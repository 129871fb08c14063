// Which servers are to be checked, and how: the slice of a configuration that concerns health.
// Pure.
#pragma once

#include <compare>
#include <optional>
#include <string>
#include <vector>

#include "controlplane/config/model.h"
#include "controlplane/health/check_state.h"
#include "controlplane/health/external_command.h"
#include "controlplane/health/probe_target.h"

namespace carpool {

struct ServerKey {
  std::string backend;
  std::string server;

  friend bool operator==(const ServerKey&, const ServerKey&) = default;
  friend auto operator<=>(const ServerKey&, const ServerKey&) = default;
};
[[nodiscard]] std::string to_string(const ServerKey& key);  // "mysql/db1"

struct CheckPlan {
  config::HealthCheck check;
  ExternalCommand external;  // of `external-check`
  ProbeTarget target;
  CheckSettings settings;
  config::InitState init_state = config::InitState::Up;
  config::Observation observe;

  friend bool operator==(const CheckPlan&, const CheckPlan&) = default;
  // The same question to the same place: what is known of the server still holds.
  [[nodiscard]] bool asks_the_same(const CheckPlan& other) const {
    return check == other.check && target.reaches_the_same(other.target);
  }
};

struct AgentPlan {
  std::string send;
  config::Endpoint target;
  Duration inter{};
  ProbeTimeouts timeouts;

  friend bool operator==(const AgentPlan&, const AgentPlan&) = default;
  [[nodiscard]] bool asks_the_same(const AgentPlan& other) const {
    return send == other.send && target == other.target;
  }
};

struct ServerPlan {
  ServerKey key;
  std::optional<CheckPlan> check;  // none, and no agent, and nothing tracked: always up
  std::optional<AgentPlan> agent;
  std::optional<ServerKey> track;
  bool disabled = false;        // begins in maintenance
  bool static_weights = false;  // see obey()
  bool backup = false;
  bool log_checks = false;  // option log-health-checks
};

// Every server, in the order of the configuration.
[[nodiscard]] std::vector<ServerPlan> plan_checks(const config::Config& config);

// How long after the start the first check of each plan begins, by its index. As in HAProxy the
// first checks are spread in order over the interval, so that neither the servers nor we get a
// burst. Zero for servers without check. Agents are spread likewise.
[[nodiscard]] std::vector<Duration> spread_starts(const std::vector<ServerPlan>& plans);
[[nodiscard]] std::vector<Duration> spread_agents(const std::vector<ServerPlan>& plans);

}  // namespace carpool
