// What servers' traffic shows, from one reading of the data plane's counters to the next: events
// for `observe`, rates for people, and who is out as an outlier. Pure.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "controlplane/config/model.h"
#include "controlplane/health/outlier.h"
#include "controlplane/health/traffic.h"
#include "controlplane/link/counters.h"
#include "controlplane/link/image_builder.h"
#include "dataplane/base/time.h"

namespace carpool {

class TrafficWatch {
 public:
  // Rates and ejections begin anew.
  void configure(const config::Config& config);

  struct Step {
    std::vector<TrafficEvents> events;  // since the last call, by server
    bool ejections_changed = false;
    std::vector<std::string> log;
  };
  // `totals` by server, in the order of the configuration; `states` say who else is out, and why
  // not by us.
  [[nodiscard]] Step step(std::vector<link::ServerTotals> totals, const link::ServerStates& states,
                          Instant now);
  // Another data plane, or other indices: the next reading has nothing to be compared with.
  void forget_totals() { before_.clear(); }

  // In the order of the configuration.
  [[nodiscard]] std::span<const ServerTraffic> servers() const { return servers_; }
  // Whether anything acts on what is seen, and wants to know it soon.
  [[nodiscard]] bool acts() const { return acts_; }

 private:
  struct Backend {
    std::string name;
    std::vector<std::string> servers;
    std::size_t first = 0;  // of its servers, among all
    std::optional<OutlierJudge> judge;
  };

  void average(const std::vector<TrafficEvents>& events, Instant now);
  void count_seconds(const std::vector<TrafficEvents>& events, Instant now);
  void judge(Backend& backend, std::size_t index, const link::ServerStates& states, Step& step,
             Instant now);

  std::vector<Backend> backends_;
  std::vector<ServerTraffic> servers_;
  std::vector<link::ServerTotals> before_;  // the last reading
  std::optional<Instant> read_at_;
  std::vector<TrafficEvents> gathered_;  // since the last whole second of the histograms
  std::optional<Instant> gathered_since_;
  bool acts_ = false;
};

}  // namespace carpool
