// `outlier-ejection`: which servers of a backend get no new connections for a while because theirs
// fail more often than those of the others. Never more than the configured share of them, never the
// last one that is left, and nobody where all fail alike: that is not a matter of one server. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "controlplane/config/server_checks.h"
#include "controlplane/health/traffic.h"
#include "dataplane/base/time.h"

namespace carpool {

// Who was ejected again and again is out for so many times the configured time at most.
inline constexpr std::uint32_t kMaxEjectionFactor = 10;

struct OutlierChange {
  std::size_t server = 0;
  bool ejected = false;        // else: back again
  std::uint64_t attempts = 0;  // what it was judged by
  std::uint64_t failures = 0;
  Duration out_for{};

  friend bool operator==(const OutlierChange&, const OutlierChange&) = default;
};

class OutlierJudge {
 public:
  OutlierJudge(const config::OutlierEjection& settings, std::size_t servers)
      : settings_(settings), servers_(servers) {}

  // Events since the last call, and which servers could get connections if it were only for the
  // others who decide about that; both by server.
  [[nodiscard]] std::vector<OutlierChange> step(std::span<const TrafficEvents> events,
                                                std::span<const std::uint8_t> usable, Instant now);

  [[nodiscard]] bool is_ejected(std::size_t server) const { return servers_[server].ejected; }
  // Servers that may be out at a time.
  [[nodiscard]] std::size_t bound() const { return servers_.size() * settings_.max_percent / 100; }

 private:
  struct State {
    std::uint64_t attempts = 0;  // in this interval
    std::uint64_t failures = 0;
    bool ejected = false;
    Instant until{};
    std::uint32_t times = 0;  // ejections in a row
  };

  void readmit(std::vector<OutlierChange>& changes, Instant now);
  [[nodiscard]] std::vector<std::size_t> outliers() const;
  void judge(std::vector<OutlierChange>& changes, std::span<const std::uint8_t> usable,
             Instant now);

  config::OutlierEjection settings_;
  std::vector<State> servers_;
  std::optional<Instant> interval_ends_;
};

}  // namespace carpool
