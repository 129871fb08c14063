// Link-layer and network addresses: values with a wire layout, parsing and printing.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "dataplane/base/endian.h"

namespace carpool {

struct MacAddress {
  std::array<std::uint8_t, 6> bytes{};

  friend constexpr bool operator==(const MacAddress&, const MacAddress&) = default;
  friend constexpr auto operator<=>(const MacAddress&, const MacAddress&) = default;
  [[nodiscard]] constexpr bool is_multicast() const { return (bytes[0] & 1) != 0; }
  [[nodiscard]] constexpr bool is_zero() const { return *this == MacAddress{}; }

  // 00:00:5e:00:01:vhid, what CARP and VRRP for IPv4 (and CARP for IPv6) claim. RFC 5798, 7.3.
  static constexpr MacAddress virtual_router(std::uint8_t vhid) {
    return {{0x00, 0x00, 0x5e, 0x00, 0x01, vhid}};
  }
  static constexpr MacAddress broadcast() { return {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}}; }
};

struct Ipv4Address {
  be32 value;

  friend constexpr bool operator==(Ipv4Address, Ipv4Address) = default;
  friend constexpr auto operator<=>(Ipv4Address, Ipv4Address) = default;
  static constexpr Ipv4Address of(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d) {
    return {be32(std::uint32_t{a} << 24 | std::uint32_t{b} << 16 | std::uint32_t{c} << 8 | d)};
  }
  [[nodiscard]] constexpr bool is_unspecified() const { return value.raw() == 0; }
  [[nodiscard]] constexpr bool is_multicast() const { return value.host() >> 28 == 0xe; }
};

struct Ipv6Address {
  std::array<std::uint8_t, 16> bytes{};

  friend constexpr bool operator==(const Ipv6Address&, const Ipv6Address&) = default;
  friend constexpr auto operator<=>(const Ipv6Address&, const Ipv6Address&) = default;
};

// An IPv4 network: the address as written (host bits kept) and the prefix length, 0..32.
struct Ipv4Prefix {
  Ipv4Address address;
  std::uint8_t length = 32;

  friend constexpr bool operator==(const Ipv4Prefix&, const Ipv4Prefix&) = default;
  [[nodiscard]] constexpr std::uint32_t mask() const {
    return length == 0 ? 0 : ~std::uint32_t{0} << (32 - length);
  }
  [[nodiscard]] constexpr bool contains(Ipv4Address other) const {
    return ((address.value.host() ^ other.value.host()) & mask()) == 0;
  }
};

// Strict: exactly the canonical forms ("192.0.2.1", "192.0.2.0/24", "52:54:00:12:34:56", RFC 4291
// for v6).
[[nodiscard]] std::optional<Ipv4Address> parse_ipv4(std::string_view text);
[[nodiscard]] std::optional<Ipv6Address> parse_ipv6(std::string_view text);
[[nodiscard]] std::optional<Ipv4Prefix> parse_ipv4_prefix(std::string_view text);
[[nodiscard]] std::optional<MacAddress> parse_mac(std::string_view text);

[[nodiscard]] std::string to_string(Ipv4Address address);
[[nodiscard]] std::string to_string(const Ipv6Address& address);
[[nodiscard]] std::string to_string(const Ipv4Prefix& prefix);
[[nodiscard]] std::string to_string(const MacAddress& address);

static_assert(sizeof(MacAddress) == 6 && sizeof(Ipv4Address) == 4 && sizeof(Ipv6Address) == 16);

}  // namespace carpool
