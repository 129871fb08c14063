// CARP messages in Ethernet frames of IPv4, as they go to a port and come from it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>

#include "controlplane/redundancy/carp_wire.h"
#include "dataplane/net/address.h"
#include "dataplane/net/headers.h"

namespace carpool {

inline constexpr Ipv4Address kCarpMulticast = Ipv4Address::of(224, 0, 0, 18);
inline constexpr MacAddress kCarpMulticastMac{{0x01, 0x00, 0x5e, 0x00, 0x00, 0x12}};
inline constexpr std::uint8_t kCarpTtl = 255;

using CarpFrame =
    std::array<std::uint8_t, sizeof(EthernetHeader) + sizeof(Ipv4Header) + kCarpMessageBytes>;
static_assert(sizeof(CarpFrame) == 70);

// What stands before a message of protocol 112, of CARP and VRRP alike.
using AdvertHeaders = std::array<std::uint8_t, sizeof(EthernetHeader) + sizeof(Ipv4Header)>;
[[nodiscard]] AdvertHeaders build_advert_headers(const MacAddress& source_mac, Ipv4Address source,
                                                 const MacAddress& destination_mac,
                                                 Ipv4Address destination,
                                                 std::size_t message_bytes);

[[nodiscard]] CarpFrame build_carp_frame(const MacAddress& source_mac, Ipv4Address source,
                                         const CarpMessage& message);

// For networks without multicast (FreeBSD 14's `peer`).
[[nodiscard]] CarpFrame build_carp_unicast_frame(const MacAddress& source_mac, Ipv4Address source,
                                                 const MacAddress& destination_mac,
                                                 Ipv4Address destination,
                                                 const CarpMessage& message);

struct ParsedCarpFrame {
  MacAddress source_mac;
  Ipv4Address source;
  Ipv4Address destination;
  std::uint8_t ttl = 0;
  std::span<const std::uint8_t> message;  // the IP payload, within the frame
};

// Untagged Ethernet; IP options are skipped. A multicast frame must not have crossed a router, so
// its TTL must be 255; that of a unicast one is left to the digest.
[[nodiscard]] std::expected<ParsedCarpFrame, CarpWireError> parse_carp_frame(
    std::span<const std::uint8_t> frame);

}  // namespace carpool
