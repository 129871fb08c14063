#include "controlplane/redundancy/vrrp_frame.h"

#include <algorithm>
#include <iterator>

namespace carpool {

std::vector<std::uint8_t> build_vrrp_frame(const MacAddress& source_mac, Ipv4Address source,
                                           const VrrpAdvert& advert, VrrpChecksum form) {
  return build_vrrp_unicast_frame(source_mac, source, kCarpMulticastMac, kVrrpMulticast, advert,
                                  form);
}

std::vector<std::uint8_t> build_vrrp_unicast_frame(const MacAddress& source_mac, Ipv4Address source,
                                                   const MacAddress& destination_mac,
                                                   Ipv4Address destination,
                                                   const VrrpAdvert& advert, VrrpChecksum form) {
  const auto message = encode(advert, VrrpEnds<Ipv4Address>{source, destination}, form);
  const AdvertHeaders headers =
      build_advert_headers(source_mac, source, destination_mac, destination, message.size());
  std::vector<std::uint8_t> frame;
  frame.reserve(headers.size() + message.size());
  std::ranges::copy(headers, std::back_inserter(frame));
  std::ranges::copy(message, std::back_inserter(frame));
  return frame;
}

}  // namespace carpool
