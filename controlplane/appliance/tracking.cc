#include "controlplane/appliance/tracking.h"

#include <algorithm>
#include <cstdlib>
#include <set>

#include <fmt/format.h>

namespace carpool {
namespace {

using config::Config;
using config::RedundancyGroup;

TrackResult backend_result(const config::TrackBackend& track, const link::ServerStates& servers) {
  const auto& states = servers.at(track.backend_index);
  const auto usable = std::ranges::count_if(
      states, [](const link::ServerState& state) { return state.up && !state.maintenance; });
  const bool well = usable >= static_cast<std::ptrdiff_t>(track.at_least);
  return {"backend " + track.backend, well, true,
          well
              ? ""
              : fmt::format("{} of {} servers up, needs {}", usable, states.size(), track.at_least),
          track.weight};
}

TrackResult port_result(const std::string& name, std::optional<int> weight,
                        std::span<const link::RegionPort> ports,
                        std::span<const PortHealth> health) {
  const auto port = std::ranges::find(ports, name, &link::RegionPort::name);
  const auto index = static_cast<std::size_t>(port - ports.begin());
  // Without a data plane no port is known to be down; that there is none is said elsewhere.
  const bool well = index >= health.size() || health[index].link_up;
  return {"port " + name, well, true, well ? "" : "no link", weight};
}

TrackResult script_result(const RedundancyGroup& group, const config::TrackScript& track,
                          const ScriptStates& scripts) {
  const auto found = scripts.find({group.name, track.script});
  const ScriptState state = found == scripts.end() ? ScriptState{} : found->second;
  return {"script " + track.script.command.front(), state.well, state.known, state.why,
          track.weight};
}

// Ports that the group has addresses on demote it without being named.
std::set<std::string> other_ports(const RedundancyGroup& group) {
  std::set<std::string> names;
  for (const auto* list : {&group.addresses, &group.floating}) {
    for (const config::VirtualAddress& address : *list) {
      if (address.port != group.port) names.insert(address.port);
    }
  }
  return names;
}

}  // namespace

std::vector<TrackResult> track_results(const RedundancyGroup& group,
                                       const link::ServerStates& servers,
                                       std::span<const link::RegionPort> ports,
                                       std::span<const PortHealth> health,
                                       const ScriptStates& scripts) {
  std::vector<TrackResult> results;
  for (const config::TrackBackend& track : group.tracks) {
    if (track.backend_index < servers.size()) results.push_back(backend_result(track, servers));
  }
  std::set<std::string> implied = other_ports(group);
  for (const config::TrackPort& track : group.track_ports) {
    implied.erase(track.port);
    results.push_back(port_result(track.port, track.weight, ports, health));
  }
  for (const std::string& port : implied)
    results.push_back(port_result(port, std::nullopt, ports, health));
  for (const config::TrackScript& track : group.track_scripts)
    results.push_back(script_result(group, track, scripts));
  return results;
}

GroupJudgement judge(std::optional<std::string> unusable, std::span<const TrackResult> results,
                     bool claimed) {
  GroupJudgement judgement;
  judgement.can_say_goodbye = !unusable;
  judgement.fault = std::move(unusable);
  for (const TrackResult& result : results) {
    if (result.well) continue;
    if (result.weight == 0) {
      const bool counts = result.known || !claimed;
      if (counts && !judgement.fault) {
        judgement.fault = fmt::format("{}: {}", result.source, result.why);
      }
    } else if (result.known) {
      const unsigned value =
          result.weight ? static_cast<unsigned>(std::abs(*result.weight)) : kMaxDemotion;
      judgement.demotions.push_back({result.source, value, result.why});
    }
  }
  return judgement;
}

void share_fate(const Config& config, std::vector<GroupJudgement>& judgements) {
  const std::vector<GroupJudgement> own = judgements;
  for (std::size_t one = 0; one < own.size(); ++one) {
    const RedundancyGroup& group = config.groups[one];
    for (std::size_t other = 0; other < own.size(); ++other) {
      const RedundancyGroup& companion = config.groups[other];
      if (other == one || group.sync_group.empty() || companion.sync_group != group.sync_group) {
        continue;
      }
      GroupJudgement& shared = judgements[one];
      if (own[other].fault && !shared.fault) {
        shared.fault =
            fmt::format("group {} of the same sync-group: {}", companion.name, *own[other].fault);
      }
      for (const Demotion::Source& source : own[other].demotions) {
        const auto same = std::ranges::find(shared.demotions, source.name, &Demotion::Source::name);
        // Both may track the same thing; it counts once, as the worse of both.
        if (same == shared.demotions.end()) {
          shared.demotions.push_back({source.name, source.value,
                                      fmt::format("{} (of group {})", source.why, companion.name)});
        } else {
          same->value = std::max(same->value, source.value);
        }
      }
    }
  }
}

}  // namespace carpool
