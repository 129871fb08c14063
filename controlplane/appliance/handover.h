// What has to be judged when an operator moves groups: which ones move together, whether the other
// node can take them, and how far behind it this node has to rank from then on. Pure.
#pragma once

#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/appliance/operator_state.h"
#include "controlplane/config/model.h"
#include "controlplane/mirror/snapshot.h"
#include "controlplane/redundancy/runner.h"

namespace carpool {

// Why something that was asked for is not done.
struct Refusal {
  enum class Kind {
    kUnknown,  // there is no such thing
    kRefused,  // not as things are now
    kFailed,   // it was tried
  };
  Kind kind = Kind::kRefused;
  std::string why;
};
[[nodiscard]] inline std::unexpected<Refusal> refuse(std::string why) {
  return std::unexpected(Refusal{Refusal::Kind::kRefused, std::move(why)});
}

// The named group and those of its sync-group; without a name all. In the configuration's order.
[[nodiscard]] std::expected<std::vector<std::string>, Refusal> groups_named(
    const config::Config& config, std::string_view name);

// Those of them that this node has now, and those of which it is BACKUP.
struct Holdings {
  std::vector<std::string> held;
  std::vector<std::string> others;
};
[[nodiscard]] Holdings holdings(std::span<const std::string> names,
                                std::span<const GroupReport> groups);

// What demotes a group apart from operators.
[[nodiscard]] unsigned own_demotion(const Demotion& demotion);

// Why this node should not be handed the group, in words for the other node's operator.
// `asker_demotion`: own_demotion() there. `out_of_sync`: why this node does not know the other's
// connections; empty if it does.
[[nodiscard]] std::optional<std::string> why_not_take(const GroupReport& group,
                                                      const OperatorWishes& wishes,
                                                      const std::string& out_of_sync,
                                                      unsigned asker_demotion);

// Why this node cannot hand the group over, whoever is to take it.
[[nodiscard]] std::optional<std::string> why_not_give(const GroupReport& group);
// Why nothing can be handed to the peer now.
[[nodiscard]] std::optional<std::string> why_no_peer(
    const std::optional<mirror::Snapshot>& mirroring, const std::string& why_off);

// What has to demote this node so that it ranks right behind the peer that it has just heard; 0
// where it does so anyway, or does not preempt.
[[nodiscard]] unsigned rank_behind_peer(const GroupReport& group);

// How long another node may need to take over after a farewell.
[[nodiscard]] Duration takeover_limit(const GroupReport& group);

}  // namespace carpool
