#include "controlplane/config/check_hello.h"

#include <algorithm>
#include <cstdint>
#include <set>
#include <string>

#include <fmt/format.h>

#include "controlplane/config/limits.h"

namespace carpool::config {
namespace {

bool has_hellos(const RedundancyGroup& group) {
  return group.fast_hello > Duration::zero();
}

// Without them the group works, by its adverts alone.
void check_needs(const Config& config, const RedundancyGroup& group, Report& report) {
  const auto peers = std::ranges::count_if(config.other_nodes,
                                           [](const Node& node) { return node.peer.has_value(); });
  if (peers < 2) {
    report.warn(group.origin,
                fmt::format("'fast-hello' of redundancy '{}' has no effect: it needs a peer link",
                            group.name),
                "write 'peer ADDRESS:PORT' into both nodes");
  } else if (config.global.peer_keys.empty()) {
    report.warn(group.origin,
                fmt::format("'fast-hello' of redundancy '{}' has no effect: hellos are sealed with "
                            "the nodes' key, and there is none",
                            group.name),
                "write 'peer-key ID ...' into 'global'");
  }
}

// Hellos of a data link are prepared for as long as the fence, all links in one ring.
void check_room(const Config& config, const Node& node, Report& report) {
  std::set<std::string> ports;
  Duration fastest = kMaxFastHello;
  for (const RedundancyGroup& group : config.groups) {
    if (!has_hellos(group)) continue;
    ports.insert(group.port);
    fastest = std::min(fastest, group.fast_hello);
  }
  const auto needed =
      static_cast<std::uint64_t>((node.fence + kHelloBeyondFence) / fastest + 1) * ports.size();
  if (ports.empty() || needed <= kMaxPreparedHellos) return;
  report.error(
      node.origin,
      fmt::format("'fast-hello' on {} ports with a fence of {} ms: {} hellos would have "
                  "to be prepared, and there is room for {}",
                  ports.size(),
                  std::chrono::duration_cast<std::chrono::milliseconds>(node.fence).count(), needed,
                  kMaxPreparedHellos),
      "shorten the 'fence', or let 'fast-hello' be slower");
}

// Hellos have the UDP port after that of the peer channel.
void check_peer_port(const Node& node, Report& report) {
  if (!node.peer || node.peer->port < UINT16_MAX) return;
  report.error(node.origin,
               fmt::format("'peer' of node '{}' is on port {}, and hellos would need the one after "
                           "it",
                           node.name, node.peer->port),
               "choose a lower one");
}

}  // namespace

void check_fast_hello(const Config& config, Report& report) {
  if (std::ranges::none_of(config.groups, has_hellos)) return;
  for (const RedundancyGroup& group : config.groups) {
    if (has_hellos(group)) check_needs(config, group, report);
  }
  for (const Node& node : config.other_nodes) {
    check_room(config, node, report);
    check_peer_port(node, report);
  }
}

}  // namespace carpool::config
