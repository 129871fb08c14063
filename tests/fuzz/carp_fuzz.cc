// Any bytes as a frame on a port with a CARP group: they are classified without reading past their
// end; what decodes survives encoding; and what is signed with the group's key is recognised.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <vector>

#include "controlplane/redundancy/carp_classify.h"
#include "controlplane/redundancy/carp_frame.h"
#include "controlplane/redundancy/carp_wire.h"
#include "dataplane/net/checksum.h"

namespace carpool {
namespace {

void require(bool promise) {
  if (!promise) std::abort();
}

const CarpGroup& group() {
  static const CarpGroup kGroup{
      make_carp_key(53, "secret", {Ipv4Address::of(10, 0, 1, 7), Ipv4Address::of(10, 0, 0, 200)},
                    {parse_ipv6("fe80::1").value()})
          .value(),
      Ipv4Address::of(10, 0, 1, 2)};
  return kGroup;
}

// The fuzzer cannot guess a digest: give it one.
void check_signed(CarpAdvert advert, const ParsedCarpFrame& parsed) {
  advert.vhid = group().key.vhid;
  advert.digest = compute_digest(group().key, advert.counter);
  const auto frame = build_carp_frame(parsed.source_mac, parsed.source, encode(advert));
  const auto result = classify_advert(frame, group());
  const auto* ours = std::get_if<OurCarpAdvert>(&result);
  require(ours != nullptr && ours->advert.source == parsed.source);
  require(ours->advert.advbase == advert.advbase && ours->advert.advskew == advert.advskew);
  require(ours->advert.counter == advert.counter && ours->source_mac == parsed.source_mac);
}

void check(std::span<const std::uint8_t> frame) {
  const auto classification = classify_advert(frame, group());
  if (const auto* ours = std::get_if<OurCarpAdvert>(&classification)) {
    require(ours->advert.source == parse_carp_frame(frame)->source);
  }
  const auto parsed = parse_carp_frame(frame);
  if (!parsed) return;
  require(parsed->message.data() >= frame.data());
  require(parsed->message.data() + parsed->message.size() <= frame.data() + frame.size());
  const auto advert = decode(parsed->message);
  if (!advert) return;
  require(decode(encode(*advert)) == *advert);
  check_signed(*advert, *parsed);
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
  std::vector<std::uint8_t> copy(frame.begin(), frame.end());
  if (copy.size() < kIp + sizeof(Ipv4Header)) return copy;
  const std::size_t header = (copy[kIp] & 0xfu) * 4;
  const std::size_t total = copy[kIp + 2] * 256u + copy[kIp + 3];
  if (header < sizeof(Ipv4Header) || total < header || kIp + total > copy.size()) return copy;
  store_checksum(std::span(copy).subspan(kIp, header), offsetof(Ipv4Header, checksum));
  constexpr std::size_t kChecksumAt = 6;
  const auto message = std::span(copy).subspan(kIp + header, total - header);
  if (message.size() >= kChecksumAt + 2) store_checksum(message, kChecksumAt);
  return copy;
}

}  // namespace
}  // namespace carpool

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span bytes(data, size);
  carpool::check(bytes);
  carpool::check(carpool::repaired(bytes));
  return 0;
}
