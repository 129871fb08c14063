#include "controlplane/redundancy/carp_frame.h"

#include <cstring>

#include "dataplane/net/checksum.h"

namespace carpool {
namespace {

constexpr std::uint8_t kDscpEcn = 56 << 2;  // CS7, network control: what FreeBSD sends

std::span<const std::uint8_t> bytes_of(const Ipv4Header& header) {
  return {reinterpret_cast<const std::uint8_t*>(&header), sizeof header};
}

}  // namespace

AdvertHeaders build_advert_headers(const MacAddress& source_mac, Ipv4Address source,
                                   const MacAddress& destination_mac, Ipv4Address destination,
                                   std::size_t message_bytes) {
  const EthernetHeader ethernet{destination_mac, source_mac, kEtherTypeIpv4};
  Ipv4Header ip;
  ip.dscp_ecn = kDscpEcn;
  ip.total_length = be16(static_cast<std::uint16_t>(sizeof ip + message_bytes));
  ip.fragment = be16(kDontFragment);  // hence an id of zero will do (RFC 6864, 4.1)
  ip.ttl = kCarpTtl;
  ip.protocol = kProtocolCarp;
  ip.source = source;
  ip.destination = destination;
  ip.checksum = internet_checksum(bytes_of(ip));

  AdvertHeaders headers;
  std::memcpy(headers.data(), &ethernet, sizeof ethernet);
  std::memcpy(headers.data() + sizeof ethernet, &ip, sizeof ip);
  return headers;
}

CarpFrame build_carp_frame(const MacAddress& source_mac, Ipv4Address source,
                           const CarpMessage& message) {
  return build_carp_unicast_frame(source_mac, source, kCarpMulticastMac, kCarpMulticast, message);
}

CarpFrame build_carp_unicast_frame(const MacAddress& source_mac, Ipv4Address source,
                                   const MacAddress& destination_mac, Ipv4Address destination,
                                   const CarpMessage& message) {
  const AdvertHeaders headers =
      build_advert_headers(source_mac, source, destination_mac, destination, message.size());
  CarpFrame frame;
  std::memcpy(frame.data(), headers.data(), headers.size());
  std::memcpy(frame.data() + headers.size(), message.data(), message.size());
  return frame;
}

std::expected<ParsedCarpFrame, CarpWireError> parse_carp_frame(
    std::span<const std::uint8_t> frame) {
  EthernetHeader ethernet;
  Ipv4Header ip;
  if (frame.size() < sizeof ethernet) return std::unexpected(CarpWireError::kFrameTooShort);
  std::memcpy(&ethernet, frame.data(), sizeof ethernet);
  if (ethernet.type != kEtherTypeIpv4) return std::unexpected(CarpWireError::kNotIpv4);

  const auto packet = frame.subspan(sizeof ethernet);
  if (packet.size() < sizeof ip) return std::unexpected(CarpWireError::kFrameTooShort);
  std::memcpy(&ip, packet.data(), sizeof ip);
  const std::size_t header_bytes = ip.header_bytes();
  const std::size_t total_bytes = ip.total_length.host();
  if (ip.version() != 4 || header_bytes < sizeof ip || header_bytes > total_bytes) {
    return std::unexpected(CarpWireError::kIpHeader);
  }
  if (total_bytes > packet.size()) return std::unexpected(CarpWireError::kIpLength);
  if (fold_checksum(sum_words(packet.first(header_bytes))) != 0xffff) {
    return std::unexpected(CarpWireError::kIpChecksum);
  }
  if (ip.protocol != kProtocolCarp) return std::unexpected(CarpWireError::kNotCarp);
  if (ip.is_fragment()) return std::unexpected(CarpWireError::kFragment);
  if (ip.destination.is_multicast() && ip.ttl != kCarpTtl) {
    return std::unexpected(CarpWireError::kTtl);
  }
  // What follows the IP packet is the padding of a short frame.
  return ParsedCarpFrame{ethernet.source, ip.source, ip.destination, ip.ttl,
                         packet.subspan(header_bytes, total_bytes - header_bytes)};
}

}  // namespace carpool
