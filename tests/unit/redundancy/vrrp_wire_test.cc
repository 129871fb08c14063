// The bytes of VRRP, by hand and as keepalived sends them.
#include "controlplane/redundancy/vrrp_wire.h"

#include <cstring>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "controlplane/redundancy/vrrp_frame.h"
#include "dataplane/net/checksum.h"
#include "tests/unit/redundancy/vrrp_frames.h"

namespace carpool {
namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr Ipv4Address kNode = Ipv4Address::of(10, 0, 1, 1);
const VrrpEnds<Ipv4Address> kEnds{kNode, kVrrpMulticast};

VrrpAdvert advert_of(VrrpVersion version) {
  VrrpAdvert advert;
  advert.version = version;
  advert.vrid = 53;
  advert.priority = 100;
  advert.addresses = {Ipv4Address::of(10, 0, 1, 7), Ipv4Address::of(10, 0, 1, 8)};
  return advert;
}

VrrpEnds<Ipv6Address> ends6() {
  return {parse_ipv6("fe80::1").value(), parse_ipv6("ff02::12").value()};
}
VrrpAdvert6 advert6() {
  VrrpAdvert6 advert;
  advert.vrid = 53;
  advert.priority = 100;
  advert.interval = VrrpInterval(10);
  advert.addresses = {parse_ipv6("fe80::7").value(), parse_ipv6("2001:db8::7").value()};
  return advert;
}

VrrpWireError error_of(const Bytes& message) {
  const auto result = decode_vrrp<Ipv4Address>(message, kEnds);
  EXPECT_FALSE(result.has_value());
  return result.has_value() ? VrrpWireError{} : result.error();
}

// With the checksum of version 2, which the other one takes, too.
Bytes summed(Bytes message) {
  message[6] = message[7] = 0;
  const auto sum = internet_checksum(message).host();
  message[6] = static_cast<std::uint8_t>(sum >> 8);
  message[7] = static_cast<std::uint8_t>(sum);
  return message;
}

Bytes changed(VrrpVersion version, std::size_t at, std::uint8_t value) {
  Bytes message = encode(advert_of(version), kEnds);
  message[at] = value;
  return summed(message);
}

TEST(VrrpWire, Version2IsLaidOutAsRfc3768Says) {
  VrrpAdvert advert = advert_of(VrrpVersion::k2);
  advert.interval = VrrpInterval(300);
  advert.password = make_vrrp_password("secret").value();
  EXPECT_EQ(encode(advert, kEnds), summed({0x21, 53, 100, 2, 1,   3,   0,   0,   10,  0,   1, 7,
                                           10,   0,  1,   8, 's', 'e', 'c', 'r', 'e', 't', 0, 0}));
  advert.password.reset();
  EXPECT_EQ(encode(advert, kEnds), summed({0x21, 53, 100, 2, 0, 3, 0, 0, 10, 0, 1, 7,
                                           10,   0,  1,   8, 0, 0, 0, 0, 0,  0, 0, 0}));
}

TEST(VrrpWire, Version3IsLaidOutAsRfc9568Says) {
  VrrpAdvert advert = advert_of(VrrpVersion::k3);
  advert.interval = VrrpInterval(0x123);
  EXPECT_EQ(encode(advert, kEnds, VrrpChecksum::kMessageOnly),
            summed({0x31, 53, 100, 2, 0x01, 0x23, 0, 0, 10, 0, 1, 7, 10, 0, 1, 8}));
}

TEST(VrrpWire, SurvivesTheWayThereAndBack) {
  for (const auto version : {VrrpVersion::k2, VrrpVersion::k3}) {
    for (const auto form : {VrrpChecksum::kWithPseudoHeader, VrrpChecksum::kMessageOnly}) {
      const VrrpAdvert advert = advert_of(version);
      EXPECT_EQ(decode_vrrp<Ipv4Address>(encode(advert, kEnds, form), kEnds), advert);
    }
  }
  EXPECT_EQ(decode_vrrp<Ipv6Address>(encode(advert6(), ends6()), ends6()), advert6());
}

TEST(VrrpWire, ThePseudoHeaderCountsWhereItIsIncluded) {
  const VrrpEnds<Ipv4Address> others{Ipv4Address::of(10, 0, 1, 2), kVrrpMulticast};
  const VrrpAdvert advert = advert_of(VrrpVersion::k3);
  EXPECT_FALSE(decode_vrrp<Ipv4Address>(encode(advert, kEnds), others));
  EXPECT_TRUE(decode_vrrp<Ipv4Address>(encode(advert, kEnds, VrrpChecksum::kMessageOnly), others));
  VrrpEnds<Ipv6Address> others6 = ends6();
  others6.source = parse_ipv6("fe80::2").value();
  EXPECT_FALSE(decode_vrrp<Ipv6Address>(encode(advert6(), ends6()), others6));
  EXPECT_FALSE(
      decode_vrrp<Ipv6Address>(encode(advert6(), ends6(), VrrpChecksum::kMessageOnly), others6))
      << "IPv6 always sums the pseudo-header";
}

TEST(VrrpWire, EveryFaultHasItsName) {
  const Bytes good = encode(advert_of(VrrpVersion::k3), kEnds);
  EXPECT_EQ(error_of(Bytes(good.begin(), good.begin() + 7)), VrrpWireError::kTooShort);
  EXPECT_EQ(error_of(changed(VrrpVersion::k3, 0, 0x41)), VrrpWireError::kVersion);
  EXPECT_EQ(error_of(changed(VrrpVersion::k3, 0, 0x32)), VrrpWireError::kType);
  EXPECT_EQ(error_of(changed(VrrpVersion::k3, 1, 0)), VrrpWireError::kVrid);
  EXPECT_EQ(error_of(changed(VrrpVersion::k3, 3, 0)), VrrpWireError::kCount);
  EXPECT_EQ(error_of(changed(VrrpVersion::k3, 3, 3)), VrrpWireError::kLength);
  EXPECT_EQ(error_of(changed(VrrpVersion::k2, 4, 2)), VrrpWireError::kAuthType);
  EXPECT_EQ(error_of(changed(VrrpVersion::k2, 5, 0)), VrrpWireError::kInterval);
  EXPECT_EQ(error_of(changed(VrrpVersion::k3, 5, 0)), VrrpWireError::kInterval);
  Bytes flipped = good;
  flipped[2] ^= 1;
  EXPECT_EQ(error_of(flipped), VrrpWireError::kChecksum);
  for (std::size_t i = 0; i < kVrrpWireErrors; ++i)
    EXPECT_FALSE(text(static_cast<VrrpWireError>(i)).empty());
}

TEST(VrrpWire, ReservedBitsOfVersion3AreIgnored) {
  const auto advert = decode_vrrp<Ipv4Address>(changed(VrrpVersion::k3, 4, 0xf0), kEnds);
  ASSERT_TRUE(advert);
  EXPECT_EQ(advert->interval, VrrpInterval(100));
}

TEST(VrrpWire, Version2IsNotForIpv6) {
  const auto result = decode_vrrp<Ipv6Address>(encode(advert_of(VrrpVersion::k2), kEnds), ends6());
  EXPECT_EQ(result.error(), VrrpWireError::kVersion);
}

TEST(VrrpPasswordText, HasAtMostEightBytes) {
  EXPECT_TRUE(make_vrrp_password("12345678"));
  const auto result = make_vrrp_password("123456789");
  ASSERT_FALSE(result);
  EXPECT_NE(result.error().message.find("has 9 bytes, at most 8"), std::string::npos);
}

// ---- keepalived --------------------------------------------------------------------------------

// What it sends decodes to what it was told, and we would send the same bytes: apart from type of
// service, identification and don't-fragment of the IP header, which are nobody's business.
void expect_keepalived(std::span<const std::uint8_t> frame, const VrrpAdvert& told) {
  const auto parsed = parse_carp_frame(frame);
  ASSERT_TRUE(parsed) << text(parsed.error());
  EXPECT_EQ(parsed->ttl, kVrrpTtl);
  const VrrpEnds<Ipv4Address> ends{parsed->source, parsed->destination};
  const auto advert = decode_vrrp<Ipv4Address>(parsed->message, ends);
  ASSERT_TRUE(advert) << text(advert.error());
  EXPECT_EQ(*advert, told);
  const auto message = encode(*advert, ends);
  EXPECT_EQ(message, Bytes(parsed->message.begin(), parsed->message.end()));
}

VrrpAdvert told_to_keepalived(VrrpVersion version, unsigned centiseconds) {
  VrrpAdvert advert;
  advert.version = version;
  advert.vrid = 53;
  advert.priority = 100;
  advert.interval = VrrpInterval(static_cast<std::uint16_t>(centiseconds));
  advert.addresses = {Ipv4Address::of(10, 0, 1, 7), Ipv4Address::of(10, 0, 1, 8)};
  return advert;
}

TEST(VrrpWire, AgreesWithKeepalivedInVersion2) {
  expect_keepalived(test::kKeepalivedV2, told_to_keepalived(VrrpVersion::k2, 100));
}

TEST(VrrpWire, AgreesWithKeepalivedInVersion2WithPassword) {
  auto told = told_to_keepalived(VrrpVersion::k2, 100);
  told.password = make_vrrp_password("secret").value();
  expect_keepalived(test::kKeepalivedV2Pass, told);
}

TEST(VrrpWire, AgreesWithKeepalivedInVersion3) {
  expect_keepalived(test::kKeepalivedV3, told_to_keepalived(VrrpVersion::k3, 10));
}

TEST(VrrpWire, AgreesWithKeepalivedThatLeaves) {
  auto told = told_to_keepalived(VrrpVersion::k3, 10);
  told.priority = 0;
  expect_keepalived(test::kKeepalivedV3Leaving, told);
}

TEST(VrrpWire, AgreesWithKeepalivedInUnicast) {
  expect_keepalived(test::kKeepalivedV3Unicast, told_to_keepalived(VrrpVersion::k3, 10));
}

TEST(VrrpWire, AgreesWithKeepalivedInIpv6) {
  constexpr std::size_t kIpv6Header = 40;
  const std::span<const std::uint8_t> packet =
      std::span(test::kKeepalivedV3Ipv6).subspan(sizeof(EthernetHeader));
  VrrpEnds<Ipv6Address> ends;
  std::memcpy(&ends.source, &packet[8], sizeof ends.source);
  std::memcpy(&ends.destination, &packet[24], sizeof ends.destination);
  const auto message = packet.subspan(kIpv6Header);
  const auto advert = decode_vrrp<Ipv6Address>(message, ends);
  ASSERT_TRUE(advert) << text(advert.error());
  EXPECT_EQ(advert->priority, 100);
  EXPECT_EQ(advert->interval, VrrpInterval(10));
  EXPECT_EQ(advert->addresses,
            (std::vector{parse_ipv6("fe80::7").value(), parse_ipv6("2001:db8::7").value()}));
  EXPECT_EQ(encode(*advert, ends), Bytes(message.begin(), message.end()));
}

}  // namespace
}  // namespace carpool
