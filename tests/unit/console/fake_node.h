// For tests of consoles: two backends, three servers, and whatever is wanted of them.
#pragma once

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/console/operations.h"

namespace carpool::console {

// A node that does what it is told and nothing else.
class FakeNode final : public Operations {
 public:
  FakeNode() {
    config_.global.stats_sockets.resize(1);
    config_.node.flows = 1000;
    config_.frontends.resize(1);
    config_.frontends[0].name = "web";
    config_.frontends[0].origin = {0, 10, 1};
    config_.backends.resize(2);
    config_.backends[0].name = "web";
    config_.backends[0].origin = {0, 10, 1};
    config_.backends[1].name = "spare";
    config_.backends[1].origin = {0, 20, 1};
    config_.backends[1].id = 99;
    config_.backends[1].balance = config::Balance::StaticRoundRobin;
    add("web", "a", 1);
    add("web", "b", 50);
    add("spare", "c", 1);
    known_[{"web", "a"}].settings = CheckSettings{};
    memory_.configure(config_, now_);
  }

  const config::Config& config() const override { return config_; }
  void look(const std::function<void(const StatSources&)>& use) override {
    std::vector<ServerSnapshot> health;
    for (const config::Backend& backend : config_.backends) {
      for (const config::Server& server : backend.servers)
        health.push_back(known_.at({backend.name, server.name}));
    }
    StatTotals totals = stat_totals(config_, {});
    totals.servers[0].connections = 7;
    totals.servers[0].active = 3;
    use({.config = config_,
         .health = health,
         .totals = totals,
         .memory = memory_,
         .paused_frontends = paused_,
         .now = now_});
  }
  InfoSources info() override {
    return {.node = "lb1", .workers = 2, .uptime = std::chrono::seconds(90061)};
  }
  std::optional<ServerSnapshot> server(const ServerKey& key) const override {
    const auto found = known_.find(key);
    return found == known_.end() ? std::nullopt : std::optional(found->second);
  }
  void set_mode(const ServerKey& key, AdminMode mode) override {
    known_.at(key).admin.mode = known_.at(key).mode = mode;
  }
  void set_weight(const ServerKey& key, std::optional<WeightOverride> weight) override {
    known_.at(key).admin.weight = weight;
  }
  void set_maxconn(const ServerKey& key, std::optional<std::uint32_t> maxconn) override {
    known_.at(key).admin.maxconn = maxconn;
  }
  void set_checks(const ServerKey& key, bool on) override { known_.at(key).admin.checks_off = !on; }
  void set_agent_checks(const ServerKey& key, bool on) override {
    known_.at(key).admin.agent_off = !on;
  }
  void force_health(const ServerKey& key, ForcedHealth wanted) override {
    known_.at(key).health.up = wanted != ForcedHealth::Down;
    known_.at(key).health.stopping = wanted == ForcedHealth::Stopping;
  }
  void force_agent(const ServerKey&, bool) override {}
  Result<void> set_address(const ServerKey& key, config::Endpoint address) override {
    for (config::Backend& backend : config_.backends) {
      for (config::Server& server : backend.servers) {
        if (backend.name != key.backend || server.name != key.server) continue;
        server.address = address.address;
        server.port = address.port;
      }
    }
    return {};
  }
  bool is_enabled(std::string_view frontend) const override {
    return std::ranges::find(paused_, frontend) == paused_.end();
  }
  void set_enabled(std::string_view frontend, bool enabled) override {
    paused_.clear();
    if (!enabled) paused_.emplace_back(frontend);
  }
  void clear_counters(bool all) override { cleared_all_ = all; }

  std::optional<bool> cleared_all_;
  std::map<ServerKey, ServerSnapshot> known_;

 private:
  void add(const std::string& backend, const std::string& name, std::uint32_t weight) {
    config::Server server;
    server.name = name;
    server.address = Ipv4Address::of(10, 0, 0, static_cast<std::uint8_t>(known_.size() + 1));
    server.port = 80;
    server.weight = weight;
    config_.backends[backend == "web" ? 0 : 1].servers.push_back(server);
    ServerSnapshot& snapshot = known_[{backend, name}];
    snapshot.key = {backend, name};
    snapshot.health.health = 4;
    snapshot.health.since = now_ - std::chrono::seconds(10);
  }

  Instant now_{std::chrono::seconds(1000)};
  config::Config config_;
  StatsMemory memory_;
  std::vector<std::string> paused_;
};

}  // namespace carpool::console
