// What the things that a group tracks come to: how much they demote it, and whether they keep it
// off this node altogether. Pure.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "controlplane/appliance/groups.h"
#include "controlplane/appliance/script_states.h"
#include "controlplane/config/model.h"
#include "controlplane/link/image_builder.h"
#include "controlplane/redundancy/demotion.h"

namespace carpool {

// One tracked thing as it is now.
struct TrackResult {
  std::string source;  // "backend mysql", "port lan", "script /etc/carpool/check"
  bool well = true;
  bool known = true;          // false: nobody has looked yet
  std::string why;            // it is not well
  std::optional<int> weight;  // as written; 0: without it the group is not claimed

  friend bool operator==(const TrackResult&, const TrackResult&) = default;
};

// Of all that a group tracks, and of the ports that it has addresses on.
[[nodiscard]] std::vector<TrackResult> track_results(const config::RedundancyGroup& group,
                                                     const link::ServerStates& servers,
                                                     std::span<const link::RegionPort> ports,
                                                     std::span<const PortHealth> health,
                                                     const ScriptStates& scripts);

// Whether the node may claim a group, and how gladly.
struct GroupJudgement {
  std::optional<std::string> fault;  // why not at all
  bool can_say_goodbye = true;       // the fault leaves port and data plane working
  std::vector<Demotion::Source> demotions;

  friend bool operator==(const GroupJudgement&, const GroupJudgement&) = default;
};
// `unusable`: why port or data plane do not work. `claimed`: the node has the group now; then what
// nobody has looked at yet is no reason to give it up.
[[nodiscard]] GroupJudgement judge(std::optional<std::string> unusable,
                                   std::span<const TrackResult> results, bool claimed);

// Groups of one `sync-group` have one fate: what keeps or demotes one of them does so to all.
// `judgements` are in the order of the configuration's groups.
void share_fate(const config::Config& config, std::vector<GroupJudgement>& judgements);

}  // namespace carpool
