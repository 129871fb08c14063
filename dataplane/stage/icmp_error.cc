#include "dataplane/stage/icmp_error.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "dataplane/net/checksum.h"
#include "dataplane/net/headers.h"
#include "dataplane/stage/parse.h"
#include "dataplane/stage/rewrite.h"

namespace carpool::stage {
namespace {

constexpr std::uint8_t kErrorTtl = 64;
constexpr std::size_t kLongestError = 576;  // bytes of IPv4
constexpr std::size_t kTcpChecksumAt = 16;
constexpr std::size_t kUdpChecksumAt = 6;

// Replaces words of a message and keeps account of what that does to the message's own sum.
class Patch {
 public:
  template <class Word>  // an unsigned integer as it lies in memory, at an even offset
  void store(std::uint8_t* at, Word value) {
    Word old;
    std::memcpy(&old, at, sizeof old);
    std::memcpy(at, &value, sizeof value);
    delta_ = add_deltas(delta_, checksum_delta(old, value));
  }
  // A checksum in the message, which covers words that change by `delta`.
  void adjust(std::uint8_t* at, std::uint16_t delta) {
    store(at, adjust_checksum(load(at), delta).raw());
  }
  void adjust_udp(std::uint8_t* at, std::uint16_t delta) {
    store(at, adjust_udp_checksum(load(at), delta).raw());
  }
  [[nodiscard]] std::uint16_t delta() const { return delta_; }

 private:
  static be16 load(const std::uint8_t* at) {
    be16 value;
    std::memcpy(&value, at, sizeof value);
    return value;
  }
  std::uint16_t delta_ = 0;
};

// The quoted packet as the end that gets the error had sent it: `sent` is that end's key. `quoted`
// holds `bytes` bytes. Returns what the change does to the sum of the whole message.
std::uint16_t turn_back(std::uint8_t* quoted, std::size_t bytes, std::uint64_t addresses,
                        std::uint32_t ports, std::uint8_t protocol) {
  Patch patch;
  const std::size_t header = reinterpret_cast<const Ipv4Header*>(quoted)->header_bytes();
  std::uint8_t* const l4 = quoted + header;
  std::uint64_t old_addresses;
  std::uint32_t old_ports;
  std::memcpy(&old_addresses, quoted + kIpAddressesAt, sizeof old_addresses);
  std::memcpy(&old_ports, l4, sizeof old_ports);
  const std::uint16_t address_delta = checksum_delta(old_addresses, addresses);
  const std::uint16_t both = add_deltas(address_delta, checksum_delta(old_ports, ports));

  patch.store(quoted + kIpAddressesAt, addresses);
  patch.adjust(quoted + offsetof(Ipv4Header, checksum), address_delta);
  patch.store(l4, ports);
  if (protocol == kProtocolUdp) {
    patch.adjust_udp(l4 + kUdpChecksumAt, both);
  } else if (bytes >= header + kTcpChecksumAt + sizeof(be16)) {
    patch.adjust(l4 + kTcpChecksumAt, both);
  }
  return patch.delta();
}

}  // namespace

void translate_error(const Packet& packet, std::uint32_t l4_offset, const flow::FlowRecord& record,
                     flow::Direction direction, ErrorSender sender) {
  const unsigned other = direction ^ 1u;
  auto& ip = *reinterpret_cast<Ipv4Header*>(packet.data + kIpOffset);
  const std::uint32_t l4_bytes = ip.total_length.host() - (l4_offset - kIpOffset);
  std::uint8_t* const icmp = packet.data + l4_offset;
  const std::uint16_t delta =
      turn_back(icmp + sizeof(IcmpHeader), l4_bytes - sizeof(IcmpHeader), record.addresses[other],
                record.ports[other], record.protocol);
  auto& header = *reinterpret_cast<IcmpHeader*>(icmp);
  header.checksum = adjust_checksum(header.checksum, delta);

  Patch patch;
  const std::uint64_t ends = std::rotl(record.addresses[other], 32);  // from there to here
  const Ipv4Address from = sender == ErrorSender::other_end
                               ? Ipv4Address{be32::from_raw(static_cast<std::uint32_t>(ends))}
                               : ip.source;
  const std::uint64_t addresses = from.value.raw() | (ends >> 32 << 32);
  patch.store(packet.data + kIpOffset + kIpAddressesAt, addresses);
  ip.checksum = adjust_checksum(ip.checksum, patch.delta());
  decrement_ttl(ip);
}

bool may_answer_by_error(const Packet& packet) {
  const auto& ip = *reinterpret_cast<const Ipv4Header*>(packet.data + kIpOffset);
  const auto& ethernet = *reinterpret_cast<const EthernetHeader*>(packet.data);
  const bool to_one_station = (ethernet.destination.bytes[0] & 1) == 0;
  const bool from_one_host = !ip.source.is_multicast() && !ip.source.is_unspecified() &&
                             ip.source.value.host() >> 28 != 0xf;
  const bool is_first = (ip.fragment.host() & 0x1fff) == 0;
  return to_one_station && from_one_host && is_first && ip.protocol != kProtocolIcmp;
}

void make_icmp_error(Packet& packet, const IcmpError& error, const MacAddress& mac) {
  const EthernetHeader old_ethernet = *reinterpret_cast<const EthernetHeader*>(packet.data);
  const Ipv4Header old_ip = *reinterpret_cast<const Ipv4Header*>(packet.data + kIpOffset);
  constexpr std::size_t kAdded = sizeof(Ipv4Header) + sizeof(IcmpHeader);
  const std::size_t quoted =
      std::min<std::size_t>(old_ip.total_length.host(), kLongestError - kAdded);
  packet.data -= kAdded;
  packet.length = static_cast<std::uint16_t>(kIpOffset + kAdded + quoted);

  auto& ethernet = *reinterpret_cast<EthernetHeader*>(packet.data);
  ethernet.destination = old_ethernet.source;
  ethernet.source = mac;
  ethernet.type = kEtherTypeIpv4;

  Ipv4Header ip;
  ip.dscp_ecn = 0xc0;  // internetwork control (RFC 1812, 4.3.2.5)
  ip.total_length = be16(static_cast<std::uint16_t>(kAdded + quoted));
  ip.ttl = kErrorTtl;
  ip.protocol = kProtocolIcmp;
  ip.source = old_ip.destination;
  ip.destination = old_ip.source;
  ip.checksum = internet_checksum({reinterpret_cast<std::uint8_t*>(&ip), sizeof ip});
  std::memcpy(packet.data + kIpOffset, &ip, sizeof ip);

  IcmpHeader icmp;
  icmp.type = error.type;
  icmp.code = error.code;
  icmp.rest = be32(error.mtu);
  std::uint8_t* const at = packet.data + kIpOffset + sizeof ip;
  std::memcpy(at, &icmp, sizeof icmp);
  icmp.checksum = internet_checksum({at, sizeof icmp + quoted});
  std::memcpy(at, &icmp, sizeof icmp);
}

}  // namespace carpool::stage
