// What a received frame means to one CARP group, including what an operator should hear about it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <variant>

#include "controlplane/redundancy/carp.h"
#include "controlplane/redundancy/carp_wire.h"
#include "dataplane/net/address.h"

namespace carpool {

// Somebody uses our vhid, and so our virtual MAC, but is not our peer.
enum class CarpForeign : std::uint8_t {
  kDigest,        // another password, or other addresses
  kAddressOrder,  // our password and addresses, hashed in another order
  kOneAddress,    // our password, but only one of our addresses, as UCarp hashes
  kVrrp,          // VRRP with our vhid as its id
};
inline constexpr std::size_t kCarpForeigns = 4;

enum class CarpNotForGroup : std::uint8_t {
  kNotCarp,      // another IP protocol, or not IPv4
  kVhid,         // another group's advert
  kDestination,  // unicast to somebody else, or another multicast group
};
inline constexpr std::size_t kCarpNotForGroups = 3;

[[nodiscard]] std::string_view text(CarpForeign reason);  // with what to do about it
[[nodiscard]] std::string_view text(CarpNotForGroup reason);

struct CarpGroup {
  CarpKey key;
  Ipv4Address own;  // where unicast adverts may go to; unspecified: multicast only
};

// From a peer of this group, or our own echo: the machine tells.
struct OurCarpAdvert {
  CarpAdvertReceived advert;
  MacAddress source_mac;
};
struct ForeignCarpAdvert {
  CarpForeign reason;
  Ipv4Address source;
  MacAddress source_mac;
};
struct OtherCarpFrame {
  CarpNotForGroup reason;
};
struct MalformedCarpFrame {
  CarpWireError reason;
};

using CarpClassification =
    std::variant<OurCarpAdvert, ForeignCarpAdvert, OtherCarpFrame, MalformedCarpFrame>;

// Costs one digest for an advert with our vhid, and at most kMaxCarpProbes more to tell why it is
// foreign.
[[nodiscard]] CarpClassification classify_advert(std::span<const std::uint8_t> frame,
                                                 const CarpGroup& group);

inline constexpr std::size_t kMaxCarpProbes = 16;

}  // namespace carpool
