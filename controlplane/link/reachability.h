// Which way each server is reached, as the image builder needs it: a value that next_hops.h works
// out from the kernel's routes and neighbours.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>

#include "dataplane/net/address.h"

namespace carpool::link {

// A port of the data plane. Its place in a list of these is its index in the region.
struct RegionPort {
  std::string name;  // as configured: "lan"
  int link = 0;      // index of the kernel's interface; 0: none
  MacAddress mac;

  friend bool operator==(const RegionPort&, const RegionPort&) = default;
};

enum class Way : std::uint8_t {
  none,           // no route
  own_address,    // of this machine
  other_network,  // by an interface that is not a port of the data plane
  port,
};

struct Reach {
  Way way = Way::none;
  std::uint8_t port = 0;  // index in the region
  Ipv4Address neighbour;  // the gateway, or the server itself
  std::string interface;  // of other_network

  friend bool operator==(const Reach&, const Reach&) = default;
};

struct PortNeighbour {
  std::uint8_t port = 0;
  Ipv4Address address;

  friend bool operator==(const PortNeighbour&, const PortNeighbour&) = default;
};

struct Ipv4Hash {
  std::size_t operator()(Ipv4Address address) const {
    return std::hash<std::uint32_t>{}(address.value.raw());
  }
};
struct PortNeighbourHash {
  std::size_t operator()(const PortNeighbour& neighbour) const {
    return std::hash<std::uint64_t>{}(std::uint64_t{neighbour.address.value.raw()} << 8 |
                                      neighbour.port);
  }
};

struct Reachability {
  std::unordered_map<Ipv4Address, Reach, Ipv4Hash> servers;
  // Link-layer addresses: of the neighbours above, where they are known, and of neighbours that
  // connections from before may still use.
  std::unordered_map<PortNeighbour, MacAddress, PortNeighbourHash> neighbours;

  friend bool operator==(const Reachability&, const Reachability&) = default;
};

}  // namespace carpool::link
