#include "controlplane/health/outlier.h"

#include <algorithm>

namespace carpool {
namespace {

bool fails_too_often(std::uint64_t failures, std::uint64_t attempts, std::uint32_t percent) {
  return failures * 100 >= attempts * percent;
}

}  // namespace

std::vector<OutlierChange> OutlierJudge::step(std::span<const TrafficEvents> events,
                                              std::span<const std::uint8_t> usable, Instant now) {
  std::vector<OutlierChange> changes;
  for (std::size_t i = 0; i < std::min(events.size(), servers_.size()); ++i) {
    servers_[i].attempts += events[i].attempts();
    servers_[i].failures += events[i].failures();
  }
  readmit(changes, now);
  if (!interval_ends_) interval_ends_ = now + settings_.interval;
  if (now < *interval_ends_) return changes;
  judge(changes, usable, now);
  for (State& server : servers_)
    server.attempts = server.failures = 0;
  interval_ends_ = now + settings_.interval;
  return changes;
}

// It begins anew: what failed before it was ejected was judged then.
void OutlierJudge::readmit(std::vector<OutlierChange>& changes, Instant now) {
  for (std::size_t i = 0; i < servers_.size(); ++i) {
    State& server = servers_[i];
    if (!server.ejected || now < server.until) continue;
    server.ejected = false;
    server.attempts = server.failures = 0;
    changes.push_back({.server = i, .ejected = false});
  }
}

// The worst first.
std::vector<std::size_t> OutlierJudge::outliers() const {
  std::uint64_t attempts = 0;
  std::uint64_t failures = 0;
  for (const State& server : servers_) {
    attempts += server.attempts;
    failures += server.failures;
  }
  std::vector<std::size_t> found;
  for (std::size_t i = 0; i < servers_.size(); ++i) {
    const State& server = servers_[i];
    if (server.ejected || server.attempts < settings_.min_attempts) continue;
    const bool fails = fails_too_often(server.failures, server.attempts, settings_.failure_percent);
    const std::uint64_t others = attempts - server.attempts;
    const bool all_fail = others == 0 || fails_too_often(failures - server.failures, others,
                                                         settings_.failure_percent);
    if (fails && !all_fail) found.push_back(i);
  }
  std::ranges::stable_sort(found, [&](std::size_t a, std::size_t b) {
    return servers_[a].failures * servers_[b].attempts >
           servers_[b].failures * servers_[a].attempts;
  });
  return found;
}

void OutlierJudge::judge(std::vector<OutlierChange>& changes, std::span<const std::uint8_t> usable,
                         Instant now) {
  const auto is_left = [&](std::size_t i) {
    return i < usable.size() && usable[i] != 0 && !servers_[i].ejected;
  };
  std::size_t out = 0;
  std::size_t left = 0;
  for (std::size_t i = 0; i < servers_.size(); ++i) {
    out += servers_[i].ejected;
    left += is_left(i);
  }
  for (State& server : servers_) {
    const bool had_its_chance = !server.ejected && server.attempts >= settings_.min_attempts;
    const bool good = had_its_chance &&
                      !fails_too_often(server.failures, server.attempts, settings_.failure_percent);
    if (good && server.times > 0) --server.times;
  }
  for (const std::size_t i : outliers()) {
    if (out >= bound() || (is_left(i) && left <= 1)) break;
    State& server = servers_[i];
    left -= is_left(i);
    ++out;
    server.ejected = true;
    server.times = std::min(server.times + 1, kMaxEjectionFactor);
    const Duration out_for = settings_.ejection * server.times;
    server.until = now + out_for;
    changes.push_back({i, true, server.attempts, server.failures, out_for});
  }
}

}  // namespace carpool
