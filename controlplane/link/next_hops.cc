#include "controlplane/link/next_hops.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include <linux/neighbour.h>

#include "dataplane/abi/limits.h"

namespace carpool::link {
namespace {

// Nothing needs to be asked about these.
bool is_confirmed(const Neighbour& neighbour) {
  return neighbour.usable() && (neighbour.state & (NUD_REACHABLE | NUD_PERMANENT)) != 0;
}

}  // namespace

std::vector<RegionPort> region_ports(const abi::RegionHeader& header, const NetworkState& network) {
  std::vector<RegionPort> ports;
  const auto count = std::min(header.port_count, abi::kMaxPorts);
  for (const abi::PortInfo& port : std::span(header.ports).first(count)) {
    const Link* link = network.find_link(port.device.view());
    ports.push_back(
        {.name = std::string(port.name.view()), .link = link ? link->index : 0, .mac = port.mac});
  }
  return ports;
}

void NextHops::set_servers(std::vector<Ipv4Address> servers) {
  servers_ = std::move(servers);
  routed_ = false;
}

void NextHops::set_ports(std::vector<RegionPort> ports) {
  if (ports == ports_) return;
  ports_ = std::move(ports);
  routed_ = false;
}

void NextHops::adopt(abi::ImageView image) {
  for (const abi::ImageNextHop& hop : image.next_hops()) {
    if (hop.neighbour.is_unspecified() || hop.resolved == 0) continue;
    const PortNeighbour key{hop.port, hop.neighbour};
    tracked_.try_emplace(key);
    reachability_.neighbours.try_emplace(key, hop.destination);
  }
}

NextHops::Step NextHops::step(const NetworkState& network, Instant now) {
  Step step;
  step.next = now + kRefresh;
  if (topology_changed(network) || !routed_) step.changed = route_servers(network);

  for (auto at = tracked_.begin(); at != tracked_.end();) {
    auto& [key, tracked] = *at;
    if (tracked.wanted) {
      tracked.unwanted_since.reset();
    } else if (!tracked.unwanted_since) {
      tracked.unwanted_since = now;
    } else if (now - *tracked.unwanted_since >= kLinger) {
      reachability_.neighbours.erase(key);
      at = tracked_.erase(at);
      continue;
    }
    const int link = key.port < ports_.size() ? ports_[key.port].link : 0;
    if (link != 0) {
      const auto known = network.neighbours.find({link, key.address});
      step.changed |= follow(
          key, tracked, known == network.neighbours.end() ? nullptr : &known->second, step, now);
    }
    ++at;
  }
  return step;
}

// Everything but neighbours, which change all the time.
bool NextHops::topology_changed(const NetworkState& network) {
  if (topology_.routes == network.routes && topology_.addresses == network.addresses &&
      topology_.links == network.links) {
    return false;
  }
  topology_.routes = network.routes;
  topology_.addresses = network.addresses;
  topology_.links = network.links;
  return true;
}

// Returns whether a server is reached another way than before.
bool NextHops::route_servers(const NetworkState& network) {
  routed_ = true;
  for (auto& [key, tracked] : tracked_)
    tracked.wanted = false;
  decltype(reachability_.servers) servers;
  for (const Ipv4Address server : servers_) {
    const auto [at, is_new] = servers.try_emplace(server);
    if (!is_new) continue;
    at->second = reach(network, server);
    if (at->second.way == Way::port)
      tracked_[{at->second.port, at->second.neighbour}].wanted = true;
  }
  if (servers == reachability_.servers) return false;
  reachability_.servers = std::move(servers);
  return true;
}

Reach NextHops::reach(const NetworkState& network, Ipv4Address server) const {
  if (network.is_own(server)) return {.way = Way::own_address, .neighbour = {}, .interface = {}};
  const auto hop = next_hop(network, server);
  if (!hop) return {.way = Way::none, .neighbour = {}, .interface = {}};
  const auto port = std::ranges::find(ports_, hop->link, &RegionPort::link);
  if (port == ports_.end()) {
    const auto link = network.links.find(hop->link);
    return {.way = Way::other_network,
            .neighbour = hop->address,
            .interface = link == network.links.end() ? "?" : link->second.name};
  }
  return {.way = Way::port,
          .port = static_cast<std::uint8_t>(port - ports_.begin()),
          .neighbour = hop->address,
          .interface = {}};
}

// Takes over what the kernel knows and asks where it should know better. Returns whether the
// link-layer address is a new one. One that the kernel has forgotten or failed to confirm stays:
// whether the server still answers is for health checks to say.
bool NextHops::follow(const PortNeighbour& key, Tracked& tracked, const Neighbour* known,
                      Step& step, Instant now) {
  bool changed = false;
  const bool usable = known != nullptr && known->usable();
  if (usable) {
    const auto [at, is_new] = reachability_.neighbours.try_emplace(key, known->mac);
    changed = is_new || std::exchange(at->second, known->mac) != known->mac;
    tracked.retry = kFirstRetry;
  }
  const bool lost = std::exchange(tracked.usable, usable) && !usable;
  if (lost) tracked.next_request = now;
  if (known != nullptr && is_confirmed(*known)) return changed;

  if (now >= tracked.next_request) {
    if (step.requests.size() == kMaxRequestsPerStep) {
      step.next = std::min(step.next, now + kPace);
      return changed;
    }
    step.requests.push_back({ports_[key.port].link, key.address});
    tracked.next_request = now + (usable ? kRefresh : tracked.retry);
    if (!usable) tracked.retry = std::min(2 * tracked.retry, kLastRetry);
  }
  step.next = std::min(step.next, tracked.next_request);
  return changed;
}

}  // namespace carpool::link
