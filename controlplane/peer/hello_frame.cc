#include "controlplane/peer/hello_frame.h"

#include <cstring>

#include "dataplane/net/checksum.h"

namespace carpool::hello {
namespace {

constexpr MacAddress kMulticastMac{{0x01, 0x00, 0x5e, 0x00, 0x00, 0x12}};  // of kHelloAddress
constexpr std::uint8_t kDscpEcn = 48 << 2;  // CS6: network control, as routing protocols
constexpr be16 kDontFragment{0x4000};
constexpr std::uint8_t kTtl = 255;  // a router would lower it, so whoever sent it is on the network

template <class Header>
std::span<const std::uint8_t> bytes_of(const Header& header) {
  return {reinterpret_cast<const std::uint8_t*>(&header), sizeof header};
}

}  // namespace

std::vector<std::uint8_t> build_frame(const MacAddress& source_mac, Ipv4Address source,
                                      std::span<const std::uint8_t> message) {
  const EthernetHeader ethernet{kMulticastMac, source_mac, kEtherTypeIpv4};
  const auto udp_bytes = static_cast<std::uint16_t>(sizeof(UdpHeader) + message.size());
  Ipv4Header ip;
  ip.dscp_ecn = kDscpEcn;
  ip.total_length = be16(static_cast<std::uint16_t>(sizeof ip + udp_bytes));
  ip.fragment = kDontFragment;
  ip.ttl = kTtl;
  ip.protocol = kProtocolUdp;
  ip.source = source;
  ip.destination = kHelloAddress;
  ip.checksum = internet_checksum(bytes_of(ip));
  UdpHeader udp{kHelloPort, kHelloPort, be16(udp_bytes), be16()};

  std::vector<std::uint8_t> frame(kFrameHeaderBytes + message.size());
  std::memcpy(frame.data(), &ethernet, sizeof ethernet);
  std::memcpy(frame.data() + sizeof ethernet, &ip, sizeof ip);
  const auto segment = std::span(frame).subspan(sizeof ethernet + sizeof ip);
  std::memcpy(segment.data(), &udp, sizeof udp);
  std::memcpy(segment.data() + sizeof udp, message.data(), message.size());
  udp.checksum = transport_checksum(source, kHelloAddress, kProtocolUdp, segment);
  std::memcpy(segment.data(), &udp, sizeof udp);
  return frame;
}

// The checksum of UDP is left out: the tag says more.
std::optional<ParsedFrame> parse_frame(std::span<const std::uint8_t> frame) {
  if (frame.size() < kFrameHeaderBytes) return std::nullopt;
  EthernetHeader ethernet;
  Ipv4Header ip;
  UdpHeader udp;
  std::memcpy(&ethernet, frame.data(), sizeof ethernet);
  const auto packet = frame.subspan(sizeof ethernet);
  std::memcpy(&ip, packet.data(), sizeof ip);
  if (ethernet.type != kEtherTypeIpv4 || ip.version() != 4 || ip.header_bytes() != sizeof ip ||
      ip.protocol != kProtocolUdp || ip.is_fragment() || ip.destination != kHelloAddress ||
      ip.ttl != kTtl || fold_checksum(sum_words(packet.first(sizeof ip))) != 0xffff) {
    return std::nullopt;
  }
  const auto segment = packet.subspan(sizeof ip);
  std::memcpy(&udp, segment.data(), sizeof udp);
  const std::size_t length = udp.length.host();
  if (udp.destination_port != kHelloPort || length < sizeof udp || length > segment.size() ||
      ip.total_length.host() != sizeof ip + length) {
    return std::nullopt;
  }
  return ParsedFrame{ip.source, segment.subspan(sizeof udp, length - sizeof udp)};
}

}  // namespace carpool::hello
