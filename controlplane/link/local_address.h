// Which address a server sees as its client's in fullnat. It has to move with the group, or
// connections would die with the node.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "dataplane/net/address.h"

namespace carpool::link {

// An address of one group, in the order of the configuration.
struct GroupAddress {
  Ipv4Prefix prefix;
  std::uint8_t port = 0;  // index of the port it lives on
};

// The group's own addresses go before floating ones, but an address out of the neighbour's own
// network before any other: that is the one that it surely finds its way back to. Only addresses
// on the port by which the server is reached.
[[nodiscard]] std::optional<Ipv4Address> choose_local_address(
    const std::vector<GroupAddress>& own, const std::vector<GroupAddress>& floating,
    std::uint8_t port, Ipv4Address neighbour);

}  // namespace carpool::link
