#include "controlplane/appliance/handover.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "controlplane/runtime/join.h"

namespace carpool {
namespace {

using namespace std::chrono_literals;

// CARP peers take over at once. VRRP's wait for their skew, which is below the interval; an
// advert may be lost, so there is time for two.
constexpr Duration kTakeoverMargin = 1s;

unsigned rank_behind(const CarpConfig& own, const CarpAdvertReceived& peer) {
  if (!own.preempt) return 0;
  // In 1/256 s, as CARP counts.
  const int ours = own.advbase * 256 + own.advskew;
  const int theirs = peer.advbase * 256 + peer.advskew;
  return static_cast<unsigned>(std::clamp(theirs - ours + 1, 0, int{kMaxDemotion}));
}

unsigned rank_behind(const VrrpConfig& own, const VrrpAdvertReceived& peer) {
  if (!own.preempt) return 0;
  const int ours = effective_priority(own, {});
  return static_cast<unsigned>(std::max(0, ours - peer.priority + 1));
}

template <class Machine, class Settings>
unsigned rank_behind(const GroupReport& group) {
  const auto& machine = std::get<Machine>(group.machine);
  const auto& config = std::get<Settings>(group.settings.protocol).config;
  return machine.peer ? rank_behind(config, machine.peer->advert) : 0;
}

}  // namespace

std::expected<std::vector<std::string>, Refusal> groups_named(const config::Config& config,
                                                              std::string_view name) {
  std::vector<std::string> names;
  const config::RedundancyGroup* wanted = config.find_group(name);
  if (!name.empty() && wanted == nullptr) {
    for (const config::RedundancyGroup& group : config.groups)
      names.push_back(group.name);
    return std::unexpected(
        Refusal{Refusal::Kind::kUnknown,
                fmt::format("there is no group '{}'; there {}", name,
                            names.empty() ? "is none" : "are: " + joined(names, ", "))});
  }
  for (const config::RedundancyGroup& group : config.groups) {
    const bool is_companion =
        wanted != nullptr && !wanted->sync_group.empty() && group.sync_group == wanted->sync_group;
    if (wanted == nullptr || &group == wanted || is_companion) names.push_back(group.name);
  }
  if (names.empty()) {
    return std::unexpected(
        Refusal{Refusal::Kind::kUnknown, "the configuration has no redundancy group"});
  }
  return names;
}

Holdings holdings(std::span<const std::string> names, std::span<const GroupReport> groups) {
  Holdings result;
  for (const std::string& name : names) {
    const auto group = std::ranges::find_if(
        groups, [&](const GroupReport& report) { return report.settings.name == name; });
    if (group == groups.end()) continue;
    const bool held = group->state() == RouterState::kMaster;
    (held ? result.held : result.others).push_back(name);
  }
  return result;
}

unsigned own_demotion(const Demotion& demotion) {
  unsigned sum = 0;
  for (const Demotion::Source& source : demotion.sources()) {
    if (source.name != kOperatorSource && source.name != kSwitchoverSource) sum += source.value;
  }
  return sum;
}

std::optional<std::string> why_not_take(const GroupReport& group, const OperatorWishes& wishes,
                                        const std::string& out_of_sync, unsigned asker_demotion) {
  const std::string& name = group.settings.name;
  switch (group.state()) {
    case RouterState::kInit:
      return fmt::format("group {} cannot be claimed there: {}", name,
                         group.why_unusable.empty() ? "it has just started" : group.why_unusable);
    case RouterState::kMaster:
      return fmt::format("both nodes say that they are {} of group {}", group.state_name(), name);
    case RouterState::kBackup:
      break;
  }
  if (const auto& maintenance = wishes.maintenance) {
    return fmt::format(
        "group {} is in maintenance there since {} by {}: 'carpool demote off' there ends it", name,
        maintenance->since, maintenance->by);
  }
  if (own_demotion(group.demotion()) > asker_demotion) {
    return fmt::format("group {} is demoted there by {}", name, group.demotion().why());
  }
  if (!out_of_sync.empty()) {
    return fmt::format("it does not know all connections: {}", out_of_sync);
  }
  return std::nullopt;
}

std::optional<std::string> why_not_give(const GroupReport& group) {
  const auto* vrrp = std::get_if<VrrpSettings>(&group.settings.protocol);
  if (vrrp == nullptr || vrrp->config.priority != kVrrpOwner) return std::nullopt;
  return fmt::format(
      "group {} has priority 255 here, so this node owns its addresses and would take them back at "
      "once: give it a lower priority",
      group.settings.name);
}

std::optional<std::string> why_no_peer(const std::optional<mirror::Snapshot>& mirroring,
                                       const std::string& why_off) {
  if (!mirroring) {
    return fmt::format(
        "this node has no peer to hand over to ({}): it needs 'peer' in both nodes and a "
        "'peer-key'",
        why_off);
  }
  if (mirroring->state != mirror::SessionState::up) {
    return "the peer is not heard on the peer link: nobody is known to take over without losing "
           "connections";
  }
  return std::nullopt;
}

unsigned rank_behind_peer(const GroupReport& group) {
  return group.settings.is_vrrp() ? rank_behind<VrrpMachine, VrrpSettings>(group)
                                  : rank_behind<CarpMachine, CarpSettings>(group);
}

Duration takeover_limit(const GroupReport& group) {
  if (const auto* vrrp = std::get_if<VrrpSettings>(&group.settings.protocol)) {
    return 2 * Duration(vrrp->config.interval) + kTakeoverMargin;
  }
  const auto& carp = std::get<CarpSettings>(group.settings.protocol).config;
  return carp_interval(carp.advbase, carp.advskew) + kTakeoverMargin;
}

}  // namespace carpool
