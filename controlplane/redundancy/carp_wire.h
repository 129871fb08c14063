// The CARP message of 36 bytes: layout, checksum and digest.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string_view>
#include <vector>

#include "dataplane/base/result.h"
#include "dataplane/net/address.h"

namespace carpool {

inline constexpr std::size_t kCarpMessageBytes = 36;
inline constexpr std::size_t kCarpKeyBytes = 20;
inline constexpr std::size_t kMaxCarpPasswordBytes = kCarpKeyBytes - 1;
inline constexpr std::size_t kMaxCarpAddresses = 256;  // per group and family

using CarpMessage = std::array<std::uint8_t, kCarpMessageBytes>;
using CarpDigest = std::array<std::uint8_t, 20>;

struct CarpAdvert {
  std::uint8_t vhid = 0;
  std::uint8_t advskew = 0;
  std::uint8_t advbase = 0;
  std::uint8_t demotion = 0;  // the pad byte, which OpenBSD uses
  std::uint64_t counter = 0;
  CarpDigest digest{};

  friend bool operator==(const CarpAdvert&, const CarpAdvert&) = default;
};

// Why bytes are not a CARP message, or a frame does not carry one.
enum class CarpWireError : std::uint8_t {
  kFrameTooShort,
  kNotIpv4,
  kIpHeader,
  kIpLength,
  kIpChecksum,
  kFragment,
  kNotCarp,
  kTtl,
  kTooShort,
  kTooLong,
  kVersion,
  kType,
  kAuthLength,
  kChecksum,
  kVhid,
};
inline constexpr std::size_t kCarpWireErrors = 15;
[[nodiscard]] std::string_view text(CarpWireError error);

[[nodiscard]] CarpMessage encode(const CarpAdvert& advert);

// `message` is the payload of the IP packet, exactly. Does not look at the digest.
[[nodiscard]] std::expected<CarpAdvert, CarpWireError> decode(
    std::span<const std::uint8_t> message);

// ---- Digest ------------------------------------------------------------------------------------

enum class CarpAddressOrder : std::uint8_t {
  kAscending,   // everybody today
  kConfigured,  // FreeBSD 9 and older
};

// What a digest is made from, in the order in which it is hashed. Made by make_carp_key only.
struct CarpKey {
  std::uint8_t vhid = 0;
  std::array<std::uint8_t, kCarpKeyBytes> password{};  // zero-filled
  std::vector<Ipv4Address> addresses;
  std::vector<Ipv6Address> addresses6;

  friend bool operator==(const CarpKey&, const CarpKey&) = default;
};

// Sorts the addresses unless told otherwise, drops duplicates and clears the scope id that a BSD
// stack embeds in link-local addresses. Fails on a vhid of zero, a password too long, no or too
// many addresses, or an OpenSSL without HMAC-SHA1.
[[nodiscard]] Result<CarpKey> make_carp_key(std::uint8_t vhid, std::string_view password,
                                            std::vector<Ipv4Address> addresses,
                                            std::vector<Ipv6Address> addresses6 = {},
                                            CarpAddressOrder order = CarpAddressOrder::kAscending);

[[nodiscard]] CarpDigest compute_digest(const CarpKey& key, std::uint64_t counter);

// In constant time. OpenBSD leaves IPv6 link-local addresses out; both forms are right.
[[nodiscard]] bool verify(const CarpKey& key, const CarpAdvert& advert);

}  // namespace carpool
