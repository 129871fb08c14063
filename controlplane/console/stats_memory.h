// What statistics remember between two looks: the highest numbers, what happened last, since when a
// backend is up or down, and from where on an operator wants things counted. Sampled about once a
// second, so that shorter peaks may be missed. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "controlplane/config/model.h"
#include "controlplane/health/runner.h"
#include "controlplane/link/counters.h"
#include "controlplane/link/image_builder.h"
#include "controlplane/link/server_totals.h"
#include "dataplane/base/time.h"

namespace carpool::console {

// All that the data plane counted, summed up for each server, frontend and backend, in the order of
// the configuration.
struct StatTotals {
  std::vector<link::ServerTotals> servers;  // of all backends, one after the other
  std::vector<link::ServerTotals> frontends;
  std::vector<link::ServerTotals> backends;
};
[[nodiscard]] StatTotals stat_totals(const config::Config& config,
                                     const link::CountersSnapshot& counters);

struct StatPeaks {
  std::uint64_t active = 0;
  std::uint64_t active_max = 0;
  std::uint64_t rate = 0;  // connections within the last second
  std::uint64_t rate_max = 0;
  std::optional<Instant> last_session{};
};

// Of a backend: up as long as one of its servers takes connections.
struct BackendLife {
  bool up = true;
  Instant since{};
  std::uint64_t downs = 0;
  Duration finished_downtime{};

  [[nodiscard]] Duration downtime(Instant now) const {
    return finished_downtime + (up ? Duration{} : now - since);
  }
};

class StatsMemory {
 public:
  // Keeps what it knows of names that stay.
  void configure(const config::Config& config, Instant now);
  // Another data plane counts from zero.
  void forget_totals();

  void sample(const link::TrafficTotals& totals, Instant now);
  void judge(const link::ServerStates& states, Instant now);
  // `clear counters`: the peaks, or with `all` everything that counts up.
  void clear(const StatTotals& totals, std::span<const ServerSnapshot> health, bool all);

  // Takes off what was counted before the last clear().
  [[nodiscard]] StatTotals since_clear(StatTotals totals) const;
  [[nodiscard]] ServerHealth since_clear(const ServerHealth& health, std::size_t server) const;

  [[nodiscard]] const StatPeaks& server(std::size_t index) const {
    return servers_.at(index).peaks;
  }
  [[nodiscard]] const StatPeaks& frontend(std::size_t index) const {
    return frontends_.at(index).peaks;
  }
  [[nodiscard]] const StatPeaks& backend(std::size_t index) const {
    return backends_.at(index).peaks;
  }
  [[nodiscard]] const BackendLife& life(std::size_t backend) const {
    return backends_.at(backend).life;
  }

 private:
  struct Entry {
    std::string name;
    StatPeaks peaks;
    link::ServerTotals cleared;
    // Of servers: what their health had counted.
    std::uint64_t failures = 0;
    std::uint64_t downs = 0;
    std::uint64_t observed = 0;
    BackendLife life;  // of backends
    // Of the last second, see sample().
    std::uint64_t connections = 0;
    std::uint64_t connections_then = 0;
  };

  static std::vector<Entry> carry_over(std::vector<Entry> before, std::vector<std::string> names,
                                       Instant now);
  void take(Entry& entry, const link::ServerTotals& totals, Instant now);

  std::vector<Entry> servers_;
  std::vector<Entry> frontends_;
  std::vector<Entry> backends_;
  std::vector<std::size_t> server_counts_;  // by backend
  std::optional<Instant> second_began_;
  Duration second_{};  // how long the last one took, once it is over
  bool second_over_ = false;
  bool comparable_ = false;  // totals of the last sample() can be compared with the next ones
};

}  // namespace carpool::console
