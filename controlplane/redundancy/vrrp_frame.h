// VRRP messages in Ethernet frames of IPv4, as they go to a port and come from it. CARP took over
// VRRP's number, multicast address and TTL, so its frames are parsed by carp_frame.h.
#pragma once

#include <cstdint>
#include <vector>

#include "controlplane/redundancy/carp_frame.h"
#include "controlplane/redundancy/vrrp_wire.h"
#include "dataplane/net/address.h"

namespace carpool {

inline constexpr Ipv4Address kVrrpMulticast = kCarpMulticast;
inline constexpr std::uint8_t kVrrpTtl = 255;

// To all routers of the network.
[[nodiscard]] std::vector<std::uint8_t> build_vrrp_frame(const MacAddress& source_mac,
                                                         Ipv4Address source,
                                                         const VrrpAdvert& advert,
                                                         VrrpChecksum form);
// To one of them, for networks without multicast.
[[nodiscard]] std::vector<std::uint8_t> build_vrrp_unicast_frame(
    const MacAddress& source_mac, Ipv4Address source, const MacAddress& destination_mac,
    Ipv4Address destination, const VrrpAdvert& advert, VrrpChecksum form);

}  // namespace carpool
