// What identifies one direction of a connection, and its keyed hash.
#pragma once

#include <bit>
#include <cstdint>

#include "dataplane/base/endian.h"
#include "dataplane/net/address.h"

namespace carpool::flow {

// Source and destination exactly as they lie in the packet, so that a key is two loads and a
// comparison two compares.
struct FlowKey {
  std::uint64_t addresses = 0;  // source in the low half, destination in the high half
  std::uint32_t ports = 0;      // likewise
  std::uint32_t protocol = 0;

  friend constexpr bool operator==(const FlowKey&, const FlowKey&) = default;

  static constexpr FlowKey of(Ipv4Address source, be16 source_port, Ipv4Address destination,
                              be16 destination_port, std::uint8_t protocol) {
    return {source.value.raw() | std::uint64_t{destination.value.raw()} << 32,
            source_port.raw() | std::uint32_t{destination_port.raw()} << 16, protocol};
  }
  [[nodiscard]] constexpr Ipv4Address source() const {
    return {be32::from_raw(static_cast<std::uint32_t>(addresses))};
  }
  [[nodiscard]] constexpr Ipv4Address destination() const {
    return {be32::from_raw(static_cast<std::uint32_t>(addresses >> 32))};
  }
  [[nodiscard]] constexpr be16 source_port() const {
    return be16::from_raw(static_cast<std::uint16_t>(ports));
  }
  [[nodiscard]] constexpr be16 destination_port() const {
    return be16::from_raw(static_cast<std::uint16_t>(ports >> 16));
  }
  // The same connection seen the other way round.
  [[nodiscard]] constexpr FlowKey reversed() const {
    return {std::rotl(addresses, 32), std::rotl(ports, 16), protocol};
  }
};
static_assert(sizeof(FlowKey) == 16);

struct HashSecret {
  std::uint64_t words[2] = {0x9e3779b97f4a7c15, 0xd1b54a32d192ed03};
};

// Folded 64x64->128 bit multiplication (as in wyhash): two cycles of latency more than a plain one,
// and without the secret nobody can choose keys that collide.
[[nodiscard]] constexpr std::uint64_t fold_multiply(std::uint64_t left, std::uint64_t right) {
  __extension__ using Wide = unsigned __int128;
  const auto product = static_cast<Wide>(left) * right;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

[[nodiscard]] constexpr std::uint64_t hash(const FlowKey& key, const HashSecret& secret) {
  const std::uint64_t rest = key.ports | std::uint64_t{key.protocol} << 32;
  return fold_multiply(key.addresses ^ secret.words[0], rest ^ secret.words[1]);
}

}  // namespace carpool::flow
