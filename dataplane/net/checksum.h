// The Internet checksum (RFC 1071) and its incremental update (RFC 1624). Everything here works on
// raw (memory-order) 16-bit words: one's complement sums do not care about byte order as long as
// both sides agree.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "dataplane/base/endian.h"
#include "dataplane/net/address.h"
#include "dataplane/net/headers.h"

namespace carpool {

[[nodiscard]] constexpr std::uint16_t fold_checksum(std::uint64_t sum) {
  sum = (sum & 0xffffffff) + (sum >> 32);
  sum = (sum & 0xffff) + ((sum >> 16) & 0xffff) + (sum >> 32);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(sum);
}

// Sum of raw 16-bit words, not yet folded; an odd last byte is padded with zero (RFC 1071, 4.1).
[[nodiscard]] inline std::uint64_t sum_words(std::span<const std::uint8_t> bytes) {
  std::uint64_t sum = 0;
  std::size_t i = 0;
  for (; i + 4 <= bytes.size(); i += 4) {
    std::uint32_t word;
    std::memcpy(&word, bytes.data() + i, 4);
    sum += word;
  }
  for (; i < bytes.size(); i += 2) {
    std::uint16_t word = 0;
    std::memcpy(&word, bytes.data() + i, bytes.size() - i >= 2 ? 2 : 1);
    sum += word;
  }
  return sum;
}

// Value to store in a checksum field that was zero while summing.
[[nodiscard]] inline be16 internet_checksum(std::span<const std::uint8_t> bytes) {
  return be16::from_raw(static_cast<std::uint16_t>(~fold_checksum(sum_words(bytes))));
}

// TCP or UDP over IPv4: pseudo-header (RFC 9293, 3.1) plus segment, whose checksum field must be
// zero.
[[nodiscard]] inline be16 transport_checksum(Ipv4Address source, Ipv4Address destination,
                                             std::uint8_t protocol,
                                             std::span<const std::uint8_t> segment) {
  const std::uint64_t pseudo = std::uint64_t{source.value.raw()} + destination.value.raw() +
                               be16(protocol).raw() +
                               be16(static_cast<std::uint16_t>(segment.size())).raw();
  return be16::from_raw(static_cast<std::uint16_t>(~fold_checksum(pseudo + sum_words(segment))));
}

// RFC 1624 eq. 3: applies to a checksum field the difference that replacing some words makes. A
// delta is the folded sum of (~old + new) over the replaced words; the way back is its complement.
[[nodiscard]] constexpr be16 adjust_checksum(be16 checksum, std::uint16_t delta) {
  const std::uint32_t sum = static_cast<std::uint16_t>(~checksum.raw()) + std::uint32_t{delta};
  return be16::from_raw(static_cast<std::uint16_t>(~((sum & 0xffff) + (sum >> 16))));
}

// Of UDP: plus zero says that there is no checksum, and a sum that comes out as it is sent as minus
// zero (RFC 768).
[[nodiscard]] constexpr be16 adjust_udp_checksum(be16 checksum, std::uint16_t delta) {
  if (checksum == be16(0)) return checksum;
  const be16 adjusted = adjust_checksum(checksum, delta);
  return adjusted == be16(0) ? be16(0xffff) : adjusted;
}

}  // namespace carpool
