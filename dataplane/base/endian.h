// Integers in network byte order as types of their own, so that a port can never be compared with
// its byte-swapped self: conversion is always spelled out.
#pragma once

#include <bit>
#include <compare>
#include <cstdint>
#include <cstring>

namespace carpool {

template <class Host>
constexpr Host byte_swap(Host value) {
  if constexpr (sizeof(Host) == 2) return static_cast<Host>(__builtin_bswap16(value));
  if constexpr (sizeof(Host) == 4) return __builtin_bswap32(value);
  if constexpr (sizeof(Host) == 8) return __builtin_bswap64(value);
}

// Trivially copyable, may be placed in packed header structs. `raw()` is the bytes as they are on
// the wire.
template <class Host>
class BigEndian {
 public:
  constexpr BigEndian() = default;
  constexpr explicit BigEndian(Host host) : raw_(swap(host)) {}

  static constexpr BigEndian from_raw(Host raw) {
    BigEndian value;
    value.raw_ = raw;
    return value;
  }

  [[nodiscard]] constexpr Host host() const { return swap(raw_); }
  [[nodiscard]] constexpr Host raw() const { return raw_; }

  friend constexpr bool operator==(BigEndian, BigEndian) = default;
  friend constexpr auto operator<=>(BigEndian left, BigEndian right) {
    return left.host() <=> right.host();
  }

 private:
  static constexpr Host swap(Host value) {
    return std::endian::native == std::endian::big ? value : byte_swap(value);
  }
  Host raw_ = 0;
} __attribute__((packed));

using be16 = BigEndian<std::uint16_t>;
using be32 = BigEndian<std::uint32_t>;
using be64 = BigEndian<std::uint64_t>;

static_assert(sizeof(be16) == 2 && sizeof(be32) == 4 && sizeof(be64) == 8);

}  // namespace carpool
