#include "controlplane/runtime/network_state.h"

#include <algorithm>
#include <functional>
#include <tuple>

#include <linux/if.h>
#include <linux/neighbour.h>
#include <sys/socket.h>

#include "controlplane/runtime/netlink_message.h"

namespace carpool {
namespace {

using netlink::Bytes;
using netlink::Message;

// ----------------------------------------------------------------------------------------- links

std::optional<Link> parse_link(const ifinfomsg& body, Bytes attributes) {
  Link link{.index = body.ifi_index};
  link.enabled = (body.ifi_flags & IFF_UP) != 0;
  link.carrier = (body.ifi_flags & IFF_LOWER_UP) != 0;
  while (const auto attribute = netlink::take_attribute(attributes)) {
    switch (attribute->type) {
      case IFLA_IFNAME:
        link.name = attribute->text();
        break;
      case IFLA_ADDRESS:
        link.mac = attribute->as<MacAddress>().value_or(MacAddress{});
        break;
      case IFLA_MTU:
        link.mtu = attribute->as<std::uint32_t>().value_or(0);
        break;
      case IFLA_OPERSTATE: {
        const auto state = attribute->as<std::uint8_t>().value_or(0);
        link.operstate = state <= IF_OPER_UP ? static_cast<OperState>(state) : OperState::Unknown;
        break;
      }
    }
  }
  if (link.index <= 0 || link.name.empty()) return std::nullopt;
  return link;
}

// The kernel tells of most of these itself, but not in every case and not always first.
void forget_link(NetworkState& state, int index) {
  std::erase_if(state.addresses, [index](const auto& address) { return address.link == index; });
  std::erase_if(state.neighbours, [index](const auto& entry) { return entry.first.link == index; });
  for (auto& route : state.routes)
    std::erase_if(route.hops, [index](const RouteHop& hop) { return hop.link == index; });
  std::erase_if(state.routes, [](const Route& route) {
    return route.kind == RouteKind::Unicast && route.hops.empty();
  });
}

ApplyOutcome apply_link(NetworkState& state, const Message& message) {
  const auto parsed = netlink::parse_body<ifinfomsg>(message);
  // Bridges also report their ports, in messages of family AF_BRIDGE that lack half of it.
  if (!parsed || parsed->body.ifi_family != AF_UNSPEC) return {};
  if (message.header.nlmsg_type == RTM_DELLINK) {
    if (state.links.erase(parsed->body.ifi_index) == 0) return {};
    forget_link(state, parsed->body.ifi_index);
    return {.changed = true, .routes_stale = true};
  }
  auto link = parse_link(parsed->body, parsed->attributes);
  if (!link) return {};
  auto& known = state.links[link->index];
  if (known == *link) return {};
  const bool lost_routes = known.enabled && !link->enabled;
  known = *std::move(link);
  return {.changed = true, .routes_stale = lost_routes};
}

// ------------------------------------------------------------------------------------- addresses

ApplyOutcome apply_address(NetworkState& state, const Message& message) {
  const auto parsed = netlink::parse_body<ifaddrmsg>(message);
  if (!parsed || parsed->body.ifa_family != AF_INET || parsed->body.ifa_prefixlen > 32) return {};
  std::optional<Ipv4Address> local, peer;
  auto attributes = parsed->attributes;
  while (const auto attribute = netlink::take_attribute(attributes)) {
    // On a point-to-point link IFA_ADDRESS is the other end's; elsewhere both are the same.
    if (attribute->type == IFA_LOCAL) local = attribute->as<Ipv4Address>();
    if (attribute->type == IFA_ADDRESS) peer = attribute->as<Ipv4Address>();
  }
  if (!local) local = peer;
  if (!local) return {};
  const InterfaceAddress address{static_cast<int>(parsed->body.ifa_index),
                                 {*local, parsed->body.ifa_prefixlen}};
  if (message.header.nlmsg_type == RTM_DELADDR) {
    // Routes that prefer the address as their source go with it, silently.
    const bool removed = std::erase(state.addresses, address) > 0;
    return {.changed = removed, .routes_stale = removed};
  }
  if (std::ranges::find(state.addresses, address) != state.addresses.end()) return {};
  state.addresses.push_back(address);
  return {.changed = true};
}

// ---------------------------------------------------------------------------------------- routes

// RTA_MULTIPATH: structs rtnexthop, each with attributes of its own.
std::vector<RouteHop> parse_hops(Bytes bytes, bool& supported) {
  std::vector<RouteHop> hops;
  while (const auto next = netlink::read<rtnexthop>(bytes)) {
    if (next->rtnh_len < sizeof(rtnexthop) || next->rtnh_len > bytes.size()) break;
    RouteHop hop{.link = next->rtnh_ifindex};
    hop.dead = (next->rtnh_flags & RTNH_F_DEAD) != 0;
    auto attributes = bytes.first(next->rtnh_len).subspan(sizeof(rtnexthop));
    while (const auto attribute = netlink::take_attribute(attributes)) {
      if (attribute->type == RTA_GATEWAY) hop.gateway = attribute->as<Ipv4Address>();
      if (attribute->type == RTA_VIA) supported = false;
    }
    hops.push_back(hop);
    bytes = bytes.subspan(std::min(netlink::padded(next->rtnh_len), bytes.size()));
  }
  return hops;
}

RouteKind route_kind(std::uint8_t type) {
  switch (type) {
    case RTN_UNICAST:
      return RouteKind::Unicast;
    case RTN_BLACKHOLE:
    case RTN_UNREACHABLE:
    case RTN_PROHIBIT:
      return RouteKind::Reject;
    default:
      return RouteKind::Unsupported;
  }
}

// Nothing for routes of other families and tables.
std::optional<Route> parse_route(const rtmsg& body, Bytes attributes) {
  if (body.rtm_family != AF_INET || body.rtm_dst_len > 32) return std::nullopt;
  if ((body.rtm_flags & RTM_F_CLONED) != 0) return std::nullopt;  // an entry of the route cache
  Route route{.destination = {{}, body.rtm_dst_len}, .kind = route_kind(body.rtm_type)};
  std::uint32_t table = body.rtm_table;
  RouteHop hop{.dead = (body.rtm_flags & RTNH_F_DEAD) != 0};
  bool supported = body.rtm_tos == 0;  // one that holds for some types of service only
  while (const auto attribute = netlink::take_attribute(attributes)) {
    switch (attribute->type) {
      case RTA_TABLE:
        table = attribute->as<std::uint32_t>().value_or(table);
        break;
      case RTA_DST:
        route.destination.address = attribute->as<Ipv4Address>().value_or(Ipv4Address{});
        break;
      case RTA_PRIORITY:
        route.metric = attribute->as<std::uint32_t>().value_or(0);
        break;
      case RTA_OIF:
        hop.link = attribute->as<int>().value_or(0);
        break;
      case RTA_GATEWAY:
        hop.gateway = attribute->as<Ipv4Address>();
        break;
      case RTA_PREFSRC:
        route.preferred_source = attribute->as<Ipv4Address>();
        break;
      case RTA_MULTIPATH:
        route.hops = parse_hops(attribute->payload, supported);
        break;
      case RTA_VIA:
        supported = false;
        break;
    }
  }
  if (table != RT_TABLE_MAIN) return std::nullopt;
  if (!supported) route.kind = RouteKind::Unsupported;
  if (route.hops.empty() && hop.link > 0) route.hops.push_back(hop);
  return route;
}

// The order in which the kernel dumps a table, so that a dump of any size is appended to the end.
bool goes_before(const Route& a, const Route& b) {
  const auto key = [](const Route& route) {
    return std::tuple(route.destination.address, 32 - route.destination.length, route.metric);
  };
  return key(a) < key(b);
}

// Deletions tell of the hops as they were; whether they are dead may have changed since.
bool same_way(const Route& a, const Route& b) {
  return a.kind == b.kind &&
         std::ranges::equal(a.hops, b.hops, [](const RouteHop& x, const RouteHop& y) {
           return x.link == y.link && x.gateway == y.gateway;
         });
}

ApplyOutcome apply_route(NetworkState& state, const Message& message) {
  const auto parsed = netlink::parse_body<rtmsg>(message);
  if (!parsed) return {};
  auto route = parse_route(parsed->body, parsed->attributes);
  if (!route) return {};
  // Those of the same destination and metric, in the order of their arrival.
  const auto rivals = std::ranges::equal_range(state.routes, *route, goes_before);
  auto same = std::ranges::find_if(rivals, std::bind_front(same_way, std::cref(*route)));
  if (message.header.nlmsg_type == RTM_DELROUTE) {
    if (same == rivals.end()) return {};
    state.routes.erase(same);
    return {.changed = true};
  }
  // `ip route replace` is one message: the old route is not reported as deleted.
  const bool replaces = (message.header.nlmsg_flags & NLM_F_REPLACE) != 0;
  if (same == rivals.end() && replaces) same = rivals.begin();
  if (same == rivals.end()) {
    state.routes.insert(rivals.end(), *std::move(route));
    return {.changed = true};
  }
  const bool changed = *same != *route;
  *same = *std::move(route);
  return {.changed = changed};
}

// ------------------------------------------------------------------------------------ neighbours

ApplyOutcome apply_neighbour(NetworkState& state, const Message& message) {
  const auto parsed = netlink::parse_body<ndmsg>(message);
  if (!parsed || parsed->body.ndm_family != AF_INET) return {};
  std::optional<Ipv4Address> address;
  Neighbour neighbour{.state = parsed->body.ndm_state};
  auto attributes = parsed->attributes;
  while (const auto attribute = netlink::take_attribute(attributes)) {
    if (attribute->type == NDA_DST) address = attribute->as<Ipv4Address>();
    if (attribute->type == NDA_LLADDR) {
      neighbour.mac = attribute->as<MacAddress>().value_or(MacAddress{});
    }
  }
  if (!address) return {};
  const NeighbourKey key{parsed->body.ndm_ifindex, *address};
  if (message.header.nlmsg_type == RTM_DELNEIGH) {
    return {.changed = state.neighbours.erase(key) > 0};
  }
  const auto [at, inserted] = state.neighbours.try_emplace(key, neighbour);
  const bool changed = inserted || at->second != neighbour;
  at->second = neighbour;
  return {.changed = changed};
}

bool alive(const NetworkState& state, const RouteHop& hop) {
  const auto link = state.links.find(hop.link);
  return !hop.dead && link != state.links.end() && link->second.enabled;
}

}  // namespace

bool Neighbour::usable() const {
  constexpr unsigned kResolved = NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT;
  return (state & kResolved) != 0 && !mac.is_zero();
}

const Link* NetworkState::find_link(std::string_view name) const {
  const auto at =
      std::ranges::find_if(links, [name](const auto& entry) { return entry.second.name == name; });
  return at == links.end() ? nullptr : &at->second;
}

bool NetworkState::is_own(Ipv4Address address) const {
  return std::ranges::any_of(
      addresses, [address](const InterfaceAddress& own) { return own.prefix.address == address; });
}

ApplyOutcome apply_message(NetworkState& state, std::span<const std::uint8_t> bytes) {
  const auto message = netlink::parse_message(bytes);
  if (!message) return {};
  switch (message->header.nlmsg_type) {
    case RTM_NEWLINK:
    case RTM_DELLINK:
      return apply_link(state, *message);
    case RTM_NEWADDR:
    case RTM_DELADDR:
      return apply_address(state, *message);
    case RTM_NEWROUTE:
    case RTM_DELROUTE:
      return apply_route(state, *message);
    case RTM_NEWNEIGH:
    case RTM_DELNEIGH:
      return apply_neighbour(state, *message);
    default:
      return {};
  }
}

std::optional<NextHop> next_hop(const NetworkState& state, Ipv4Address destination) {
  if (state.is_own(destination)) return std::nullopt;
  const Route* best = nullptr;
  const RouteHop* best_hop = nullptr;
  for (const Route& route : state.routes) {
    if (!route.destination.contains(destination)) continue;
    const bool better =
        !best || route.destination.length > best->destination.length ||
        (route.destination.length == best->destination.length && route.metric < best->metric);
    if (!better) continue;
    const auto hop = std::ranges::find_if(
        route.hops, [&state](const RouteHop& candidate) { return alive(state, candidate); });
    // A route whose links are all down is passed over, as the kernel does.
    if (route.kind == RouteKind::Unicast && hop == route.hops.end()) continue;
    best = &route;
    best_hop = hop == route.hops.end() ? nullptr : &*hop;
  }
  if (!best || best->kind != RouteKind::Unicast) return std::nullopt;
  return NextHop{best_hop->link, best_hop->gateway.value_or(destination)};
}

}  // namespace carpool
