// First stage: what kind of packet is this, and are its headers sound? Reads headers only, looks
// nothing up.
#pragma once

#include "dataplane/net/headers.h"
#include "dataplane/stage/batch.h"

namespace carpool::stage {

inline constexpr std::uint32_t kIpOffset = sizeof(EthernetHeader);

namespace detail {

inline Parsed stop(Verdict verdict) {
  Parsed parsed;
  parsed.verdict = verdict;
  return parsed;
}

inline Parsed of_kind(PacketKind kind, std::uint32_t l4_offset) {
  Parsed parsed;
  parsed.kind = kind;
  parsed.l4_offset = static_cast<std::uint8_t>(l4_offset);
  return parsed;
}

// SYN goes with neither FIN nor RST; nobody sends such a packet in good faith.
inline bool flags_make_sense(std::uint8_t flags) {
  return (flags & kTcpSyn) == 0 || (flags & (kTcpFin | kTcpRst)) == 0;
}

inline Parsed parse_tcp(const Packet& packet, const Ipv4Header& ip, std::uint32_t l4_offset,
                        std::uint32_t l4_bytes) {
  if (l4_bytes < sizeof(TcpHeader)) return stop(Verdict::tcp_malformed);
  const auto& tcp = *reinterpret_cast<const TcpHeader*>(packet.data + l4_offset);
  const std::uint32_t header = tcp.header_bytes();
  if (header < sizeof(TcpHeader) || header > l4_bytes || !flags_make_sense(tcp.flags)) {
    return stop(Verdict::tcp_malformed);
  }
  Parsed parsed = of_kind(PacketKind::flow, l4_offset);
  parsed.tcp_flags = tcp.flags;
  parsed.key = flow::FlowKey::of(ip.source, tcp.source_port, ip.destination, tcp.destination_port,
                                 kProtocolTcp);
  return parsed;
}

inline Parsed parse_udp(const Packet& packet, const Ipv4Header& ip, std::uint32_t l4_offset,
                        std::uint32_t l4_bytes) {
  if (l4_bytes < sizeof(UdpHeader)) return stop(Verdict::udp_malformed);
  const auto& udp = *reinterpret_cast<const UdpHeader*>(packet.data + l4_offset);
  const std::uint32_t length = udp.length.host();
  if (length < sizeof(UdpHeader) || length > l4_bytes) return stop(Verdict::udp_malformed);
  Parsed parsed = of_kind(PacketKind::flow, l4_offset);
  parsed.tcp_flags = kTcpSyn;  // any datagram may be the first of its flow
  parsed.key = flow::FlowKey::of(ip.source, udp.source_port, ip.destination, udp.destination_port,
                                 kProtocolUdp);
  return parsed;
}

inline Parsed parse_icmp(const Packet& packet, std::uint32_t l4_offset, std::uint32_t l4_bytes) {
  if (l4_bytes < sizeof(IcmpHeader)) return stop(Verdict::protocol_unsupported);
  const auto& icmp = *reinterpret_cast<const IcmpHeader*>(packet.data + l4_offset);
  const bool echo = icmp.type == kIcmpEchoRequest && icmp.code == 0;
  return echo ? of_kind(PacketKind::echo, l4_offset) : stop(Verdict::protocol_unsupported);
}

inline bool is_hello(const Packet& packet, const Ipv4Header& ip, std::uint32_t l4_offset,
                     std::uint32_t l4_bytes) {
  if (ip.protocol != kProtocolUdp || ip.destination != kHelloAddress) return false;
  if (l4_bytes < sizeof(UdpHeader)) return false;
  return reinterpret_cast<const UdpHeader*>(packet.data + l4_offset)->destination_port ==
         kHelloPort;
}

inline Parsed parse_ipv4(const Packet& packet) {
  if (packet.length < kIpOffset + sizeof(Ipv4Header)) return stop(Verdict::short_frame);
  const auto& ip = *reinterpret_cast<const Ipv4Header*>(packet.data + kIpOffset);
  const std::uint32_t header = ip.header_bytes();
  const std::uint32_t total = ip.total_length.host();
  if (ip.version() != 4 || header < sizeof(Ipv4Header) || total < header ||
      kIpOffset + total > packet.length) {
    return stop(Verdict::ipv4_malformed);
  }
  if (ip.is_fragment()) return stop(Verdict::ipv4_fragment);
  const std::uint32_t l4_offset = kIpOffset + header;
  const std::uint32_t l4_bytes = total - header;
  if (ip.protocol == kProtocolTcp) [[likely]] {
    return parse_tcp(packet, ip, l4_offset, l4_bytes);
  }
  if (ip.protocol == kProtocolUdp) return parse_udp(packet, ip, l4_offset, l4_bytes);
  if (ip.protocol == kProtocolCarp) return of_kind(PacketKind::advert, l4_offset);
  if (is_hello(packet, ip, l4_offset, l4_bytes)) return of_kind(PacketKind::hello, l4_offset);
  if (ip.protocol == kProtocolIcmp) return parse_icmp(packet, l4_offset, l4_bytes);
  return stop(Verdict::protocol_unsupported);
}

}  // namespace detail

[[nodiscard]] inline Parsed parse_one(const Packet& packet) {
  if (packet.length < sizeof(EthernetHeader)) return detail::stop(Verdict::short_frame);
  const auto& ethernet = *reinterpret_cast<const EthernetHeader*>(packet.data);
  if (ethernet.type == kEtherTypeIpv4) [[likely]] {
    return detail::parse_ipv4(packet);
  }
  if (ethernet.type == kEtherTypeArp) {
    const bool complete = packet.length >= sizeof(EthernetHeader) + sizeof(ArpHeader);
    return complete ? detail::of_kind(PacketKind::arp, kIpOffset)
                    : detail::stop(Verdict::short_frame);
  }
  return detail::stop(Verdict::not_for_us);
}

}  // namespace carpool::stage
