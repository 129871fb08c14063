// The packet headers we read and write. Their members have alignment 1, so the structs need no
// packing and may be placed at any byte of a frame.
#pragma once

#include <cstdint>

#include "dataplane/base/endian.h"
#include "dataplane/net/address.h"

namespace carpool {

inline constexpr be16 kEtherTypeIpv4{0x0800};
inline constexpr be16 kEtherTypeArp{0x0806};
inline constexpr be16 kEtherTypeVlan{0x8100};
inline constexpr be16 kEtherTypeIpv6{0x86dd};

inline constexpr std::uint8_t kProtocolIcmp = 1;
inline constexpr std::uint8_t kProtocolIpip = 4;
inline constexpr std::uint8_t kProtocolTcp = 6;
inline constexpr std::uint8_t kProtocolUdp = 17;
inline constexpr std::uint8_t kProtocolCarp = 112;  // and VRRP

struct EthernetHeader {
  MacAddress destination;
  MacAddress source;
  be16 type;
};
static_assert(sizeof(EthernetHeader) == 14);

struct ArpHeader {  // RFC 826, for Ethernet and IPv4
  be16 hardware_type{1};
  be16 protocol_type = kEtherTypeIpv4;
  std::uint8_t hardware_length = 6;
  std::uint8_t protocol_length = 4;
  be16 operation;
  MacAddress sender_mac;
  Ipv4Address sender_ip;
  MacAddress target_mac;
  Ipv4Address target_ip;
};
static_assert(sizeof(ArpHeader) == 28);
inline constexpr be16 kArpRequest{1};
inline constexpr be16 kArpReply{2};

inline constexpr std::uint16_t kDontFragment = 0x4000;  // of Ipv4Header::fragment
inline constexpr std::uint16_t kMoreFragments = 0x2000;
inline constexpr std::uint16_t kFragmentOffset = 0x1fff;  // in units of 8 bytes

struct Ipv4Header {  // RFC 791
  std::uint8_t version_ihl = 0x45;
  std::uint8_t dscp_ecn = 0;
  be16 total_length;
  be16 id;
  be16 fragment;  // flags (3 bits) and offset in units of 8 bytes
  std::uint8_t ttl = 64;
  std::uint8_t protocol = 0;
  be16 checksum;
  Ipv4Address source;
  Ipv4Address destination;

  [[nodiscard]] std::uint8_t version() const { return version_ihl >> 4; }
  [[nodiscard]] unsigned header_bytes() const { return (version_ihl & 0xfu) * 4; }
  [[nodiscard]] bool may_be_fragmented() const { return (fragment.host() & kDontFragment) == 0; }
  [[nodiscard]] bool is_fragment() const {
    return (fragment.host() & (kMoreFragments | kFragmentOffset)) != 0;
  }
};
static_assert(sizeof(Ipv4Header) == 20);

struct TcpHeader {  // RFC 9293
  be16 source_port;
  be16 destination_port;
  be32 sequence;
  be32 acknowledgement;
  std::uint8_t data_offset = 0x50;
  std::uint8_t flags = 0;
  be16 window;
  be16 checksum;
  be16 urgent;

  [[nodiscard]] unsigned header_bytes() const { return (data_offset >> 4) * 4u; }
};
static_assert(sizeof(TcpHeader) == 20);

inline constexpr std::uint8_t kTcpFin = 0x01;
inline constexpr std::uint8_t kTcpSyn = 0x02;
inline constexpr std::uint8_t kTcpRst = 0x04;
inline constexpr std::uint8_t kTcpPsh = 0x08;
inline constexpr std::uint8_t kTcpAck = 0x10;

struct UdpHeader {  // RFC 768
  be16 source_port;
  be16 destination_port;
  be16 length;
  be16 checksum;
};
static_assert(sizeof(UdpHeader) == 8);

// Hellos between two carpools are UDP to this port of the multicast address that adverts go to, so
// they take the adverts' way through every switch; to hosts that listen to adverts they are
// datagrams for nobody, which a multicast leaves unanswered (RFC 1122, 3.2.2).
inline constexpr be16 kHelloPort{8849};
inline constexpr Ipv4Address kHelloAddress = Ipv4Address::of(224, 0, 0, 18);

struct IcmpHeader {  // RFC 792
  std::uint8_t type = 0;
  std::uint8_t code = 0;
  be16 checksum;
  be32 rest;
};
static_assert(sizeof(IcmpHeader) == 8);
inline constexpr std::uint8_t kIcmpEchoReply = 0;
inline constexpr std::uint8_t kIcmpUnreachable = 3;
inline constexpr std::uint8_t kIcmpPortUnreachable = 3;      // its codes
inline constexpr std::uint8_t kIcmpFragmentationNeeded = 4;  // RFC 1191
inline constexpr std::uint8_t kIcmpEchoRequest = 8;
inline constexpr std::uint8_t kIcmpTimeExceeded = 11;
inline constexpr std::uint8_t kIcmpParameterProblem = 12;

}  // namespace carpool
