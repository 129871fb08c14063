#include "tests/golden/frames.h"

#include <algorithm>
#include <cstring>

#include "dataplane/net/checksum.h"

namespace carpool::test {
namespace {

constexpr std::uint8_t kNoOperation = 1;  // an option of one byte, of IPv4
constexpr std::uint8_t kPadding = 0xee;
constexpr std::size_t kIpAt = sizeof(EthernetHeader);

// Frames are made at their full size and filled in: GCC 12 warns of overflows that cannot be where
// a vector grows.
template <class Header>
void place(Frame& frame, std::size_t offset, const Header& header) {
  std::memcpy(frame.data() + offset, &header, sizeof header);
}

template <class Header>
Header header_at(const Frame& frame, std::size_t offset) {
  Header header;
  std::memcpy(&header, frame.data() + offset, sizeof header);
  return header;
}

// The segment in a sound IPv4 packet, or nothing.
std::optional<std::span<const std::uint8_t>> segment_in(const Frame& frame, std::uint8_t protocol) {
  if (frame.size() < kIpAt + sizeof(Ipv4Header)) return std::nullopt;
  const auto ip = header_at<Ipv4Header>(frame, kIpAt);
  const std::size_t total = ip.total_length.host();
  if (header_at<EthernetHeader>(frame, 0).type != kEtherTypeIpv4 || ip.version() != 4 ||
      ip.protocol != protocol || ip.header_bytes() < sizeof ip || total < ip.header_bytes() ||
      kIpAt + total > frame.size()) {
    return std::nullopt;
  }
  return std::span(frame).subspan(kIpAt + ip.header_bytes(), total - ip.header_bytes());
}

bool ipv4_checksum_holds(const Frame& frame) {
  const auto ip = header_at<Ipv4Header>(frame, kIpAt);
  Frame header(frame.begin() + kIpAt, frame.begin() + kIpAt + ip.header_bytes());
  reinterpret_cast<Ipv4Header*>(header.data())->checksum = be16(0);
  return internet_checksum(header) == ip.checksum;
}

Macs macs_of(const Frame& frame) {
  const auto header = header_at<EthernetHeader>(frame, 0);
  return {header.source, header.destination};
}

}  // namespace

template <class Derived>
Frame Ipv4Frame<Derived>::around(std::span<const std::uint8_t> segment) const {
  EthernetHeader ethernet{.destination = macs_.to, .source = macs_.from, .type = kEtherTypeIpv4};
  Ipv4Header ip = ip_;
  const std::size_t header = sizeof ip + ip_options_;
  ip.version_ihl = static_cast<std::uint8_t>(0x40 | header / 4);
  ip.total_length = be16(static_cast<std::uint16_t>(header + segment.size()));
  ip.id = be16(0x1234);

  Frame frame(kIpAt + header + segment.size() + padding_, kPadding);
  std::fill_n(frame.begin() + kIpAt, header, kNoOperation);
  place(frame, 0, ethernet);
  place(frame, kIpAt, ip);
  ipv4(frame).checksum = internet_checksum(std::span(frame).subspan(kIpAt, header));
  std::ranges::copy(segment, frame.begin() + static_cast<long>(kIpAt + header));
  return frame;
}

TcpFrame::TcpFrame(const Endpoint& from, const Endpoint& to)
    : Ipv4Frame(from.address, to.address, kProtocolTcp) {
  tcp_.source_port = be16(from.port);
  tcp_.destination_port = be16(to.port);
  tcp_.flags = kTcpAck;
  tcp_.window = be16(4321);
}

TcpFrame::operator Frame() const {
  TcpHeader header = tcp_;
  header.data_offset = static_cast<std::uint8_t>((sizeof header + options_.size()) / 4 << 4);
  Frame segment(header.header_bytes() + data_.size());
  place(segment, 0, header);
  std::ranges::copy(options_, segment.begin() + sizeof header);
  std::ranges::copy(data_, segment.begin() + header.header_bytes());
  reinterpret_cast<TcpHeader*>(segment.data())->checksum =
      transport_checksum(ip_.source, ip_.destination, kProtocolTcp, segment);
  return around(segment);
}

UdpFrame::UdpFrame(const Endpoint& from, const Endpoint& to)
    : Ipv4Frame(from.address, to.address, kProtocolUdp) {
  udp_.source_port = be16(from.port);
  udp_.destination_port = be16(to.port);
}

UdpFrame::operator Frame() const {
  UdpHeader header = udp_;
  Frame segment(sizeof header + data_.size());
  header.length = be16(static_cast<std::uint16_t>(segment.size()));
  place(segment, 0, header);
  std::ranges::copy(data_, segment.begin() + sizeof header);
  if (summed_) {
    const be16 sum = transport_checksum(ip_.source, ip_.destination, kProtocolUdp, segment);
    reinterpret_cast<UdpHeader*>(segment.data())->checksum = sum == be16(0) ? be16(0xffff) : sum;
  }
  return around(segment);
}

IcmpFrame::operator Frame() const {
  Frame segment(sizeof icmp_ + data_.size());
  place(segment, 0, icmp_);
  std::ranges::copy(data_, segment.begin() + sizeof icmp_);
  reinterpret_cast<IcmpHeader*>(segment.data())->checksum = internet_checksum(segment);
  return around(segment);
}

IcmpFrame icmp_error(Ipv4Address from, std::uint8_t type, const Frame& about, std::size_t bytes) {
  const auto ip = header_at<Ipv4Header>(about, kIpAt);
  const auto first = about.begin() + kIpAt;
  const auto length = std::min<std::size_t>(bytes, ip.total_length.host());
  return IcmpFrame(from, ip.source, type)
      .data(std::string(first, first + static_cast<std::ptrdiff_t>(length)));
}

OtherFrame::operator Frame() const {
  return around({reinterpret_cast<const std::uint8_t*>(data_.data()), data_.size()});
}

Arp::operator Frame() const {
  const EthernetHeader ethernet{
      .destination = frame_to, .source = sender_mac, .type = kEtherTypeArp};
  ArpHeader arp;
  arp.operation = operation;
  arp.sender_mac = sender_mac;
  arp.sender_ip = sender_ip;
  arp.target_mac = target_mac;
  arp.target_ip = target_ip;
  Frame frame(sizeof ethernet + sizeof arp);
  place(frame, 0, ethernet);
  place(frame, sizeof ethernet, arp);
  return frame;
}

EthernetHeader& ethernet(Frame& frame) {
  return *reinterpret_cast<EthernetHeader*>(frame.data());
}
Ipv4Header& ipv4(Frame& frame) {
  return *reinterpret_cast<Ipv4Header*>(frame.data() + kIpAt);
}
TcpHeader& tcp_header(Frame& frame) {
  return *reinterpret_cast<TcpHeader*>(frame.data() + kIpAt + ipv4(frame).header_bytes());
}

UdpHeader& udp_header(Frame& frame) {
  return *reinterpret_cast<UdpHeader*>(frame.data() + kIpAt + ipv4(frame).header_bytes());
}

std::optional<TcpSeen> read_tcp(const Frame& frame) {
  const auto segment = segment_in(frame, kProtocolTcp);
  if (!segment || segment->size() < sizeof(TcpHeader)) return std::nullopt;
  const auto ip = header_at<Ipv4Header>(frame, kIpAt);
  Frame copy(segment->begin(), segment->end());
  auto& tcp = *reinterpret_cast<TcpHeader*>(copy.data());
  if (tcp.header_bytes() < sizeof tcp || tcp.header_bytes() > copy.size()) return std::nullopt;

  const be16 checksum = tcp.checksum;
  tcp.checksum = be16(0);
  const bool holds = transport_checksum(ip.source, ip.destination, kProtocolTcp, copy) == checksum;
  return TcpSeen{.macs = macs_of(frame),
                 .from = {ip.source, tcp.source_port.host()},
                 .to = {ip.destination, tcp.destination_port.host()},
                 .ttl = ip.ttl,
                 .flags = tcp.flags,
                 .sequence = tcp.sequence.host(),
                 .acknowledgement = tcp.acknowledgement.host(),
                 .ip_header_bytes = ip.header_bytes(),
                 .options = {copy.begin() + sizeof tcp, copy.begin() + tcp.header_bytes()},
                 .data = {copy.begin() + tcp.header_bytes(), copy.end()},
                 .checksums_hold = holds && ipv4_checksum_holds(frame)};
}

std::optional<UdpSeen> read_udp(const Frame& frame) {
  const auto segment = segment_in(frame, kProtocolUdp);
  if (!segment || segment->size() < sizeof(UdpHeader)) return std::nullopt;
  const auto ip = header_at<Ipv4Header>(frame, kIpAt);
  Frame copy(segment->begin(), segment->end());
  auto& udp = *reinterpret_cast<UdpHeader*>(copy.data());
  if (udp.length.host() < sizeof udp || udp.length.host() > copy.size()) return std::nullopt;
  copy.resize(udp.length.host());

  const be16 checksum = udp.checksum;
  const bool is_summed = checksum != be16(0);
  udp.checksum = be16(0);
  const be16 sum = transport_checksum(ip.source, ip.destination, kProtocolUdp, copy);
  const bool holds = !is_summed || checksum == (sum == be16(0) ? be16(0xffff) : sum);
  return UdpSeen{.macs = macs_of(frame),
                 .from = {ip.source, udp.source_port.host()},
                 .to = {ip.destination, udp.destination_port.host()},
                 .ttl = ip.ttl,
                 .data = {copy.begin() + sizeof udp, copy.end()},
                 .is_summed = is_summed,
                 .checksums_hold = holds && ipv4_checksum_holds(frame)};
}

std::optional<EchoSeen> read_echo(const Frame& frame) {
  const auto segment = segment_in(frame, kProtocolIcmp);
  if (!segment || segment->size() < sizeof(IcmpHeader)) return std::nullopt;
  const auto ip = header_at<Ipv4Header>(frame, kIpAt);
  const auto icmp =
      header_at<IcmpHeader>(frame, static_cast<std::size_t>(segment->data() - frame.data()));
  return EchoSeen{
      .macs = macs_of(frame),
      .from = ip.source,
      .to = ip.destination,
      .ttl = ip.ttl,
      .type = icmp.type,
      .data = {segment->begin() + sizeof icmp, segment->end()},
      .checksums_hold = internet_checksum(*segment) == be16(0) && ipv4_checksum_holds(frame)};
}

std::optional<ErrorSeen> read_error(const Frame& frame) {
  const auto segment = segment_in(frame, kProtocolIcmp);
  if (!segment || segment->size() < sizeof(IcmpHeader)) return std::nullopt;
  const auto ip = header_at<Ipv4Header>(frame, kIpAt);
  const auto icmp =
      header_at<IcmpHeader>(frame, static_cast<std::size_t>(segment->data() - frame.data()));
  return ErrorSeen{
      .macs = macs_of(frame),
      .from = ip.source,
      .to = ip.destination,
      .ttl = ip.ttl,
      .type = icmp.type,
      .code = icmp.code,
      .mtu = static_cast<std::uint16_t>(icmp.rest.host()),
      .quoted = {segment->begin() + sizeof icmp, segment->end()},
      .checksums_hold = internet_checksum(*segment) == be16(0) && ipv4_checksum_holds(frame)};
}

std::optional<Arp> read_arp(const Frame& frame) {
  if (frame.size() < sizeof(EthernetHeader) + sizeof(ArpHeader)) return std::nullopt;
  const auto outer = header_at<EthernetHeader>(frame, 0);
  const auto arp = header_at<ArpHeader>(frame, sizeof outer);
  if (outer.type != kEtherTypeArp || outer.source != arp.sender_mac) return std::nullopt;
  return Arp{.operation = arp.operation,
             .sender_mac = arp.sender_mac,
             .sender_ip = arp.sender_ip,
             .target_mac = arp.target_mac,
             .target_ip = arp.target_ip,
             .frame_to = outer.destination};
}

void PrintTo(const Endpoint& endpoint, std::ostream* out) {
  *out << to_string(endpoint.address) << ":" << endpoint.port;
}

void PrintTo(const Macs& macs, std::ostream* out) {
  *out << to_string(macs.from) << " -> " << to_string(macs.to);
}

}  // namespace carpool::test
