#include "controlplane/config/checks.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <unordered_map>

#include <fmt/format.h>

#include "controlplane/config/check_forwarding.h"
#include "controlplane/config/check_hello.h"
#include "controlplane/config/names.h"
#include "controlplane/config/suggest.h"
#include "controlplane/config/values.h"

namespace carpool::config {
namespace {

// --------------------------------------------------------------------------------- nodes, ports

std::vector<std::string> port_names(const Node& node) {
  std::vector<std::string> names;
  for (const PortSpec& port : node.ports)
    names.push_back(port.name);
  return names;
}

void check_nodes(const Config& config, Report& report) {
  Names names("node");
  std::map<Endpoint, const Node*> peers;
  for (const Node& node : config.other_nodes) {
    names.claim(node.name, 0, node.origin, report);
    if (node.ports.empty() && !report.has_errors(node.origin)) {
      report.error(node.origin, fmt::format("node '{}' has no 'port'", node.name),
                   "write one, as in 'port wan xdp eth1'");
    }
    if (!node.peer) continue;
    const auto [same, fresh] = peers.emplace(*node.peer, &node);
    if (!fresh) {
      report.error(node.origin,
                   fmt::format("nodes '{}' and '{}' have the same 'peer' {}: it is each node's own "
                               "end of the channel between them",
                               same->second->name, node.name, to_string(*node.peer)));
    }
  }
  if (peers.size() >= 2 && config.global.peer_keys.empty()) {
    report.warn(peers.begin()->second->origin,
                "the nodes have a 'peer' each but no key in common: connections are not mirrored, "
                "and a takeover cuts them",
                "make a key with 'openssl rand -hex 32' and write 'peer-key 1 file PATH' into "
                "'global'");
  }
  if (config.other_nodes.size() <= kMaxNodes) return;
  report.error(config.other_nodes[kMaxNodes].origin, fmt::format("more than {} nodes", kMaxNodes));
}

// The same files are used on all nodes, so each of them must have the port.
void check_port_exists(const Config& config, const std::string& port, Origin at, Report& report) {
  for (const Node& node : config.other_nodes) {
    if (node.ports.empty() || node.find_port(port) != nullptr) continue;
    const auto names = port_names(node);
    report.error(at, fmt::format("node '{}' has no port '{}'", node.name, port),
                 did_you_mean(port, names, "its ports: " + list_names(names)));
  }
}

// ------------------------------------------------------------------------------------ addresses

std::optional<std::string> why_not_on_a_network(Ipv4Prefix prefix) {
  if (prefix.length >= 31) return std::nullopt;
  const std::uint32_t host = prefix.address.value.host() & ~prefix.mask();
  const auto is = [&](const char* what) {
    return fmt::format("{} is the {} of its network", carpool::to_string(prefix), what);
  };
  if (host == 0) return is("number");
  if (host == ~prefix.mask()) return is("broadcast address");
  return std::nullopt;
}

struct PlacedPrefix {
  const RedundancyGroup* group;
  const VirtualAddress* address;

  [[nodiscard]] std::uint32_t first() const {
    return address->prefix.address.value.host() & address->prefix.mask();
  }
};

// Two networks that overlap on different ports: it would not be known where a host is. Sorted by
// where they begin, networks nest, so the open ones form a stack.
void check_overlapping_networks(std::vector<PlacedPrefix> prefixes, Report& report) {
  std::erase_if(prefixes, [](const PlacedPrefix& p) { return p.address->prefix.length == 32; });
  std::ranges::sort(prefixes, {}, [](const PlacedPrefix& p) {
    return std::tuple(p.first(), p.address->prefix.length, p.address->origin.line);
  });
  std::vector<PlacedPrefix> open;
  for (const PlacedPrefix& prefix : prefixes) {
    while (!open.empty() && !open.back().address->prefix.contains(prefix.address->prefix.address)) {
      open.pop_back();
    }
    if (!open.empty() && open.back().address->port != prefix.address->port) {
      report.warn(
          prefix.address->origin,
          fmt::format("{} on port '{}' overlaps {} on port '{}'",
                      carpool::to_string(prefix.address->prefix), prefix.address->port,
                      carpool::to_string(open.back().address->prefix), open.back().address->port),
          "a network lies behind one port");
    }
    open.push_back(prefix);
  }
}

void check_addresses(const Config& config, Report& report) {
  std::unordered_map<std::uint32_t, PlacedPrefix> taken;
  std::vector<PlacedPrefix> all;
  for (const RedundancyGroup& group : config.groups) {
    for (const auto* addresses : {&group.addresses, &group.floating}) {
      for (const VirtualAddress& address : *addresses) {
        const PlacedPrefix placed{&group, &address};
        all.push_back(placed);
        const Ipv4Address ip = address.prefix.address;
        const auto reason =
            why_not_a_host(ip).or_else([&] { return why_not_on_a_network(address.prefix); });
        if (reason) report.error(address.origin, *reason);
        const auto [first, fresh] = taken.emplace(ip.value.host(), placed);
        if (!fresh) {
          report.error(address.origin,
                       fmt::format("{} is an address of group '{}' already", carpool::to_string(ip),
                                   first->second.group->name),
                       "first at " + report.describe(first->second.address->origin));
        }
        check_port_exists(config, address.port, address.origin, report);
      }
    }
  }
  check_overlapping_networks(std::move(all), report);
}

// ----------------------------------------------------------------------------------- redundancy

std::string_view id_word(const RedundancyGroup& group) {
  return group.is_vrrp() ? "vrid" : "vhid";
}

void check_group(const Config& config, const RedundancyGroup& group, Report& report) {
  const auto missing = [&](std::string_view what, std::string hint) {
    if (report.has_errors(group.origin)) return;
    report.error(group.origin, fmt::format("redundancy '{}' has no {}", group.name, what),
                 std::move(hint));
  };
  const std::string_view id = id_word(group);
  if (group.vhid == 0) {
    missing(fmt::format("'{}'", id),
            fmt::format("write '{} NUMBER', from 1 to 255, alike on all nodes", id));
  }
  if (group.addresses.empty()) missing("'address'", "write one, as in 'address 192.0.2.10/24'");
  if (group.port.empty()) {
    missing("'port'", "write 'port NAME' with the name of a port of the nodes");
  } else {
    check_port_exists(config, group.port, group.origin, report);
  }
  if (group.password.empty() && !group.is_vrrp() && !report.has_errors(group.origin)) {
    report.warn(group.origin,
                fmt::format("redundancy '{}' has no 'pass': whoever is on the network can take its "
                            "addresses",
                            group.name),
                "write 'pass PASSWORD', alike on all nodes");
  }
  if (group.addresses.size() + group.floating.size() > kMaxAddressesPerGroup) {
    report.error(group.origin, fmt::format("redundancy '{}' has more than {} addresses", group.name,
                                           kMaxAddressesPerGroup));
  }
  for (const TrackPort& track : group.track_ports)
    check_port_exists(config, track.port, track.origin, report);
  for (const TrackBackend& track : group.tracks) {
    if (track.backend_index >= config.backends.size()) continue;
    const Backend& backend = config.backends[track.backend_index];
    const bool enough = track.at_least <= backend.servers.size();
    if (backend.name != track.backend || enough || report.has_errors(backend.origin)) continue;
    report.error(track.origin,
                 fmt::format("'track backend {} at-least {}' can never hold: it has {} servers",
                             track.backend, track.at_least, backend.servers.size()));
  }
}

// CARP and VRRP make the same virtual MAC of an id.
void check_ids(const Config& config, Report& report) {
  std::map<std::pair<std::string, std::uint8_t>, const RedundancyGroup*> taken;
  for (const RedundancyGroup& group : config.groups) {
    if (group.vhid == 0 || group.port.empty()) continue;
    const auto [first, fresh] = taken.emplace(std::pair(group.port, group.vhid), &group);
    if (fresh) continue;
    report.error(group.origin,
                 fmt::format("{} {} on port '{}' is that of redundancy '{}' already",
                             id_word(group), group.vhid, group.port, first->second->name),
                 "first at " + report.describe(first->second->origin));
  }
}

// What a node says about its rank, and the group's own where it says nothing.
struct Rank {
  const RedundancyGroup& group;
  const NodeRedundancy* part;  // none: the node does not rank itself

  [[nodiscard]] unsigned advbase() const {
    return part == nullptr ? group.advbase : part->advbase.value_or(group.advbase);
  }
  [[nodiscard]] unsigned advskew() const {
    return part == nullptr ? group.advskew : part->advskew.value_or(group.advskew);
  }
  [[nodiscard]] unsigned priority() const {
    return part == nullptr ? group.vrrp.priority : part->priority.value_or(group.vrrp.priority);
  }
  // Equal if both are equally entitled to lead.
  [[nodiscard]] std::pair<unsigned, unsigned> order() const {
    return group.is_vrrp() ? std::pair(0u, priority()) : std::pair(advbase(), advskew());
  }
  [[nodiscard]] std::string text() const {
    return group.is_vrrp() ? fmt::format("priority {}", priority())
                           : fmt::format("advskew {}", advskew());
  }
};

Rank rank_of(const RedundancyGroup& group, const Node& node) {
  const auto part = std::ranges::find(node.redundancy, group.name, &NodeRedundancy::group);
  return {group, part == node.redundancy.end() ? nullptr : &*part};
}

// Which node leads a group: the one that advertises most often, or has the highest priority.
void check_ranks(const Config& config, const RedundancyGroup& group, Report& report) {
  const std::string_view word = group.is_vrrp() ? "priority" : "advskew";
  const std::string_view leader = group.is_vrrp() ? "highest" : "lowest";
  std::map<std::pair<unsigned, unsigned>, const Node*> ranks;
  for (const Node& node : config.other_nodes) {
    const Rank rank = rank_of(group, node);
    if (rank.part == nullptr) {
      report.warn(
          node.origin,
          fmt::format("node '{}' does not rank itself in redundancy '{}': it has the group's {}",
                      node.name, group.name, rank.text()),
          fmt::format("write 'redundancy {} {} NUMBER'; the {} leads", group.name, word, leader));
      continue;
    }
    const auto [same, fresh] = ranks.emplace(rank.order(), &node);
    if (fresh) continue;
    report.warn(
        rank.part->origin,
        fmt::format("nodes '{}' and '{}' have the same {} in redundancy '{}': which one leads is "
                    "left to chance",
                    same->second->name, node.name, rank.text(), group.name),
        fmt::format("give the one that should lead the {} one",
                    group.is_vrrp() ? "higher" : "lower"));
  }
}

// A rank is in the words of the group's protocol.
void check_rank_words(const Config& config, const RedundancyGroup& group, Report& report) {
  for (const Node& node : config.other_nodes) {
    const NodeRedundancy* part = rank_of(group, node).part;
    if (part == nullptr) continue;
    const bool carp_words = part->advskew || part->advbase;
    const bool foreign = group.is_vrrp() ? carp_words : part->priority.has_value();
    if (!foreign) continue;
    report.error(
        part->origin,
        fmt::format("redundancy '{}' speaks {}, where a node ranks itself by {}", group.name,
                    to_string(group.protocol), group.is_vrrp() ? "'priority'" : "'advskew'"),
        group.is_vrrp() ? "write 'priority NUMBER'; the highest leads"
                        : "write 'advskew NUMBER'; the lowest leads");
  }
}

// How long after the death of a node's control plane its peers may take over at the earliest. A
// peer waits for three intervals after the last advert (and its own skew), and that advert may have
// left a whole interval before the death.
std::chrono::milliseconds earliest_takeover(const Rank& rank) {
  using std::chrono::milliseconds;
  if (rank.group.is_vrrp()) {
    return std::chrono::duration_cast<milliseconds>(2 * rank.group.vrrp.interval);
  }
  return milliseconds(2000u * rank.advbase() - 1000u * rank.advskew() / 256);
}

// A node whose control plane dies is silent at once, but claims its addresses until the fence.
void check_fence(const Config& config, const RedundancyGroup& group, Report& report) {
  for (const Node& node : config.other_nodes) {
    const auto limit = earliest_takeover(rank_of(group, node));
    if (node.fence <= limit) continue;
    const auto fence = std::chrono::duration_cast<std::chrono::milliseconds>(node.fence);
    report.warn(
        node.origin,
        fmt::format("node '{}' claims the addresses of redundancy '{}' for a fence of {} ms "
                    "after its control plane's death, but a peer takes over after {} ms "
                    "already: for a while both would answer",
                    node.name, group.name, fence.count(), limit.count()),
        fmt::format("write 'fence {}ms' or less into the node", limit.count()));
  }
}

void check_redundancy(const Config& config, Report& report) {
  Names names("redundancy");
  for (std::size_t i = 0; i < config.groups.size(); ++i) {
    names.claim(config.groups[i].name, i, config.groups[i].origin, report);
    check_group(config, config.groups[i], report);
    check_rank_words(config, config.groups[i], report);
    if (config.other_nodes.size() < 2) continue;
    check_ranks(config, config.groups[i], report);
    check_fence(config, config.groups[i], report);
  }
  check_ids(config, report);
  std::vector<std::string> group_names;
  for (const RedundancyGroup& group : config.groups)
    group_names.push_back(group.name);
  for (const Node& node : config.other_nodes) {
    for (const NodeRedundancy& part : node.redundancy) {
      if (names.find(part.group)) continue;
      report.error(part.origin, fmt::format("there is no redundancy '{}'", part.group),
                   did_you_mean(part.group, group_names, "known: " + list_names(group_names)));
    }
  }
  std::size_t scripts = 0;
  for (const RedundancyGroup& group : config.groups)
    scripts += group.track_scripts.size();
  if (scripts > kMaxScripts) {
    report.error(
        {}, fmt::format("{} scripts are tracked, and there is room for {}", scripts, kMaxScripts));
  }
  if (config.groups.size() > kMaxGroups) {
    report.error(config.groups[kMaxGroups].origin,
                 fmt::format("more than {} redundancy groups", kMaxGroups));
  }
}

// -------------------------------------------------------------------------------------- proxies

// No two frontends may want the same packets. Sorted, a range can only meet the one that reaches
// farthest before it.
void check_services(const Config& config, Report& report) {
  struct Service {
    const Frontend* frontend;
    const Bind* bind;
  };
  std::vector<Service> services;
  std::size_t count = 0;
  for (const Frontend& frontend : config.frontends) {
    if (frontend.binds.empty() && !report.has_errors(frontend.origin)) {
      report.warn(frontend.origin,
                  fmt::format("frontend '{}' has no 'bind': nothing reaches it", frontend.name));
    }
    for (const Bind& bind : frontend.binds) {
      count += bind.port_count();
      if (!frontend.disabled) services.push_back({&frontend, &bind});
    }
  }
  if (count > kMaxServices) {
    report.error({},
                 fmt::format("{} pairs of address and port are bound, and there is room for {}",
                             count, kMaxServices),
                 "bind fewer or shorter port ranges");
  }
  std::ranges::stable_sort(services, {}, [](const Service& s) {
    return std::tuple(s.frontend->protocol, s.bind->address, s.bind->port_first);
  });
  const Service* widest = nullptr;
  for (const Service& service : services) {
    const bool same_address = widest != nullptr &&
                              widest->frontend->protocol == service.frontend->protocol &&
                              widest->bind->address == service.bind->address;
    if (same_address && service.bind->port_first <= widest->bind->port_last) {
      const bool later = std::tie(service.bind->origin.file, service.bind->origin.line) >=
                         std::tie(widest->bind->origin.file, widest->bind->origin.line);
      const Service& second = later ? service : *widest;
      const Service& first = later ? *widest : service;
      report.error(second.bind->origin,
                   fmt::format("{} is bound by frontend '{}' already",
                               to_string(Endpoint{service.bind->address, service.bind->port_first}),
                               first.frontend->name),
                   "first at " + report.describe(first.bind->origin));
    }
    if (!same_address || service.bind->port_last > widest->bind->port_last) widest = &service;
  }
}

void check_backends(const Config& config, Report& report) {
  std::size_t servers = 0;
  for (const Backend& backend : config.backends) {
    servers += backend.servers.size();
    if (backend.servers.empty() && !report.has_errors(backend.origin)) {
      report.warn(backend.origin, fmt::format("backend '{}' has no servers", backend.name));
    }
    if (backend.servers.size() > kMaxServersPerBackend) {
      report.error(backend.origin,
                   fmt::format("backend '{}' has {} servers, and there is room for {}",
                               backend.name, backend.servers.size(), kMaxServersPerBackend));
    }
    if (backend.outliers && backend.servers.size() * backend.outliers->max_percent < 100) {
      report.warn(backend.origin,
                  fmt::format("'outlier-ejection max-percent {}' of the {} servers of backend '{}' "
                              "is less than one: none is ever ejected",
                              backend.outliers->max_percent, backend.servers.size(), backend.name),
                  "allow for one at least");
    }
    const auto unlimited = std::ranges::find(backend.servers, 0u, &Server::maxconn);
    if (backend.balance == Balance::First && unlimited != backend.servers.end()) {
      report.warn(unlimited->origin,
                  fmt::format("'balance first' never goes past server '{}', which has no 'maxconn'",
                              unlimited->name));
    }
  }
  if (servers > kMaxServers) {
    report.error({}, fmt::format("{} servers, and there is room for {}", servers, kMaxServers));
  }
  if (config.backends.size() > kMaxBackends) {
    report.error({}, fmt::format("{} backends, and there is room for {}", config.backends.size(),
                                 kMaxBackends));
  }
}

}  // namespace

void check(const Config& config, Report& report) {
  check_nodes(config, report);
  check_addresses(config, report);
  check_redundancy(config, report);
  check_fast_hello(config, report);
  check_services(config, report);
  check_backends(config, report);
  check_forwarding(config, report);
}

}  // namespace carpool::config
