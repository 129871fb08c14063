#include "controlplane/redundancy/vrrp_classify.h"

#include <algorithm>
#include <utility>

#include "controlplane/redundancy/carp_wire.h"
#include "controlplane/redundancy/vrrp_frame.h"

namespace carpool {
namespace {

constexpr std::uint8_t kPriorityOfOwner = 255;

bool is_same_set(std::vector<Ipv4Address> left, std::vector<Ipv4Address> right) {
  std::ranges::sort(left);
  std::ranges::sort(right);
  return left == right;
}

bool is_listed(const VrrpGroup& group, Ipv4Address source) {
  return std::ranges::find(group.peers, source) != group.peers.end();
}

// Where it came from and how: by multicast if no peers are named, else from one of them.
std::optional<VrrpForeign> why_not_from_peer(const ParsedCarpFrame& frame, const VrrpGroup& group) {
  const bool multicast = frame.destination == kVrrpMulticast;
  const bool expected = group.peers.empty() ? multicast : is_listed(group, frame.source);
  // Our own multicast comes back on some networks; which the machine knows.
  if (!expected && frame.source != group.own) return VrrpForeign::kNotAPeer;
  if (!multicast && frame.ttl < group.min_ttl) return VrrpForeign::kTtl;
  return std::nullopt;
}

// RFC 3768, 7.1, for what the versions have to agree in.
std::optional<VrrpForeign> why_foreign(const VrrpAdvert& advert, const VrrpGroup& group) {
  if (advert.version != group.version) return VrrpForeign::kVersion;
  if (advert.version == VrrpVersion::k2) {
    if (advert.password != group.password) return VrrpForeign::kPassword;
    if (advert.interval != group.interval) return VrrpForeign::kInterval;
  }
  return std::nullopt;
}

}  // namespace

std::string_view text(VrrpForeign reason) {
  switch (reason) {
    case VrrpForeign::kVersion:
      return "another version of VRRP: compare 'protocol' of both nodes";
    case VrrpForeign::kPassword:
      return "another password, or none where one is wanted: compare 'pass' of both nodes";
    case VrrpForeign::kInterval:
      return "another interval, which VRRP 2 does not allow: compare 'advert-interval' of both "
             "nodes";
    case VrrpForeign::kAddresses:
      return "other addresses: compare 'address' of both nodes";
    case VrrpForeign::kNotAPeer:
      return "neither multicast nor from a listed peer: compare 'unicast peer' of both nodes";
    case VrrpForeign::kTtl:
      return "from too far away: it came over more routers than 'min-ttl' allows";
    case VrrpForeign::kCarp:
      return "a CARP node with our vrid as its vhid has our virtual MAC: change one of them";
  }
  std::unreachable();
}

std::string_view text(VrrpNotForGroup reason) {
  switch (reason) {
    case VrrpNotForGroup::kNotVrrp:
      return "not VRRP";
    case VrrpNotForGroup::kVrid:
      return "another vrid";
    case VrrpNotForGroup::kDestination:
      return "for another destination";
  }
  std::unreachable();
}

VrrpClassification classify_advert(std::span<const std::uint8_t> frame, const VrrpGroup& group) {
  const auto parsed = parse_carp_frame(frame);
  if (!parsed) {
    const bool other =
        parsed.error() == CarpWireError::kNotIpv4 || parsed.error() == CarpWireError::kNotCarp;
    if (other) return OtherVrrpFrame{VrrpNotForGroup::kNotVrrp};
    return MalformedVrrpFrame{text(parsed.error())};
  }
  const bool to_us = !group.own.is_unspecified() && parsed->destination == group.own;
  if (parsed->destination != kVrrpMulticast && !to_us) {
    return OtherVrrpFrame{VrrpNotForGroup::kDestination};
  }
  // The id is the second byte of all protocols that number 112 carries.
  if (parsed->message.size() >= 2 && parsed->message[1] != group.vrid) {
    return OtherVrrpFrame{VrrpNotForGroup::kVrid};
  }
  const auto foreign = [&parsed](VrrpForeign reason) {
    return ForeignVrrpAdvert{reason, parsed->source, parsed->source_mac};
  };
  const auto advert =
      decode_vrrp<Ipv4Address>(parsed->message, {parsed->source, parsed->destination});
  if (!advert) {
    if (decode(parsed->message)) return foreign(VrrpForeign::kCarp);
    return MalformedVrrpFrame{text(advert.error())};
  }
  if (const auto reason = why_not_from_peer(*parsed, group)) return foreign(*reason);
  if (const auto reason = why_foreign(*advert, group)) return foreign(*reason);

  OurVrrpAdvert ours{{parsed->source, advert->priority, advert->interval}, parsed->source_mac};
  if (!is_same_set(advert->addresses, group.addresses)) {
    // RFC 3768 has it dropped unless it is the owner's; RFC 9568 only has it logged. A router that
    // leaves says so with an empty promise: whatever it lists, it is going.
    const bool dropped = group.version == VrrpVersion::k2 && advert->priority != kPriorityOfOwner &&
                         advert->priority != 0;
    if (dropped) return foreign(VrrpForeign::kAddresses);
    ours.remark = VrrpForeign::kAddresses;
  }
  return ours;
}

}  // namespace carpool
