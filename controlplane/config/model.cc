#include "controlplane/config/model.h"

#include <algorithm>

namespace carpool::config {
namespace {

template <class Item>
const Item* find_named(const std::vector<Item>& items, std::string_view name) {
  const auto found = std::ranges::find(items, name, &Item::name);
  return found == items.end() ? nullptr : &*found;
}

}  // namespace

std::string to_string(const Endpoint& endpoint) {
  return carpool::to_string(endpoint.address) + ":" + std::to_string(endpoint.port);
}

std::string_view to_string(PortKind kind) {
  switch (kind) {
    case PortKind::Xdp:
      return "xdp";
    case PortKind::Packet:
      return "packet";
    case PortKind::Memif:
      return "memif";
  }
  return "?";
}

std::string_view to_string(RedundancyProtocol protocol) {
  switch (protocol) {
    case RedundancyProtocol::Carp:
      return "carp";
    case RedundancyProtocol::Vrrp2:
      return "vrrp 2";
    case RedundancyProtocol::Vrrp3:
      return "vrrp 3";
  }
  return "?";
}

std::string_view to_string(IpProtocol protocol) {
  return protocol == IpProtocol::Udp ? "udp" : "tcp";
}

std::string_view to_string(Balance balance) {
  switch (balance) {
    case Balance::RoundRobin:
      return "roundrobin";
    case Balance::StaticRoundRobin:
      return "static-rr";
    case Balance::LeastConn:
      return "leastconn";
    case Balance::Source:
      return "source";
    case Balance::Random:
      return "random";
    case Balance::First:
      return "first";
  }
  return "?";
}

std::string_view to_string(Forwarding forwarding) {
  switch (forwarding) {
    case Forwarding::FullNat:
      return "fullnat";
    case Forwarding::Nat:
      return "nat";
    case Forwarding::Dsr:
      return "dsr";
    case Forwarding::TunnelIpip:
      return "tunnel";
    case Forwarding::TunnelGue:
      return "tunnel gue";
  }
  return "?";
}

bool begins_tls(const HealthCheck& check) {
  return std::visit(
      [](const auto& kind) {
        if constexpr (requires { kind.rules; }) {
          return begins_tls(kind.rules);
        } else if constexpr (requires { kind.tls; }) {
          return kind.tls;
        } else {
          return false;
        }
      },
      check);
}

const PortSpec* Node::find_port(std::string_view port) const {
  return find_named(ports, port);
}

const RedundancyGroup* Config::find_group(std::string_view name) const {
  return find_named(groups, name);
}
const Frontend* Config::find_frontend(std::string_view name) const {
  return find_named(frontends, name);
}
const Backend* Config::find_backend(std::string_view name) const {
  return find_named(backends, name);
}

}  // namespace carpool::config
