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
  const bool is_cut = length > l4_bytes && !ip.is_fragment();
  if (length < sizeof(UdpHeader) || is_cut) return stop(Verdict::udp_malformed);
  Parsed parsed = of_kind(PacketKind::flow, l4_offset);
  parsed.tcp_flags = kTcpSyn;  // any datagram may be the first of its flow
  parsed.key = flow::FlowKey::of(ip.source, udp.source_port, ip.destination, udp.destination_port,
                                 kProtocolUdp);
  return parsed;
}

inline bool is_icmp_error(std::uint8_t type) {
  return type == kIcmpUnreachable || type == kIcmpTimeExceeded || type == kIcmpParameterProblem;
}

// It quotes a packet that went the other way, at least its IPv4 header and eight bytes (RFC 792).
inline Parsed parse_icmp_error(const Packet& packet, std::uint32_t l4_offset,
                               std::uint32_t l4_bytes) {
  const auto& ip = *reinterpret_cast<const Ipv4Header*>(packet.data + kIpOffset);
  constexpr std::uint32_t kLeast = 8;
  const std::uint32_t quoted = l4_bytes - static_cast<std::uint32_t>(sizeof(IcmpHeader));
  if (quoted < sizeof(Ipv4Header)) return stop(Verdict::icmp_malformed);
  const std::uint8_t* const at = packet.data + l4_offset + sizeof(IcmpHeader);
  const auto& inner = *reinterpret_cast<const Ipv4Header*>(at);
  const std::uint32_t header = inner.header_bytes();
  const bool is_whole = inner.version() == 4 && header >= sizeof(Ipv4Header) &&
                        quoted >= header + kLeast && inner.source == ip.destination;
  if (!is_whole) return stop(Verdict::icmp_malformed);
  // Only the first fragment has the ports.
  if ((inner.fragment.host() & kFragmentOffset) != 0) return stop(Verdict::error_no_flow);
  if (inner.protocol != kProtocolTcp && inner.protocol != kProtocolUdp) {
    return stop(Verdict::protocol_unsupported);
  }
  const auto& ports = *reinterpret_cast<const UdpHeader*>(at + header);  // TCP's begins so, too
  Parsed parsed = of_kind(PacketKind::error, l4_offset);
  parsed.key = flow::FlowKey::of(inner.destination, ports.destination_port, inner.source,
                                 ports.source_port, inner.protocol);
  return parsed;
}

inline Parsed parse_icmp(const Packet& packet, std::uint32_t l4_offset, std::uint32_t l4_bytes) {
  if (l4_bytes < sizeof(IcmpHeader)) return stop(Verdict::protocol_unsupported);
  const auto& icmp = *reinterpret_cast<const IcmpHeader*>(packet.data + l4_offset);
  if (is_icmp_error(icmp.type)) return parse_icmp_error(packet, l4_offset, l4_bytes);
  const bool echo = icmp.type == kIcmpEchoRequest && icmp.code == 0;
  return echo ? of_kind(PacketKind::echo, l4_offset) : stop(Verdict::protocol_unsupported);
}

inline bool is_hello(const Packet& packet, const Ipv4Header& ip, std::uint32_t l4_offset,
                     std::uint32_t l4_bytes) {
  if (ip.destination != kHelloAddress) return false;
  if (l4_bytes < sizeof(UdpHeader)) return false;
  return reinterpret_cast<const UdpHeader*>(packet.data + l4_offset)->destination_port ==
         kHelloPort;
}

inline Parsed parse_fragment(const Packet& packet, const Ipv4Header& ip) {
  constexpr std::uint32_t kUnit = 8;
  const std::uint32_t header = ip.header_bytes();
  const std::uint32_t bytes = ip.total_length.host() - header;
  const std::uint32_t offset = (ip.fragment.host() & kFragmentOffset) * kUnit;
  const bool is_last = (ip.fragment.host() & kMoreFragments) == 0;
  if (ip.protocol != kProtocolTcp && ip.protocol != kProtocolUdp) {
    return stop(Verdict::fragment_unsupported);
  }
  // A fragment at 8 would overwrite the flags of TCP that the first one has shown (RFC 3128).
  const bool overlaps = ip.protocol == kProtocolTcp && offset == kUnit;
  if (bytes == 0 || (!is_last && bytes % kUnit != 0) || header + offset + bytes > 65'535 ||
      overlaps) {
    return stop(Verdict::fragment_malformed);
  }
  const std::uint32_t l4_offset = kIpOffset + header;
  if (offset != 0) return of_kind(PacketKind::later_fragment, l4_offset);
  Parsed parsed = ip.protocol == kProtocolTcp ? parse_tcp(packet, ip, l4_offset, bytes)
                                              : parse_udp(packet, ip, l4_offset, bytes);
  // Less than a transport header in the first fragment (RFC 1858, 3).
  if (parsed.kind != PacketKind::flow) return stop(Verdict::fragment_malformed);
  parsed.kind = PacketKind::first_fragment;
  return parsed;
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
  if (ip.is_fragment()) [[unlikely]] {
    return parse_fragment(packet, ip);
  }
  const std::uint32_t l4_offset = kIpOffset + header;
  const std::uint32_t l4_bytes = total - header;
  if (ip.protocol == kProtocolTcp) [[likely]] {
    return parse_tcp(packet, ip, l4_offset, l4_bytes);
  }
  if (ip.protocol == kProtocolUdp) {
    const bool hello = is_hello(packet, ip, l4_offset, l4_bytes);
    return hello ? of_kind(PacketKind::hello, l4_offset)
                 : parse_udp(packet, ip, l4_offset, l4_bytes);
  }
  if (ip.protocol == kProtocolCarp) return of_kind(PacketKind::advert, l4_offset);
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
