#include "controlplane/console/stats_memory.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <set>
#include <utility>

#include "controlplane/link/ids.h"

namespace carpool::console {
namespace {

constexpr Duration kSecond = std::chrono::seconds(1);

std::uint64_t without(std::uint64_t count, std::uint64_t before) {
  return count - std::min(count, before);
}

// What is going on now was not counted before.
link::ServerTotals without(const link::ServerTotals& totals, const link::ServerTotals& before) {
  link::ServerTotals rest = totals;
  rest -= before;
  rest.active = totals.active;
  return rest;
}

bool takes_connections(const link::ServerState& state) {
  return state.up && !state.draining && !state.maintenance && state.weight.value_or(1) > 0;
}

}  // namespace

StatTotals stat_totals(const config::Config& config, const link::CountersSnapshot& counters) {
  StatTotals totals;
  std::vector<std::size_t> first;
  std::size_t servers = 0;
  for (const config::Backend& backend : config.backends) {
    first.push_back(servers);
    servers += backend.servers.size();
  }
  totals.servers.resize(servers);
  totals.backends.resize(config.backends.size());
  for (const config::Frontend& frontend : config.frontends) {
    link::ServerTotals& of_frontend = totals.frontends.emplace_back();
    std::set<std::size_t> groups;
    for (const config::Bind& bind : frontend.binds)
      groups.insert(bind.group);
    const config::Backend& backend = config.backends[frontend.backend_index];
    for (const std::size_t group : groups) {
      const std::string service = link::service_name(config, frontend, group);
      for (std::size_t at = 0; at < backend.servers.size(); ++at) {
        const auto counted =
            counters.servers.find(link::server_key(service, backend.servers[at].name));
        if (counted == counters.servers.end()) continue;
        of_frontend += counted->second;
        totals.servers[first[frontend.backend_index] + at] += counted->second;
        totals.backends[frontend.backend_index] += counted->second;
      }
    }
  }
  return totals;
}

std::vector<StatsMemory::Entry> StatsMemory::carry_over(std::vector<Entry> before,
                                                        std::vector<std::string> names,
                                                        Instant now) {
  std::map<std::string, Entry> known;
  for (Entry& entry : before) {
    std::string name = entry.name;
    known.emplace(std::move(name), std::move(entry));
  }
  std::vector<Entry> after;
  for (std::string& name : names) {
    const auto found = known.find(name);
    Entry entry = found == known.end() ? Entry{} : std::move(found->second);
    if (found == known.end()) entry.life.since = now;
    entry.name = std::move(name);
    after.push_back(std::move(entry));
  }
  return after;
}

void StatsMemory::configure(const config::Config& config, Instant now) {
  std::vector<std::string> servers;
  std::vector<std::string> backends;
  std::vector<std::string> frontends;
  server_counts_.clear();
  for (const config::Backend& backend : config.backends) {
    backends.push_back(backend.name);
    server_counts_.push_back(backend.servers.size());
    for (const config::Server& server : backend.servers)
      servers.push_back(backend.name + "/" + server.name);
  }
  for (const config::Frontend& frontend : config.frontends)
    frontends.push_back(frontend.name);
  servers_ = carry_over(std::move(servers_), std::move(servers), now);
  backends_ = carry_over(std::move(backends_), std::move(backends), now);
  frontends_ = carry_over(std::move(frontends_), std::move(frontends), now);
  comparable_ = false;
}

void StatsMemory::forget_totals() {
  comparable_ = false;
  for (auto* entries : {&servers_, &frontends_, &backends_}) {
    for (Entry& entry : *entries)
      entry.cleared = {};
  }
}

void StatsMemory::sample(const link::TrafficTotals& totals, Instant now) {
  if (totals.servers.size() != servers_.size() || totals.frontends.size() != frontends_.size()) {
    return;
  }
  if (!second_began_) second_began_ = now;
  second_ = now - *second_began_;
  second_over_ = second_ >= kSecond;
  if (second_over_) second_began_ = now;
  for (std::size_t at = 0; at < servers_.size(); ++at)
    take(servers_[at], totals.servers[at], now);
  for (std::size_t at = 0; at < frontends_.size(); ++at)
    take(frontends_[at], totals.frontends[at], now);
  std::size_t server = 0;
  for (std::size_t at = 0; at < backends_.size(); ++at) {
    link::ServerTotals sum;
    for (std::size_t i = 0; i < server_counts_[at]; ++i)
      sum += totals.servers[server++];
    take(backends_[at], sum, now);
  }
  comparable_ = true;
}

void StatsMemory::take(Entry& entry, const link::ServerTotals& totals, Instant now) {
  StatPeaks& peaks = entry.peaks;
  peaks.active = totals.active;
  peaks.active_max = std::max(peaks.active_max, totals.active);
  if (comparable_ && totals.connections > entry.connections) peaks.last_session = now;
  entry.connections = totals.connections;
  if (!comparable_) entry.connections_then = totals.connections;
  if (!second_over_) return;
  const auto new_ones = without(totals.connections, entry.connections_then);
  entry.connections_then = totals.connections;
  peaks.rate = static_cast<std::uint64_t>(static_cast<double>(new_ones) *
                                          (std::chrono::duration<double>(kSecond) / second_));
  peaks.rate_max = std::max(peaks.rate_max, peaks.rate);
}

void StatsMemory::judge(const link::ServerStates& states, Instant now) {
  for (std::size_t at = 0; at < std::min(backends_.size(), states.size()); ++at) {
    BackendLife& life = backends_[at].life;
    const bool up = states[at].empty() || std::ranges::any_of(states[at], takes_connections);
    if (up == life.up) continue;
    if (!life.up) life.finished_downtime += now - life.since;
    if (!up) ++life.downs;
    life.up = up;
    life.since = now;
  }
}

void StatsMemory::clear(const StatTotals& totals, std::span<const ServerSnapshot> health,
                        bool all) {
  const auto clear_entries = [&](std::vector<Entry>& entries,
                                 const std::vector<link::ServerTotals>& counted) {
    for (std::size_t at = 0; at < entries.size(); ++at) {
      StatPeaks& peaks = entries[at].peaks;
      peaks.active_max = peaks.active;
      peaks.rate_max = peaks.rate;
      if (!all) continue;
      peaks.active_max = 0;
      peaks.rate_max = 0;
      peaks.last_session.reset();
      if (at < counted.size()) entries[at].cleared = counted[at];
      entries[at].life.downs = 0;
      entries[at].life.finished_downtime = {};
    }
  };
  clear_entries(servers_, totals.servers);
  clear_entries(frontends_, totals.frontends);
  clear_entries(backends_, totals.backends);
  for (std::size_t at = 0; all && at < std::min(servers_.size(), health.size()); ++at) {
    servers_[at].failures = health[at].health.failures;
    servers_[at].downs = health[at].health.downs;
    servers_[at].observed = health[at].health.observed;
  }
}

StatTotals StatsMemory::since_clear(StatTotals totals) const {
  const auto take_off = [](std::vector<link::ServerTotals>& counted,
                           const std::vector<Entry>& entries) {
    for (std::size_t at = 0; at < std::min(counted.size(), entries.size()); ++at)
      counted[at] = without(counted[at], entries[at].cleared);
  };
  take_off(totals.servers, servers_);
  take_off(totals.frontends, frontends_);
  take_off(totals.backends, backends_);
  return totals;
}

ServerHealth StatsMemory::since_clear(const ServerHealth& health, std::size_t server) const {
  ServerHealth since = health;
  if (server >= servers_.size()) return since;
  since.failures = without(health.failures, servers_[server].failures);
  since.downs = without(health.downs, servers_[server].downs);
  since.observed = without(health.observed, servers_[server].observed);
  return since;
}

}  // namespace carpool::console
