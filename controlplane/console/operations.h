// What consoles (the runtime socket, the HTTP API, the statistics page) may ask of the node, and
// tell it. The one who tells is known to the caller, who also decides whether they may.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "controlplane/config/model.h"
#include "controlplane/console/info_fields.h"
#include "controlplane/console/stat_lines.h"
#include "controlplane/health/runner.h"
#include "dataplane/base/result.h"

namespace carpool::console {

class Operations {
 public:
  virtual ~Operations() = default;

  [[nodiscard]] virtual const config::Config& config() const = 0;
  // Calls `use` with everything that statistics are made of, as of now.
  virtual void look(const std::function<void(const StatSources&)>& use) = 0;
  [[nodiscard]] virtual InfoSources info() = 0;
  [[nodiscard]] virtual std::optional<ServerSnapshot> server(const ServerKey& key) const = 0;

  // Of servers that are in the configuration; on others these have no effect. All of it holds on
  // after a reload and after a restart, but for what is forced.
  virtual void set_mode(const ServerKey& key, AdminMode mode) = 0;
  virtual void set_weight(const ServerKey& key, std::optional<WeightOverride> weight) = 0;
  virtual void set_maxconn(const ServerKey& key, std::optional<std::uint32_t> maxconn) = 0;
  virtual void set_checks(const ServerKey& key, bool on) = 0;
  virtual void set_agent_checks(const ServerKey& key, bool on) = 0;
  virtual void force_health(const ServerKey& key, ForcedHealth wanted) = 0;
  virtual void force_agent(const ServerKey& key, bool up) = 0;
  // Connections that are there stay with the address before.
  virtual Result<void> set_address(const ServerKey& key, config::Endpoint address) = 0;

  // A frontend that is not enabled refuses new connections.
  [[nodiscard]] virtual bool is_enabled(std::string_view frontend) const = 0;
  virtual void set_enabled(std::string_view frontend, bool enabled) = 0;

  virtual void clear_counters(bool all) = 0;
};

}  // namespace carpool::console
