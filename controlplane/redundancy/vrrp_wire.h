// VRRP messages: version 2 (RFC 3768, with the passwords of RFC 2338) and version 3 (RFC 9568, and
// RFC 5798 before it), for IPv4 and IPv6.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "dataplane/base/result.h"
#include "dataplane/base/time.h"
#include "dataplane/net/address.h"

namespace carpool {

enum class VrrpVersion : std::uint8_t { k2 = 2, k3 = 3 };

// What the checksum of version 3 over IPv4 covers. Both forms are accepted.
enum class VrrpChecksum : std::uint8_t {
  kWithPseudoHeader,  // RFC 5798, as keepalived and FRR do it
  kMessageOnly,       // RFC 9568
};

// RFC 2338's "simple text password", zero-filled. Whoever is on the network can read it.
inline constexpr std::size_t kVrrpPasswordBytes = 8;
using VrrpPassword = std::array<std::uint8_t, kVrrpPasswordBytes>;
[[nodiscard]] Result<VrrpPassword> make_vrrp_password(std::string_view text);

// Both versions count in centiseconds here; version 2 sends whole seconds.
using VrrpInterval = std::chrono::duration<std::uint16_t, std::centi>;
inline constexpr VrrpInterval kMaxVrrp3Interval{4095};   // 12 bits
inline constexpr VrrpInterval kMaxVrrp2Interval{25500};  // one byte of seconds

template <class Address>
struct VrrpAdvertOf {
  VrrpVersion version = VrrpVersion::k3;
  std::uint8_t vrid = 0;      // 1..255
  std::uint8_t priority = 0;  // 0: the sender is leaving; 255: it owns the addresses
  VrrpInterval interval{100};
  std::optional<VrrpPassword> password{};  // version 2 only
  std::vector<Address> addresses{};        // 1..255; of IPv6 the first one is link-local

  friend bool operator==(const VrrpAdvertOf&, const VrrpAdvertOf&) = default;
};
using VrrpAdvert = VrrpAdvertOf<Ipv4Address>;
using VrrpAdvert6 = VrrpAdvertOf<Ipv6Address>;

// Of the IP packet that carries the message: the checksum may cover them.
template <class Address>
struct VrrpEnds {
  Address source;
  Address destination;
};

enum class VrrpWireError : std::uint8_t {
  kTooShort,
  kVersion,
  kType,
  kVrid,
  kCount,
  kLength,
  kAuthType,
  kInterval,
  kChecksum,
};
inline constexpr std::size_t kVrrpWireErrors = 9;
[[nodiscard]] std::string_view text(VrrpWireError error);

inline constexpr std::size_t kVrrpHeaderBytes = 8;
template <class Address>
[[nodiscard]] constexpr std::size_t vrrp_message_bytes(VrrpVersion version, std::size_t addresses) {
  const std::size_t auth = version == VrrpVersion::k2 ? kVrrpPasswordBytes : 0;
  return kVrrpHeaderBytes + addresses * sizeof(Address) + auth;
}

// The payload of an IP packet. The advert must be one that its version can express.
template <class Address>
[[nodiscard]] std::vector<std::uint8_t> encode(const VrrpAdvertOf<Address>& advert,
                                               const VrrpEnds<Address>& ends,
                                               VrrpChecksum form = VrrpChecksum::kWithPseudoHeader);

// `message` is the payload of the IP packet, exactly. Does not look at the password.
template <class Address>
[[nodiscard]] std::expected<VrrpAdvertOf<Address>, VrrpWireError> decode_vrrp(
    std::span<const std::uint8_t> message, const VrrpEnds<Address>& ends);

}  // namespace carpool
