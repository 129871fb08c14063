// HAProxy's statistics made from what this node knows: one line per frontend, server and backend.
// Pure.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "controlplane/config/model.h"
#include "controlplane/console/proxies.h"
#include "controlplane/console/stat_fields.h"
#include "controlplane/console/stats_memory.h"
#include "controlplane/health/runner.h"
#include "dataplane/base/time.h"

namespace carpool::console {

struct StatSources {
  const config::Config& config;
  std::span<const ServerSnapshot> health;  // in the order of the configuration
  const StatTotals& totals;                // since the last `clear counters all`
  const StatsMemory& memory;
  std::span<const std::string> paused_frontends;  // by name
  Instant now;
};

inline constexpr unsigned kFrontendLines = 1;
inline constexpr unsigned kBackendLines = 2;
inline constexpr unsigned kServerLines = 4;

struct StatFilter {
  std::optional<std::uint32_t> proxy{};  // by id
  unsigned kinds = kFrontendLines | kBackendLines | kServerLines;
  std::optional<std::uint32_t> server{};  // by id within its proxy
  bool hide_down = false;                 // servers that take no connections
  bool hide_maintenance = false;
  bool legends = true;  // addresses and algorithms, which not everybody needs to know
};

void for_each_stat_line(const StatSources& from, const StatFilter& filter,
                        const std::function<void(const StatLine&)>& take);

// What HAProxy shows as the status of a server: "UP 1/3", "MAINT (via web/s1)". `known` are all
// servers, for those that track another.
[[nodiscard]] std::string stat_status(const ServerSnapshot& server,
                                      std::span<const ServerSnapshot> known);
// Whose checks decide: the server itself, or what it tracks in the end.
[[nodiscard]] const ServerSnapshot& judged_by(const ServerSnapshot& server,
                                              std::span<const ServerSnapshot> known);

// Weight as it holds now.
[[nodiscard]] std::uint32_t weight_now(const config::Server& server, const ServerSnapshot& known);
// Whether it takes connections as far as health and operators are concerned.
[[nodiscard]] bool is_usable(const config::Server& server, const ServerSnapshot& known);

}  // namespace carpool::console
