#include "dataplane/stage/answer.h"

#include <utility>

#include "dataplane/net/checksum.h"
#include "dataplane/net/headers.h"
#include "dataplane/stage/parse.h"

namespace carpool::stage {
namespace {

constexpr std::uint8_t kAnswerTtl = 64;

void turn_frame_round(Packet& packet, const MacAddress& mac) {
  auto& ethernet = *reinterpret_cast<EthernetHeader*>(packet.data);
  ethernet.destination = ethernet.source;
  ethernet.source = mac;
}

void finish_ipv4(Ipv4Header& ip) {
  ip.ttl = kAnswerTtl;
  ip.checksum = be16(0);
  ip.checksum = internet_checksum({reinterpret_cast<std::uint8_t*>(&ip), ip.header_bytes()});
}

// Sequence space that a segment takes: its data, and one each for SYN and FIN.
std::uint32_t segment_length(const Ipv4Header& ip, const TcpHeader& tcp) {
  const std::uint32_t data = ip.total_length.host() - ip.header_bytes() - tcp.header_bytes();
  return data + ((tcp.flags & kTcpSyn) != 0) + ((tcp.flags & kTcpFin) != 0);
}

}  // namespace

void make_arp_reply(Packet& packet, const MacAddress& mac) {
  turn_frame_round(packet, mac);
  auto& arp = *reinterpret_cast<ArpHeader*>(packet.data + kIpOffset);
  const Ipv4Address asked_for = arp.target_ip;
  arp.operation = kArpReply;
  arp.target_mac = arp.sender_mac;
  arp.target_ip = arp.sender_ip;
  arp.sender_mac = mac;
  arp.sender_ip = asked_for;
}

void make_echo_reply(Packet& packet, std::uint32_t l4_offset, const MacAddress& mac) {
  turn_frame_round(packet, mac);
  auto& ip = *reinterpret_cast<Ipv4Header*>(packet.data + kIpOffset);
  std::swap(ip.source, ip.destination);
  finish_ipv4(ip);
  auto& icmp = *reinterpret_cast<IcmpHeader*>(packet.data + l4_offset);
  // Only the type changes, from 8 to 0. A message of zeros is the one whose sum is plus zero, for
  // which the adjusted checksum, minus zero, would be wrong; plus zero is right for any (RFC 1624).
  icmp.checksum = adjust_checksum(icmp.checksum, static_cast<std::uint16_t>(~be16(0x0800).raw()));
  if (icmp.checksum == be16(0)) icmp.checksum = be16(0xffff);
  icmp.type = kIcmpEchoReply;
}

bool make_reset(Packet& packet, std::uint32_t l4_offset, const MacAddress& mac) {
  const TcpHeader old = *reinterpret_cast<const TcpHeader*>(packet.data + l4_offset);
  const Ipv4Header old_ip = *reinterpret_cast<const Ipv4Header*>(packet.data + kIpOffset);
  if (old.flags & kTcpRst) return false;
  turn_frame_round(packet, mac);

  Ipv4Header ip;  // without the options that the segment may have had
  ip.total_length = be16(sizeof(Ipv4Header) + sizeof(TcpHeader));
  ip.fragment = be16(0x4000);
  ip.protocol = kProtocolTcp;
  ip.source = old_ip.destination;
  ip.destination = old_ip.source;
  finish_ipv4(ip);

  TcpHeader tcp;
  tcp.source_port = old.destination_port;
  tcp.destination_port = old.source_port;
  if (old.flags & kTcpAck) {
    tcp.sequence = old.acknowledgement;
    tcp.flags = kTcpRst;
  } else {
    tcp.acknowledgement = be32(old.sequence.host() + segment_length(old_ip, old));
    tcp.flags = kTcpRst | kTcpAck;
  }
  tcp.checksum = transport_checksum(ip.source, ip.destination, kProtocolTcp,
                                    {reinterpret_cast<std::uint8_t*>(&tcp), sizeof tcp});

  std::memcpy(packet.data + kIpOffset, &ip, sizeof ip);
  std::memcpy(packet.data + kIpOffset + sizeof ip, &tcp, sizeof tcp);
  packet.length = kIpOffset + sizeof ip + sizeof tcp;
  return true;
}

}  // namespace carpool::stage
