// The answer to GET /api/v1/status: what this node is, does, and suffers from. Pure: everything
// comes from outside, the two clocks included.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "controlplane/config/model.h"
#include "controlplane/health/runner.h"
#include "controlplane/link/counters.h"
#include "controlplane/link/reachability.h"
#include "controlplane/mirror/snapshot.h"
#include "controlplane/peer/hello_snapshot.h"
#include "controlplane/redundancy/runner.h"
#include "controlplane/supervisor/supervisor.h"
#include "dataplane/abi/region.h"
#include "dataplane/base/time.h"

namespace carpool::console {

// How one worker spends its time, over the last second or so.
struct WorkerActivity {
  bool alive = false;
  double busy_percent = 0;
};

struct StatusSources {
  const config::Config& config;
  std::string config_path;
  std::string config_digest;
  const DataplaneSupervisor::Report& dataplane;
  const abi::Region* region = nullptr;  // none: there is no data plane now
  std::span<const WorkerActivity> workers;
  const link::CountersSnapshot& counters;
  const link::Reachability& reachability;
  std::span<const ServerSnapshot> health;  // in the order of the configuration
  std::span<const ServerTraffic> traffic;  // likewise
  std::span<const GroupReport> groups;
  const std::optional<mirror::Snapshot>& mirroring;  // nothing: it is off
  std::string why_no_mirroring;
  const std::optional<hello::Snapshot>& hellos;  // nothing: there are none
  std::string why_no_hellos;
  std::vector<std::string> problems;
  Instant started;  // the control plane
  Instant now;
  std::chrono::system_clock::time_point wall_now;
};

[[nodiscard]] nlohmann::ordered_json status_json(const StatusSources& sources);
// The same as the text of the answer.
[[nodiscard]] std::string status_body(const StatusSources& sources);

}  // namespace carpool::console
