// Gratuitous ARP (RFC 5227, 3): tells neighbours, and the switches on the way to them, where an
// address is now.
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/net/address.h"

namespace carpool {

// Padded to the shortest Ethernet frame, since not every driver pads.
using ArpFrame = std::array<std::uint8_t, 60>;

enum class GratuitousArp : std::uint8_t {
  kRequest,  // what most stacks send, and what all neighbours must learn from (RFC 5944, 4.6)
  kReply,    // for the few that learn from replies only
};

// A broadcast from `mac`: sender and target address are both `ip`.
[[nodiscard]] ArpFrame build_gratuitous_arp(const MacAddress& mac, Ipv4Address ip,
                                            GratuitousArp form = GratuitousArp::kRequest);

}  // namespace carpool
