// What the kernel knows of the network: links, IPv4 addresses, routes of the main table and
// neighbours, as a value that rtnetlink messages are applied to. Pure: the socket is in netlink.h.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "dataplane/net/address.h"

namespace carpool {

// RFC 2863, as in /sys/class/net/*/operstate; the numbers are the kernel's IF_OPER_*.
enum class OperState : std::uint8_t {
  Unknown,
  NotPresent,
  Down,
  LowerLayerDown,
  Testing,
  Dormant,
  Up,
};

struct Link {
  int index = 0;
  std::string name{};
  MacAddress mac{};  // zero where the link has none of 6 bytes
  std::uint32_t mtu = 0;
  bool enabled = false;  // IFF_UP: an administrator wants it
  bool carrier = false;  // IFF_LOWER_UP: the cable is in
  OperState operstate = OperState::Unknown;

  friend bool operator==(const Link&, const Link&) = default;
};

struct InterfaceAddress {
  int link = 0;
  Ipv4Prefix prefix;  // the address with its host bits, and the length of its network

  friend bool operator==(const InterfaceAddress&, const InterfaceAddress&) = default;
};

struct RouteHop {
  int link = 0;                          // 0 where the route goes nowhere
  std::optional<Ipv4Address> gateway{};  // none: destinations are on the link
  bool dead = false;                     // RTNH_F_DEAD: its link is down

  friend bool operator==(const RouteHop&, const RouteHop&) = default;
};

enum class RouteKind : std::uint8_t {
  Unicast,
  Reject,       // blackhole, unreachable, prohibit: what matches is dropped
  Unsupported,  // an IPv4 route by an IPv6 gateway and the like: known, but not usable for us
};

struct Route {
  Ipv4Prefix destination;
  std::uint32_t metric = 0;
  RouteKind kind = RouteKind::Unicast;
  std::vector<RouteHop> hops{};                   // more than one: multipath
  std::optional<Ipv4Address> preferred_source{};  // of the kernel's own packets

  friend bool operator==(const Route&, const Route&) = default;
};

struct Neighbour {
  MacAddress mac{};         // zero while unresolved
  std::uint16_t state = 0;  // NUD_* bits

  friend bool operator==(const Neighbour&, const Neighbour&) = default;
  // The MAC may be used: resolved once, perhaps due for confirmation, not known to have failed.
  [[nodiscard]] bool usable() const;
};

struct NeighbourKey {
  int link = 0;
  Ipv4Address address;

  friend bool operator==(const NeighbourKey&, const NeighbourKey&) = default;
  friend auto operator<=>(const NeighbourKey&, const NeighbourKey&) = default;
};

struct NetworkState {
  std::map<int, Link> links;  // by index
  std::vector<InterfaceAddress> addresses;
  // Of the main table, by destination (longer prefixes first where that is equal) and metric.
  std::vector<Route> routes;
  std::map<NeighbourKey, Neighbour> neighbours;

  friend bool operator==(const NetworkState&, const NetworkState&) = default;
  [[nodiscard]] const Link* find_link(std::string_view name) const;
  [[nodiscard]] bool is_own(Ipv4Address address) const;
};

struct ApplyOutcome {
  bool changed = false;
  // The kernel removes routes silently when a link or an address goes: only a new dump tells which.
  bool routes_stale = false;
};

// Applies one rtnetlink message, header included: RTM_{NEW,DEL}{LINK,ADDR,ROUTE,NEIGH}. What is
// malformed, of another family or of another table changes nothing.
ApplyOutcome apply_message(NetworkState& state, std::span<const std::uint8_t> message);

struct NextHop {
  int link = 0;
  Ipv4Address address;  // the gateway, or the destination itself where it is on the link

  friend bool operator==(const NextHop&, const NextHop&) = default;
};

// Where packets to `destination` go: the longest prefix, then the lowest metric, then the earliest
// route, as the kernel does it. Nothing where no route or a rejecting one matches, and for the
// machine's own addresses. Of a multipath route always the first hop that is alive.
[[nodiscard]] std::optional<NextHop> next_hop(const NetworkState& state, Ipv4Address destination);

}  // namespace carpool
