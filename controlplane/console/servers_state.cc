#include "controlplane/console/servers_state.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <string_view>

#include <fmt/format.h>

namespace carpool::console {
namespace {

constexpr std::string_view kVersionOfState = "1";
constexpr std::string_view kColumns =
    "# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight "
    "srv_time_since_last_change srv_check_status srv_check_result srv_check_health "
    "srv_check_state srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord "
    "srv_use_ssl srv_check_port srv_check_addr srv_agent_addr srv_agent_port";

// HAProxy's numbers (SRV_ST_*, SRV_ADMF_*, CHK_ST_*, HCHK_STATUS_*, CHK_RES_*).
enum OperationalState : int { kStopped = 0, kRunning = 2, kStopping = 3 };
enum AdminFlag : int {
  kForcedMaintenance = 1,
  kInheritedMaintenance = 2,
  kConfiguredMaintenance = 4,
  kForcedDrain = 8,
  kInheritedDrain = 16,
};
enum CheckFlag : int { kInProgress = 1, kConfigured = 2, kEnabled = 4, kPaused = 8, kAgent = 16 };

int number_of(CheckStatus status) {
  switch (status) {
    case CheckStatus::Unknown:
    case CheckStatus::Initial:
      return 1;
    case CheckStatus::Checked:
      return 3;
    case CheckStatus::Observed:
      return 4;
    case CheckStatus::SocketError:
      return 5;
    case CheckStatus::L4Ok:
      return 6;
    case CheckStatus::L4Timeout:
      return 7;
    case CheckStatus::L4Connect:
      return 8;
    case CheckStatus::L6Ok:
      return 9;
    case CheckStatus::L6Timeout:
      return 10;
    case CheckStatus::L6Response:
      return 11;
    case CheckStatus::L7Timeout:
      return 12;
    case CheckStatus::L7Response:
      return 13;
    case CheckStatus::L7Ok:
      return 15;
    case CheckStatus::L7OkConditional:
      return 16;
    case CheckStatus::L7Status:
      return 17;
    case CheckStatus::ProcessError:
      return 18;
    case CheckStatus::ProcessTimeout:
      return 19;
    case CheckStatus::ProcessOk:
      return 20;
  }
  return 0;
}

int result_number(CheckStatus status) {
  if (status == CheckStatus::Unknown || status == CheckStatus::Initial) return 0;
  if (status == CheckStatus::L7OkConditional) return 4;
  switch (verdict(status)) {
    case CheckVerdict::Neutral:
      return 1;
    case CheckVerdict::Failed:
      return 2;
    case CheckVerdict::Passed:
      return 3;
  }
  return 0;
}

int operational_state(const ServerSnapshot& server) {
  if (server.mode == AdminMode::Maintenance || !server.health.up) return kStopped;
  return server.health.stopping ? kStopping : kRunning;
}

int admin_flags(const ServerSnapshot& server, const ServerSnapshot& judge, bool disabled) {
  int flags = 0;
  if (server.admin.mode == AdminMode::Maintenance) flags |= kForcedMaintenance;
  if (server.admin.mode == AdminMode::Drain) flags |= kForcedDrain;
  if (disabled) flags |= kConfiguredMaintenance;
  if (!server.track) return flags;
  if (judge.mode == AdminMode::Maintenance) flags |= kInheritedMaintenance;
  if (judge.mode == AdminMode::Drain) flags |= kInheritedDrain;
  return flags;
}

int check_flags(const ServerSnapshot& server) {
  int flags = server.admin.mode == AdminMode::Maintenance ? kPaused : 0;
  if (!server.settings) return flags;
  flags |= kConfigured;
  if (!server.admin.checks_off) flags |= kEnabled;
  if (server.probing) flags |= kInProgress;
  return flags;
}

int agent_flags(const ServerSnapshot& server) {
  if (!server.agent) return 0;
  return kAgent | kConfigured | (server.admin.agent_off ? 0 : kEnabled);
}

// What HAProxy's counter of an unchecked server stands at.
int health_number(const ServerSnapshot& server) {
  if (server.mode == AdminMode::Maintenance) return 0;
  constexpr int kUnchecked = 2;
  if (!server.settings) return server.health.up || server.track ? kUnchecked : 0;
  return server.health.health;
}

std::string address_or_dash(const std::optional<Ipv4Address>& address) {
  return address ? to_string(*address) : "-";
}

struct Place {
  const Proxy& proxy;
  const config::Backend& backend;
  const config::Server& server;
  std::uint32_t id = 0;
  std::size_t index = 0;  // among all servers
};

void for_each_server(const StatSources& from, const std::vector<Proxy>& proxies, const Proxy* only,
                     const std::function<void(const Place&)>& take) {
  std::vector<std::size_t> first;
  std::size_t servers = 0;
  for (const config::Backend& backend : from.config.backends) {
    first.push_back(servers);
    servers += backend.servers.size();
  }
  if (servers > from.health.size()) return;  // between two configurations
  for (const Proxy& proxy : proxies) {
    if (!proxy.backend || (only != nullptr && only != &proxy)) continue;
    const config::Backend& backend = from.config.backends[*proxy.backend];
    const auto ids = server_ids(backend);
    for (std::size_t at = 0; at < backend.servers.size(); ++at) {
      take({proxy, backend, backend.servers[at], backend.disabled ? 0 : ids[at],
            first[*proxy.backend] + at});
    }
  }
}

std::string state_line(const StatSources& from, const Place& place) {
  const config::Server& server = place.server;
  const ServerSnapshot& known = from.health[place.index];
  const ServerSnapshot& judge = judged_by(known, from.health);
  const auto since = std::chrono::duration_cast<std::chrono::seconds>(
      from.now - std::max(known.health.since, known.mode_since));
  // What a server that tracks another takes over from it is not a check of its own.
  const CheckStatus checked = known.settings ? known.health.last.status : CheckStatus::Unknown;
  const std::uint16_t agent_port = server.agent ? server.agent->port : 0;
  const auto agent_address = server.agent ? server.agent->address : std::nullopt;
  return fmt::format(
      "{} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} - 0 {} {} {} {}\n", place.proxy.id,
      place.backend.name, place.id, server.name, to_string(server.address),
      operational_state(known), admin_flags(known, judge, server.disabled),
      weight_now(server, known), server.weight, since.count(), number_of(checked),
      result_number(checked), health_number(known), check_flags(known), agent_flags(known),
      place.backend.id ? 1 : 0, server.id ? 1 : 0, server.host.empty() ? "-" : server.host,
      server.port, server.check_port.value_or(0), address_or_dash(server.check_address),
      address_or_dash(agent_address), agent_port);
}

}  // namespace

std::string servers_state(const StatSources& from, const std::vector<Proxy>& proxies,
                          const Proxy* only) {
  std::string text = fmt::format("{}\n{}\n", kVersionOfState, kColumns);
  for_each_server(from, proxies, only,
                  [&](const Place& place) { text += state_line(from, place); });
  return text;
}

// There are no pools of idle connections here: those columns stay at what they are without.
std::string servers_conn(const StatSources& from, const std::vector<Proxy>& proxies,
                         const Proxy* only, std::uint32_t workers) {
  constexpr int kPurgeDelayMs = 5000;
  std::string text = fmt::format(
      "# bkname/svname bkid/svid addr port - purge_delay used_cur used_max need_est unsafe_nb "
      "safe_nb idle_lim idle_cur idle_per_thr[{}]\n",
      workers);
  std::string idle;
  for (std::uint32_t worker = 0; worker < workers; ++worker)
    idle += " 0";
  for_each_server(from, proxies, only, [&](const Place& place) {
    const auto used = from.totals.servers.at(place.index).active;
    const auto most = std::max(used, from.memory.server(place.index).active_max);
    text +=
        fmt::format("{}/{} {}/{} {} {} - {} {} {} {} 0 0 -1 0{}\n", place.backend.name,
                    place.server.name, place.proxy.id, place.id, to_string(place.server.address),
                    place.server.port, kPurgeDelayMs, used, most, most, idle);
  });
  return text;
}

}  // namespace carpool::console
