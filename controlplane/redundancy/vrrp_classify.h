// What a received frame means to one VRRP group, including what an operator should hear about it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <variant>
#include <vector>

#include "controlplane/redundancy/vrrp.h"
#include "controlplane/redundancy/vrrp_wire.h"
#include "dataplane/net/address.h"

namespace carpool {

// Somebody uses our vrid, and so our virtual MAC, but does not agree with us.
enum class VrrpForeign : std::uint8_t {
  kVersion,    // the other version of VRRP
  kPassword,   // version 2: another password, or one where we have none, or none
  kInterval,   // version 2: another interval, which RFC 3768 does not tolerate
  kAddresses,  // not the same addresses
  kNotAPeer,   // not one of those that were configured for unicast
  kTtl,        // unicast that came over too many routers
  kCarp,       // CARP with our vrid as its vhid
};
inline constexpr std::size_t kVrrpForeigns = 7;

enum class VrrpNotForGroup : std::uint8_t {
  kNotVrrp,      // another IP protocol, or not IPv4
  kVrid,         // another group's advert
  kDestination,  // unicast to somebody else, or another multicast group
};
inline constexpr std::size_t kVrrpNotForGroups = 3;

[[nodiscard]] std::string_view text(VrrpForeign reason);  // with what to do about it
[[nodiscard]] std::string_view text(VrrpNotForGroup reason);

// What a group's adverts have to say, and where they may come from.
struct VrrpGroup {
  VrrpVersion version = VrrpVersion::k3;
  std::uint8_t vrid = 1;
  VrrpInterval interval{100};              // ours; version 2 accepts no other
  std::optional<VrrpPassword> password{};  // version 2 only
  std::vector<Ipv4Address> addresses{};    // in the order in which they are advertised
  Ipv4Address own{};                       // where unicast adverts may go to
  std::vector<Ipv4Address> peers{};        // empty: whoever is on the network, by multicast
  std::uint8_t min_ttl = 0;                // of unicast adverts

  friend bool operator==(const VrrpGroup&, const VrrpGroup&) = default;
};

// From another router of this group, or our own echo: the machine tells.
struct OurVrrpAdvert {
  VrrpAdvertReceived advert;
  MacAddress source_mac;
  std::optional<VrrpForeign> remark{};  // accepted all the same
};
struct ForeignVrrpAdvert {
  VrrpForeign reason;
  Ipv4Address source;
  MacAddress source_mac;
};
struct OtherVrrpFrame {
  VrrpNotForGroup reason;
};
struct MalformedVrrpFrame {
  std::string_view reason;
};

using VrrpClassification =
    std::variant<OurVrrpAdvert, ForeignVrrpAdvert, OtherVrrpFrame, MalformedVrrpFrame>;

[[nodiscard]] VrrpClassification classify_advert(std::span<const std::uint8_t> frame,
                                                 const VrrpGroup& group);

}  // namespace carpool
