// Carries out what consoles ask of the node, and keeps what operators want of servers and frontends
// through reloads and restarts.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/appliance/config_source.h"
#include "controlplane/appliance/forwarding.h"
#include "controlplane/appliance/runtime_state.h"
#include "controlplane/appliance/worker_watch.h"
#include "controlplane/console/operations.h"
#include "controlplane/console/stats_memory.h"
#include "controlplane/health/runner.h"
#include "dataplane/base/time.h"

namespace carpool {

class RuntimeControl final : public console::Operations {
 public:
  // What it acts on. All of it has to outlive this.
  struct Node {
    const LoadedConfig& loaded;
    HealthRunner& health;
    Forwarding& forwarding;
    const WorkerWatch& workers;
    // Takes over a configuration that differs from the loaded one in addresses of servers only.
    std::function<void(config::Config)> readdress;
  };

  RuntimeControl(Node node, std::filesystem::path file);

  // Before the first configuration is used: what the file says.
  void recall();
  // Puts the addresses that operators want in place of the configured ones.
  void adopt(config::Config& config) const;
  // The configuration is in use now.
  void configured(Instant now);
  void sample(const link::TrafficTotals& totals, Instant now) { memory_.sample(totals, now); }
  void judge(const link::ServerStates& states, Instant now) { memory_.judge(states, now); }
  // The data plane counts from zero.
  void forget_totals() { memory_.forget_totals(); }

  // console::Operations
  [[nodiscard]] const config::Config& config() const override { return node_.loaded.config; }
  void look(const std::function<void(const console::StatSources&)>& use) override;
  [[nodiscard]] console::InfoSources info() override;
  [[nodiscard]] std::optional<ServerSnapshot> server(const ServerKey& key) const override;
  void set_mode(const ServerKey& key, AdminMode mode) override;
  void set_weight(const ServerKey& key, std::optional<WeightOverride> weight) override;
  void set_maxconn(const ServerKey& key, std::optional<std::uint32_t> maxconn) override;
  void set_checks(const ServerKey& key, bool on) override;
  void set_agent_checks(const ServerKey& key, bool on) override;
  void force_health(const ServerKey& key, ForcedHealth wanted) override;
  void force_agent(const ServerKey& key, bool up) override;
  Result<void> set_address(const ServerKey& key, config::Endpoint address) override;
  [[nodiscard]] bool is_enabled(std::string_view frontend) const override;
  void set_enabled(std::string_view frontend, bool enabled) override;
  void clear_counters(bool all) override;

 private:
  [[nodiscard]] std::vector<std::string> paused() const;
  void save();

  Node node_;
  std::filesystem::path file_;
  // Of servers only addresses: the rest is kept by HealthRunner.
  RuntimeState state_;
  console::StatsMemory memory_;
  std::string save_error_;  // as last logged
  const Instant started_ = monotonic_now();
  const std::int64_t wall_start_;
};

}  // namespace carpool
