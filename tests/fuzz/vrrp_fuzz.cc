// Any bytes as a frame on a port with VRRP groups: they are classified without reading past their
// end, and what decodes survives encoding, of IPv4 and of IPv6.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <vector>

#include "controlplane/redundancy/vrrp_classify.h"
#include "controlplane/redundancy/vrrp_frame.h"
#include "controlplane/redundancy/vrrp_wire.h"
#include "dataplane/net/checksum.h"

namespace carpool {
namespace {

void require(bool promise) {
  if (!promise) std::abort();
}

VrrpGroup make_group(VrrpVersion version, bool unicast) {
  VrrpGroup group;
  group.version = version;
  group.vrid = 53;
  if (version == VrrpVersion::k2) group.password = make_vrrp_password("secret").value();
  group.addresses = {Ipv4Address::of(10, 0, 1, 7)};
  group.own = Ipv4Address::of(10, 0, 1, 2);
  if (unicast) group.peers = {Ipv4Address::of(10, 0, 1, 1)};
  return group;
}

template <class Address>
void check_round_trip(std::span<const std::uint8_t> message, const VrrpEnds<Address>& ends) {
  const auto advert = decode_vrrp<Address>(message, ends);
  if (!advert) return;
  require(!advert->addresses.empty() && advert->vrid != 0 && advert->interval.count() != 0);
  for (const auto form : {VrrpChecksum::kWithPseudoHeader, VrrpChecksum::kMessageOnly})
    require(decode_vrrp<Address>(encode(*advert, ends, form), ends) == *advert);
}

void check(std::span<const std::uint8_t> frame) {
  for (const auto version : {VrrpVersion::k2, VrrpVersion::k3}) {
    for (const bool unicast : {false, true}) {
      const VrrpGroup group = make_group(version, unicast);
      const auto classification = classify_advert(frame, group);
      const auto* ours = std::get_if<OurVrrpAdvert>(&classification);
      if (ours == nullptr) continue;
      require(ours->advert.source == parse_carp_frame(frame)->source);
      require(version == VrrpVersion::k3 || ours->advert.interval == group.interval);
    }
  }
  if (const auto parsed = parse_carp_frame(frame)) {
    check_round_trip<Ipv4Address>(parsed->message, {parsed->source, parsed->destination});
  }
}

void store_checksum(std::span<std::uint8_t> bytes, std::size_t at) {
  bytes[at] = bytes[at + 1] = 0;
  const be16 sum = internet_checksum(bytes);
  std::memcpy(&bytes[at], &sum, sizeof sum);
}

// The same frame with the checksums that its lengths call for, where they fit: random bytes would
// seldom get past them.
std::vector<std::uint8_t> repaired(std::span<const std::uint8_t> frame) {
  constexpr std::size_t kIp = sizeof(EthernetHeader);
  constexpr std::size_t kChecksumAt = 6;
  std::vector<std::uint8_t> copy(frame.begin(), frame.end());
  if (copy.size() < kIp + sizeof(Ipv4Header)) return copy;
  const std::size_t header = (copy[kIp] & 0xfu) * 4;
  const std::size_t total = copy[kIp + 2] * 256u + copy[kIp + 3];
  if (header < sizeof(Ipv4Header) || total < header || kIp + total > copy.size()) return copy;
  store_checksum(std::span(copy).subspan(kIp, header), offsetof(Ipv4Header, checksum));
  const auto message = std::span(copy).subspan(kIp + header, total - header);
  if (message.size() >= kChecksumAt + 2) store_checksum(message, kChecksumAt);
  return copy;
}

// The bytes as a message of IPv6, whose sum always includes the pseudo-header.
void check_ipv6(std::span<const std::uint8_t> bytes) {
  VrrpEnds<Ipv6Address> ends;
  ends.source = parse_ipv6("fe80::1").value();
  ends.destination = parse_ipv6("ff02::12").value();
  check_round_trip<Ipv6Address>(bytes, ends);
}

}  // namespace
}  // namespace carpool

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span bytes(data, size);
  carpool::check(bytes);
  carpool::check(carpool::repaired(bytes));
  carpool::check_ipv6(bytes);
  return 0;
}
