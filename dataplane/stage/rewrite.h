// Turns a packet of one direction of a flow into what the other end expects to see: addresses,
// ports, checksums, time to live, link-layer addresses. Checksums are adjusted, not computed, so a
// packet that arrives damaged leaves damaged and its receiver can tell.
#pragma once

#include <bit>
#include <cstring>

#include "dataplane/flow/flow_record.h"
#include "dataplane/net/checksum.h"
#include "dataplane/net/headers.h"
#include "dataplane/stage/batch.h"
#include "dataplane/stage/parse.h"

namespace carpool::stage {

inline constexpr std::size_t kIpAddressesAt = 12;  // source and destination, in the IPv4 header

// The folded sum of ~old + new over addresses and ports, both as they lie in memory.
[[nodiscard]] inline std::uint16_t checksum_delta(std::uint64_t old_words,
                                                  std::uint64_t new_words) {
  const std::uint64_t gone = ~old_words;
  return fold_checksum((gone & 0xffffffff) + (gone >> 32) + (new_words & 0xffffffff) +
                       (new_words >> 32));
}

[[nodiscard]] inline std::uint16_t add_deltas(std::uint16_t left, std::uint16_t right) {
  return fold_checksum(std::uint64_t{left} + right);
}

// Such a packet may reach us, but not go on. RFC 1812, 5.3.1.
[[nodiscard]] inline bool ttl_is_used_up(const Packet& packet) {
  return reinterpret_cast<const Ipv4Header*>(packet.data + kIpOffset)->ttl <= 1;
}

// On the way to the next hop (RFC 1812, 5.3.1).
inline void decrement_ttl(Ipv4Header& ip) {
  constexpr std::uint16_t kTtlDelta = static_cast<std::uint16_t>(~be16(0x0100).raw());
  --ip.ttl;
  ip.checksum = adjust_checksum(ip.checksum, kTtlDelta);
}

// Fills the record's deltas from its keys.
inline void prepare_deltas(flow::FlowRecord& record) {
  using namespace flow;
  record.ipv4_delta =
      checksum_delta(record.addresses[kFromClient], std::rotl(record.addresses[kFromServer], 32));
  // As 64-bit values whose upper half is alike, so that it cancels out (~0 + 0 sums to minus zero).
  const std::uint16_t ports =
      checksum_delta(record.ports[kFromClient], std::rotl(record.ports[kFromServer], 16));
  record.transport_delta = add_deltas(record.ipv4_delta, ports);
}

inline void rewrite_one(const Packet& packet, std::uint32_t l4_offset,
                        const flow::FlowRecord& record, flow::Direction direction) {
  std::uint8_t* const ip = packet.data + kIpOffset;
  std::uint8_t* const l4 = packet.data + l4_offset;
  const unsigned other = direction ^ 1u;
  const std::uint64_t addresses = std::rotl(record.addresses[other], 32);
  const std::uint32_t ports = std::rotl(record.ports[other], 16);
  std::memcpy(ip + kIpAddressesAt, &addresses, sizeof addresses);
  std::memcpy(l4, &ports, sizeof ports);

  const auto invert = static_cast<std::uint16_t>(0u - direction);  // the way back is the complement
  constexpr std::uint16_t kTtlDelta = static_cast<std::uint16_t>(~be16(0x0100).raw());
  auto& header = *reinterpret_cast<Ipv4Header*>(ip);
  --header.ttl;
  const std::uint32_t ipv4_delta = std::uint32_t{kTtlDelta} + (record.ipv4_delta ^ invert);
  header.checksum = adjust_checksum(
      header.checksum, static_cast<std::uint16_t>((ipv4_delta & 0xffff) + (ipv4_delta >> 16)));
  const auto transport_delta = static_cast<std::uint16_t>(record.transport_delta ^ invert);
  if (record.protocol == kProtocolTcp) [[likely]] {
    auto& tcp = *reinterpret_cast<TcpHeader*>(l4);
    tcp.checksum = adjust_checksum(tcp.checksum, transport_delta);
  } else {
    auto& udp = *reinterpret_cast<UdpHeader*>(l4);
    udp.checksum = adjust_udp_checksum(udp.checksum, transport_delta);
  }
}

// Of a fragment that is not the first: the transport header, and its sum over the addresses, are
// in that.
inline void rewrite_addresses(Ipv4Header& ip, const flow::FlowRecord& record,
                              flow::Direction direction) {
  const std::uint64_t addresses = std::rotl(record.addresses[direction ^ 1u], 32);
  std::memcpy(reinterpret_cast<std::uint8_t*>(&ip) + kIpAddressesAt, &addresses, sizeof addresses);
  const auto invert = static_cast<std::uint16_t>(0u - direction);
  ip.checksum =
      adjust_checksum(ip.checksum, static_cast<std::uint16_t>(record.ipv4_delta ^ invert));
  decrement_ttl(ip);
}

inline void address_frame(const Packet& packet, const MacAddress& destination,
                          const MacAddress& source) {
  auto& ethernet = *reinterpret_cast<EthernetHeader*>(packet.data);
  ethernet.destination = destination;
  ethernet.source = source;
}

}  // namespace carpool::stage
