#include "controlplane/redundancy/carp_classify.h"

#include <algorithm>
#include <utility>

#include "controlplane/redundancy/carp_frame.h"

namespace carpool {
namespace {

constexpr std::uint8_t kVrrp2 = 0x21;  // as CARP
constexpr std::uint8_t kVrrp3 = 0x31;

// RFC 3768: 8 bytes, the addresses whose number is the fourth byte, 8 bytes of authentication data.
// RFC 5798: without the latter. Only called for what is not a CARP message.
bool looks_like_vrrp(std::span<const std::uint8_t> message) {
  if (message.size() < 8) return false;
  const std::size_t without_auth = 8 + std::size_t{4} * message[3];
  if (message[0] == kVrrp3) return message.size() == without_auth;
  return message[0] == kVrrp2 && message.size() == without_auth + 8;
}

// The digest does not match: find the mistake that is most likely made, since "wrong password"
// would send an operator to the wrong place.
CarpForeign why_foreign(const CarpKey& key, const CarpAdvert& advert) {
  CarpKey probe = key;
  std::ranges::sort(probe.addresses);
  if (probe.addresses != key.addresses && verify(probe, advert)) return CarpForeign::kAddressOrder;
  std::ranges::reverse(probe.addresses);
  if (probe.addresses != key.addresses && verify(probe, advert)) return CarpForeign::kAddressOrder;
  if (key.addresses.size() + key.addresses6.size() == 1) return CarpForeign::kDigest;

  probe.addresses6.clear();
  const std::size_t tried = std::min(key.addresses.size(), kMaxCarpProbes - 2);
  for (std::size_t i = 0; i < tried; ++i) {
    probe.addresses = {key.addresses[i]};
    if (verify(probe, advert)) return CarpForeign::kOneAddress;
  }
  return CarpForeign::kDigest;
}

}  // namespace

std::string_view text(CarpForeign reason) {
  switch (reason) {
    case CarpForeign::kDigest:
      return "another password or other addresses: compare 'pass' and 'address' of both nodes";
    case CarpForeign::kAddressOrder:
      return "our addresses hashed in another order: change 'address-order'";
    case CarpForeign::kOneAddress:
      return "only one of our addresses is hashed, as UCarp does: give it a group of its own";
    case CarpForeign::kVrrp:
      return "a VRRP router with our vhid as its id has our virtual MAC: change one of them";
  }
  std::unreachable();
}

std::string_view text(CarpNotForGroup reason) {
  switch (reason) {
    case CarpNotForGroup::kNotCarp:
      return "not CARP";
    case CarpNotForGroup::kVhid:
      return "another vhid";
    case CarpNotForGroup::kDestination:
      return "for another destination";
  }
  std::unreachable();
}

CarpClassification classify_advert(std::span<const std::uint8_t> frame, const CarpGroup& group) {
  const auto parsed = parse_carp_frame(frame);
  if (!parsed) {
    const bool other =
        parsed.error() == CarpWireError::kNotIpv4 || parsed.error() == CarpWireError::kNotCarp;
    if (other) return OtherCarpFrame{CarpNotForGroup::kNotCarp};
    return MalformedCarpFrame{parsed.error()};
  }
  const bool unicast_to_us = !group.own.is_unspecified() && parsed->destination == group.own;
  if (parsed->destination != kCarpMulticast && !unicast_to_us) {
    return OtherCarpFrame{CarpNotForGroup::kDestination};
  }
  // The id is the second byte of all protocols that number 112 carries.
  if (parsed->message.size() >= 2 && parsed->message[1] != group.key.vhid) {
    return OtherCarpFrame{CarpNotForGroup::kVhid};
  }
  const auto advert = decode(parsed->message);
  if (!advert) {
    if (!looks_like_vrrp(parsed->message)) return MalformedCarpFrame{advert.error()};
    return ForeignCarpAdvert{CarpForeign::kVrrp, parsed->source, parsed->source_mac};
  }
  if (!verify(group.key, *advert)) {
    const auto reason = why_foreign(group.key, *advert);
    return ForeignCarpAdvert{reason, parsed->source, parsed->source_mac};
  }
  return OurCarpAdvert{
      {parsed->source, advert->advbase, advert->advskew, advert->demotion, advert->counter},
      parsed->source_mac};
}

}  // namespace carpool
