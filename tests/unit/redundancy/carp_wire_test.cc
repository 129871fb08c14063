#include "controlplane/redundancy/carp_wire.h"

#include <string>

#include <gtest/gtest.h>

#include "controlplane/redundancy/carp_frame.h"
#include "dataplane/net/checksum.h"
#include "tests/unit/redundancy/frames.h"

namespace carpool {
namespace {

std::string hex(std::span<const std::uint8_t> bytes) {
  std::string text;
  for (const std::uint8_t byte : bytes) {
    constexpr char kDigits[] = "0123456789abcdef";
    text += kDigits[byte >> 4];
    text += kDigits[byte & 0xf];
  }
  return text;
}

CarpAdvert example() {
  CarpAdvert advert{53, 100, 1, 0, 0x0123456789abcdef, {}};
  advert.digest.fill(0xaa);
  return advert;
}

CarpWireError decode_error(std::span<const std::uint8_t> message) {
  const auto result = decode(message);
  EXPECT_FALSE(result.has_value());
  return result.has_value() ? CarpWireError{} : result.error();
}

// The checksum field of a message that was changed by hand.
CarpMessage with_checksum(CarpMessage message) {
  message[6] = message[7] = 0;
  const auto raw = internet_checksum(message).host();
  message[6] = static_cast<std::uint8_t>(raw >> 8);
  message[7] = static_cast<std::uint8_t>(raw);
  return message;
}

TEST(CarpWire, LaysOutTheMessage) {
  const CarpMessage message = encode(example());
  EXPECT_EQ(hex(std::span(message).first(6)), "213564070001");
  EXPECT_EQ(hex(std::span(message).subspan(8, 8)), "0123456789abcdef");
  EXPECT_EQ(hex(std::span(message).subspan(16)), std::string(40, 'a'));
  EXPECT_EQ(fold_checksum(sum_words(message)), 0xffff);
}

TEST(CarpWire, DecodesWhatItEncodes) {
  EXPECT_EQ(decode(encode(example())), example());
}

TEST(CarpWire, SaysWhyAMessageIsRefused) {
  const CarpMessage good = encode(example());
  EXPECT_EQ(decode_error({}), CarpWireError::kTooShort);
  EXPECT_EQ(decode_error(std::span(good).first(35)), CarpWireError::kTooShort);

  std::array<std::uint8_t, 37> longer{};
  std::ranges::copy(good, longer.begin());
  EXPECT_EQ(decode_error(longer), CarpWireError::kTooLong);

  const auto changed = [&good](std::size_t at, std::uint8_t value) {
    CarpMessage message = good;
    message[at] = value;
    return message;
  };
  EXPECT_EQ(decode_error(changed(0, 0x31)), CarpWireError::kVersion);
  EXPECT_EQ(decode_error(changed(0, 0x22)), CarpWireError::kType);
  EXPECT_EQ(decode_error(changed(3, 6)), CarpWireError::kAuthLength);
  EXPECT_EQ(decode_error(changed(2, 101)), CarpWireError::kChecksum);
  EXPECT_EQ(decode_error(with_checksum(changed(1, 0))), CarpWireError::kVhid);
}

TEST(CarpWire, NamesEveryReason) {
  for (std::size_t i = 0; i < kCarpWireErrors; ++i) {
    EXPECT_FALSE(text(static_cast<CarpWireError>(i)).empty());
  }
}

// ---- Digest ------------------------------------------------------------------------------------

TEST(CarpDigest, WithAnEmptyPassword) {
  const auto key = make_carp_key(1, "", {Ipv4Address::of(192, 168, 0, 111)});
  EXPECT_EQ(hex(compute_digest(key.value(), 0)), "f1f3c90dd2b23f46e14101b554f33ac4a61c7c94");
}

TEST(CarpDigest, HashesAddressesAscending) {
  const auto low = Ipv4Address::of(10, 0, 1, 7);
  const auto high = Ipv4Address::of(10, 0, 0, 200);
  const std::vector<std::vector<Ipv4Address>> any_order{{low, high}, {high, low}, {low, high, low}};
  for (const auto& addresses : any_order) {
    const auto key = make_carp_key(53, "foo", addresses);
    EXPECT_EQ(key->addresses.front(), high);  // 10.0.0.200 < 10.0.1.7
  }
  EXPECT_NE(
      compute_digest(make_carp_key(53, "foo", {low, high}).value(), 1),
      compute_digest(
          make_carp_key(53, "foo", {low, high}, {}, CarpAddressOrder::kConfigured).value(), 1));
}

TEST(CarpDigest, OfTwoAddresses) {
  const auto key =
      make_carp_key(53, "foo", {Ipv4Address::of(10, 0, 1, 7), Ipv4Address::of(10, 0, 0, 200)});
  EXPECT_EQ(hex(compute_digest(key.value(), 0x0123456789abcdef)),
            "d73180a2d040a02c8981100dfb84511afd3f18df");
}

TEST(CarpDigest, ClearsTheScopeOfLinkLocalAddresses) {
  const auto plain = parse_ipv6("fe80::1").value();
  auto embedded = plain;
  embedded.bytes[3] = 2;  // as a BSD kernel keeps it
  EXPECT_EQ(make_carp_key(1, "p", {}, {plain}).value(),
            make_carp_key(1, "p", {}, {embedded}).value());
}

TEST(CarpDigest, VerifiesItsOwnAndNothingElse) {
  const auto key = make_carp_key(53, "foo", {Ipv4Address::of(10, 0, 1, 7)}).value();
  CarpAdvert advert{53, 0, 1, 0, 42, {}};
  advert.digest = compute_digest(key, advert.counter);
  EXPECT_TRUE(verify(key, advert));

  CarpAdvert other = advert;
  other.counter = 43;
  EXPECT_FALSE(verify(key, other));
  other = advert;
  other.digest[19] ^= 1;
  EXPECT_FALSE(verify(key, other));
  other = advert;
  other.vhid = 54;
  EXPECT_FALSE(verify(key, other));
}

// OpenBSD hashes without them, and accepts either.
TEST(CarpDigest, VerifiesWithAndWithoutLinkLocals) {
  const auto global = parse_ipv6("2001:db8::1").value();
  const auto with = make_carp_key(1, "p", {}, {global, parse_ipv6("fe80::1").value()}).value();
  const auto without = make_carp_key(1, "p", {}, {global}).value();
  CarpAdvert advert{1, 0, 1, 0, 42, {}};
  advert.digest = compute_digest(without, 42);
  EXPECT_TRUE(verify(with, advert));
  advert.digest = compute_digest(with, 42);
  EXPECT_TRUE(verify(with, advert));
  EXPECT_FALSE(verify(without, advert));
}

TEST(CarpDigest, RefusesWhatCannotBeAKey) {
  const Ipv4Address address = Ipv4Address::of(10, 0, 0, 1);
  EXPECT_FALSE(make_carp_key(0, "p", {address}).has_value());
  EXPECT_FALSE(make_carp_key(1, "p", {}).has_value());
  EXPECT_TRUE(make_carp_key(1, "1234567890123456789", {address}).has_value());
  EXPECT_FALSE(make_carp_key(1, "12345678901234567890", {address}).has_value());
}

TEST(CarpDigest, AgreesWithUcarp) {
  const auto key = make_carp_key(53, "secret", {Ipv4Address::of(10, 0, 1, 7)}).value();
  for (const auto& frame : {test::kUcarpAdvert, test::kUcarpNextAdvert}) {
    const auto advert = decode(parse_carp_frame(frame).value().message);
    ASSERT_TRUE(advert.has_value());
    EXPECT_EQ(advert->advbase, 1);
    EXPECT_EQ(advert->advskew, 0);
    EXPECT_TRUE(verify(key, *advert));
    EXPECT_EQ(hex(encode(*advert)), hex(std::span(frame).subspan(34)));  // bit by bit
  }
}

}  // namespace
}  // namespace carpool
