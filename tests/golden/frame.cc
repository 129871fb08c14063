#include "tests/golden/frame.h"

#include <cstring>

#include "dataplane/net/checksum.h"

namespace carpool::test {
namespace {

using Bytes = std::vector<std::uint8_t>;

void append(Bytes& bytes, const void* from, std::size_t count) {
  if (count == 0) return;
  bytes.resize(bytes.size() + count);
  std::memcpy(bytes.data() + bytes.size() - count, from, count);
}

template <class Header>
void append(Bytes& bytes, const Header& header) {
  append(bytes, &header, sizeof header);
}

template <class Header>
Header& header_at(Bytes& bytes, std::size_t offset) {
  return *reinterpret_cast<Header*>(bytes.data() + offset);
}

constexpr std::size_t kIp = sizeof(EthernetHeader);

Bytes ipv4_frame(const EthernetHeader& ethernet, Ipv4Header ip, unsigned option_bytes,
                 const Bytes& segment) {
  Bytes frame;
  append(frame, ethernet);
  const std::size_t header_bytes = sizeof ip + option_bytes;
  ip.version_ihl = static_cast<std::uint8_t>(0x40 | header_bytes / 4);
  ip.total_length = be16(static_cast<std::uint16_t>(header_bytes + segment.size()));
  append(frame, ip);
  frame.resize(frame.size() + option_bytes, 1);
  header_at<Ipv4Header>(frame, kIp).checksum =
      internet_checksum({frame.data() + kIp, header_bytes});
  append(frame, segment.data(), segment.size());
  return frame;
}

}  // namespace

Bytes TcpFrame::bytes() const {
  Bytes segment;
  TcpHeader tcp;
  tcp.source_port = be16(source_port);
  tcp.destination_port = be16(destination_port);
  tcp.sequence = be32(sequence);
  tcp.acknowledgement = be32(acknowledgement);
  tcp.flags = flags;
  tcp.window = be16(1024);
  append(segment, tcp);
  append(segment, payload.data(), payload.size());
  header_at<TcpHeader>(segment, 0).checksum =
      transport_checksum(source, destination, kProtocolTcp, segment);
  Ipv4Header ip;
  ip.ttl = ttl;
  ip.protocol = kProtocolTcp;
  ip.source = source;
  ip.destination = destination;
  return ipv4_frame({to, from, kEtherTypeIpv4}, ip, ip_option_bytes, segment);
}

Bytes arp_frame(be16 operation, const MacAddress& sender_mac, Ipv4Address sender,
                Ipv4Address target) {
  Bytes frame;
  append(frame, EthernetHeader{MacAddress::broadcast(), sender_mac, kEtherTypeArp});
  ArpHeader arp;
  arp.operation = operation;
  arp.sender_mac = sender_mac;
  arp.sender_ip = sender;
  arp.target_ip = target;
  append(frame, arp);
  return frame;
}

Bytes echo_frame(Ipv4Address source, Ipv4Address destination, const std::string& payload) {
  Bytes segment;
  IcmpHeader icmp;
  icmp.type = kIcmpEchoRequest;
  icmp.rest = be32(0x12340001);
  append(segment, icmp);
  append(segment, payload.data(), payload.size());
  header_at<IcmpHeader>(segment, 0).checksum = internet_checksum(segment);
  Ipv4Header ip;
  ip.protocol = kProtocolIcmp;
  ip.source = source;
  ip.destination = destination;
  return ipv4_frame({MacAddress::virtual_router(53), {{2, 0, 0, 0, 0, 100}}, kEtherTypeIpv4}, ip, 0,
                    segment);
}

Decoded decode(const Bytes& frame) {
  Decoded decoded;
  if (frame.size() < kIp + sizeof(Ipv4Header)) return decoded;
  std::memcpy(&decoded.ethernet, frame.data(), sizeof decoded.ethernet);
  std::memcpy(&decoded.ip, frame.data() + kIp, sizeof decoded.ip);
  const std::size_t l4 = kIp + decoded.ip.header_bytes();
  const std::size_t end = kIp + decoded.ip.total_length.host();
  if (end > frame.size()) return decoded;
  // A sum over a part that holds its own checksum is minus zero.
  const bool ip_good =
      fold_checksum(sum_words({frame.data() + kIp, decoded.ip.header_bytes()})) == 0xffff;
  const std::span<const std::uint8_t> segment(frame.data() + l4, end - l4);
  if (decoded.ip.protocol == kProtocolTcp) {
    std::memcpy(&decoded.tcp, segment.data(), sizeof decoded.tcp);
    decoded.checksums_good =
        ip_good &&
        transport_checksum(decoded.ip.source, decoded.ip.destination, kProtocolTcp, segment)
                .raw() == 0;
    decoded.payload.assign(segment.begin() + decoded.tcp.header_bytes(), segment.end());
  } else {
    decoded.checksums_good = ip_good && fold_checksum(sum_words(segment)) == 0xffff;
  }
  return decoded;
}

}  // namespace carpool::test
