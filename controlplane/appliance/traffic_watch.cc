#include "controlplane/appliance/traffic_watch.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

#include <fmt/format.h>

namespace carpool {
namespace {

constexpr double kAverageOverSeconds = 10;

TrafficEvents events_between(const link::ServerTotals& before, const link::ServerTotals& after) {
  link::ServerTotals seen = after;
  seen -= before;
  return {.connections = seen.connections,
          .answered = seen.answered,
          .unanswered = seen.connect_timeouts,
          .refused = seen.refused,
          .resets = seen.resets,
          .syn_retransmits = seen.syn_retransmits,
          .answer_retransmits = seen.answer_retransmits,
          .active = after.active};
}

double seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace

void TrafficWatch::configure(const config::Config& config) {
  backends_.clear();
  acts_ = false;
  std::size_t first = 0;
  for (const config::Backend& backend : config.backends) {
    Backend& known = backends_.emplace_back();
    known.name = backend.name;
    known.first = first;
    for (const config::Server& server : backend.servers) {
      known.servers.push_back(server.name);
      acts_ = acts_ || server.observe.layer4;
    }
    if (backend.outliers) known.judge.emplace(*backend.outliers, backend.servers.size());
    acts_ = acts_ || backend.outliers;
    first += backend.servers.size();
  }
  servers_.assign(first, {});
  gathered_.assign(first, {});
  gathered_since_.reset();
  forget_totals();
}

TrafficWatch::Step TrafficWatch::step(std::vector<link::ServerTotals> totals,
                                      const link::ServerStates& states, Instant now) {
  Step step;
  step.events.resize(servers_.size());
  const bool comparable = before_.size() == servers_.size() && totals.size() == servers_.size();
  for (std::size_t i = 0; comparable && i < servers_.size(); ++i)
    step.events[i] = events_between(before_[i], totals[i]);
  before_ = std::move(totals);
  average(step.events, now);
  count_seconds(step.events, now);
  for (std::size_t index = 0; index < backends_.size(); ++index) {
    if (backends_[index].judge) judge(backends_[index], index, states, step, now);
  }
  return step;
}

void TrafficWatch::average(const std::vector<TrafficEvents>& events, Instant now) {
  const auto before = std::exchange(read_at_, now);
  if (!before || now <= *before) return;
  const double elapsed = seconds(now - *before);
  const double share = 1 - std::exp(-elapsed / kAverageOverSeconds);
  const auto blend = [&](double& rate, std::uint64_t count) {
    rate += share * (static_cast<double>(count) / elapsed - rate);
  };
  for (std::size_t i = 0; i < events.size(); ++i) {
    const TrafficEvents& seen = events[i];
    TrafficRates& rates = servers_[i].rates;
    blend(rates.connections, seen.connections);
    blend(rates.failures, seen.failures());
    blend(rates.unanswered, seen.unanswered);
    blend(rates.refused, seen.refused);
    blend(rates.resets, seen.resets);
    blend(rates.retransmits, seen.retransmits());
  }
}

// Readings come every second at most; what took longer is so many seconds of its average.
void TrafficWatch::count_seconds(const std::vector<TrafficEvents>& events, Instant now) {
  if (!gathered_since_) gathered_since_ = now;
  for (std::size_t i = 0; i < events.size(); ++i) {
    gathered_[i].unanswered += events[i].unanswered;
    gathered_[i].refused += events[i].refused;
    gathered_[i].resets += events[i].resets;
    gathered_[i].syn_retransmits += events[i].syn_retransmits;
    gathered_[i].answer_retransmits += events[i].answer_retransmits;
  }
  // Timers are a little late or early: 0.95 s are a second.
  const auto whole = static_cast<std::uint64_t>(seconds(now - *gathered_since_) + 0.05);
  if (whole == 0) return;
  for (std::size_t i = 0; i < gathered_.size(); ++i) {
    TrafficHistograms& histograms = servers_[i].histograms;
    const auto add = [whole](RateHistogram& histogram, std::uint64_t count) {
      histogram.add((count + whole - 1) / whole, whole);
    };
    add(histograms.unanswered, gathered_[i].unanswered);
    add(histograms.refused, gathered_[i].refused);
    add(histograms.resets, gathered_[i].resets);
    add(histograms.retransmits, gathered_[i].retransmits());
    gathered_[i] = {};
  }
  gathered_since_ = now;
}

void TrafficWatch::judge(Backend& backend, std::size_t index, const link::ServerStates& states,
                         Step& step, Instant now) {
  std::vector<std::uint8_t> usable(backend.servers.size(), 0);
  for (std::size_t at = 0; at < usable.size(); ++at) {
    if (index >= states.size() || at >= states[index].size()) break;
    const link::ServerState& state = states[index][at];
    // Ejected servers are drained, by us: as far as others decide, they could be used.
    usable[at] =
        state.up && !state.maintenance && (!state.draining || servers_[backend.first + at].ejected);
  }
  const auto events =
      std::span<const TrafficEvents>(step.events).subspan(backend.first, usable.size());
  for (const OutlierChange& change : backend.judge->step(events, usable, now)) {
    servers_[backend.first + change.server].ejected = change.ejected;
    step.ejections_changed = true;
    const std::string server = backend.name + "/" + backend.servers[change.server];
    step.log.push_back(
        change.ejected
            ? fmt::format("server {} gets no new connections for {:.0f} s: {} of {} failed", server,
                          seconds(change.out_for), change.failures, change.attempts)
            : fmt::format("server {} gets new connections again", server));
  }
}

}  // namespace carpool
