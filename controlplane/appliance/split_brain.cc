#include "controlplane/appliance/split_brain.h"

#include <algorithm>

#include <fmt/format.h>

namespace carpool {
namespace {

bool holds(const std::vector<std::string>& groups, const std::string& group) {
  return std::ranges::find(groups, group) != groups.end();
}

std::string words(const std::string& group, const std::string& node) {
  return fmt::format(
      "group {}: split brain: {} holds it, too. The nodes hear each other on the peer link, but "
      "not each other's adverts: look at the network between the ports of this group",
      group, node);
}

}  // namespace

std::vector<std::string> SplitBrain::step(const std::vector<std::string>& own,
                                          const std::optional<PeerClaims>& peer, Instant now) {
  std::vector<std::string> news;
  if (!peer) {  // what it holds now is not known
    conflicts_.clear();
    return news;
  }
  for (const std::string& group : own) {
    if (!holds(peer->groups, group)) continue;
    Conflict& conflict =
        conflicts_.try_emplace(group, Conflict{now, false, peer->node}).first->second;
    if (conflict.told || now - conflict.since < kPatience) continue;
    conflict.told = true;
    news.push_back(words(group, peer->node));
  }
  std::erase_if(conflicts_, [&](const auto& entry) {
    const auto& [group, conflict] = entry;
    const bool ours = holds(own, group);
    if (ours && holds(peer->groups, group)) return false;
    if (conflict.told) {
      news.push_back(fmt::format("group {}: the split brain is over: {} holds it", group,
                                 ours ? "this node" : peer->node));
    }
    return true;
  });
  return news;
}

std::vector<std::string> SplitBrain::problems() const {
  std::vector<std::string> all;
  for (const auto& [group, conflict] : conflicts_) {
    if (conflict.told) all.push_back(words(group, conflict.node));
  }
  return all;
}

}  // namespace carpool
