#include "controlplane/redundancy/carp_frame.h"

#include <algorithm>
#include <vector>

#include <gtest/gtest.h>

#include "controlplane/redundancy/announce.h"
#include "controlplane/redundancy/carp_classify.h"
#include "dataplane/net/checksum.h"
#include "tests/unit/redundancy/frames.h"

namespace carpool {
namespace {

constexpr Ipv4Address kNode = Ipv4Address::of(10, 0, 1, 1);
constexpr Ipv4Address kPeer = Ipv4Address::of(10, 0, 1, 2);
constexpr MacAddress kVirtualMac = MacAddress::virtual_router(53);
constexpr MacAddress kPeerMac{{0x52, 0x54, 0, 0, 0, 2}};
const std::vector<Ipv4Address> kAddresses{Ipv4Address::of(10, 0, 1, 7),
                                          Ipv4Address::of(10, 0, 1, 6)};

CarpMessage message_with(const CarpKey& key) {
  CarpAdvert advert{key.vhid, 100, 1, 0, 42, {}};
  advert.digest = compute_digest(key, advert.counter);
  return encode(advert);
}

CarpKey key_of(std::uint8_t vhid, std::string_view password, std::vector<Ipv4Address> addresses,
               CarpAddressOrder order = CarpAddressOrder::kAscending) {
  return make_carp_key(vhid, password, std::move(addresses), {}, order).value();
}

CarpFrame good_frame() {
  return build_carp_frame(kVirtualMac, kNode, message_with(key_of(53, "secret", kAddresses)));
}

// The IP header's checksum after it was changed by hand.
template <class Frame>
Frame with_ip_checksum(Frame frame, std::size_t header_bytes = 20) {
  frame[24] = frame[25] = 0;
  const auto sum = internet_checksum(std::span(frame).subspan(14, header_bytes)).host();
  frame[24] = static_cast<std::uint8_t>(sum >> 8);
  frame[25] = static_cast<std::uint8_t>(sum);
  return frame;
}

CarpFrame changed(std::size_t at, std::uint8_t value) {
  CarpFrame frame = good_frame();
  frame[at] = value;
  return with_ip_checksum(frame);
}

CarpWireError parse_error(std::span<const std::uint8_t> frame) {
  const auto result = parse_carp_frame(frame);
  EXPECT_FALSE(result.has_value());
  return result.has_value() ? CarpWireError{} : result.error();
}

TEST(CarpFrame, GoesToTheMulticastGroup) {
  const CarpFrame frame = good_frame();
  const auto parsed = parse_carp_frame(frame).value();
  EXPECT_TRUE(std::ranges::equal(std::span(frame).first(6), kCarpMulticastMac.bytes));
  EXPECT_EQ(parsed.source_mac, kVirtualMac);
  EXPECT_EQ(parsed.source, kNode);
  EXPECT_EQ(parsed.destination, kCarpMulticast);
  EXPECT_EQ(parsed.ttl, 255);
  EXPECT_EQ(parsed.message.size(), kCarpMessageBytes);
  EXPECT_EQ(frame[20], 0x40);  // don't fragment
}

// Apart from the IP id, type of service and virtual MAC, bit by bit what ucarp sends.
TEST(CarpFrame, EqualsUcarps) {
  CarpMessage message;
  std::ranges::copy(std::span(test::kUcarpAdvert).subspan(34), message.begin());
  MacAddress ucarp_mac;
  std::ranges::copy(std::span(test::kUcarpAdvert).subspan(6, 6), ucarp_mac.bytes.begin());
  CarpFrame frame = build_carp_frame(ucarp_mac, kNode, message);
  for (const std::size_t at : {15, 18, 19}) {
    frame[at] = test::kUcarpAdvert[at];
  }
  EXPECT_EQ(with_ip_checksum(frame), test::kUcarpAdvert);
}

TEST(CarpFrame, MayHavePaddingAndIpOptions) {
  const CarpFrame plain = good_frame();
  std::vector<std::uint8_t> frame(plain.begin(), plain.end());
  frame.insert(frame.begin() + 34, 4, 0x01);  // four no-operation options
  frame.insert(frame.end(), 6, 0xee);
  frame[14] = 0x46;
  frame[17] = static_cast<std::uint8_t>(frame[17] + 4);
  frame = with_ip_checksum(frame, 24);
  const auto parsed = parse_carp_frame(frame).value();
  EXPECT_TRUE(decode(parsed.message).has_value());
}

TEST(CarpFrame, SaysWhyItIsRefused) {
  const CarpFrame good = good_frame();
  EXPECT_EQ(parse_error({}), CarpWireError::kFrameTooShort);
  EXPECT_EQ(parse_error(std::span(good).first(33)), CarpWireError::kFrameTooShort);
  EXPECT_EQ(parse_error(std::span(good).first(69)), CarpWireError::kIpLength);
  EXPECT_EQ(parse_error(changed(12, 0x86)), CarpWireError::kNotIpv4);
  EXPECT_EQ(parse_error(changed(14, 0x65)), CarpWireError::kIpHeader);
  EXPECT_EQ(parse_error(changed(14, 0x44)), CarpWireError::kIpHeader);
  EXPECT_EQ(parse_error(changed(20, 0x20)), CarpWireError::kFragment);
  EXPECT_EQ(parse_error(changed(22, 254)), CarpWireError::kTtl);
  EXPECT_EQ(parse_error(changed(23, 17)), CarpWireError::kNotCarp);
  CarpFrame broken = good;
  broken[27] ^= 1;
  EXPECT_EQ(parse_error(broken), CarpWireError::kIpChecksum);
}

TEST(CarpFrame, UnicastMayCrossRouters) {
  const auto message = message_with(key_of(53, "secret", kAddresses));
  CarpFrame frame = build_carp_unicast_frame(kVirtualMac, kNode, kPeerMac, kPeer, message);
  EXPECT_TRUE(std::ranges::equal(std::span(frame).first(6), kPeerMac.bytes));
  frame[22] = 60;
  const auto parsed = parse_carp_frame(with_ip_checksum(frame)).value();
  EXPECT_EQ(parsed.ttl, 60);
  EXPECT_EQ(parsed.destination, kPeer);
}

// ---- Classification ----------------------------------------------------------------------------

class Classify : public testing::Test {
 protected:
  CarpGroup group_{key_of(53, "secret", kAddresses), Ipv4Address{}};

  CarpClassification classify(std::span<const std::uint8_t> frame) const {
    return classify_advert(frame, group_);
  }
  CarpClassification classify(const CarpMessage& message) const {
    return classify(build_carp_frame(kVirtualMac, kPeer, message));
  }
  CarpForeign foreign_reason(const CarpMessage& message) const {
    return std::get<ForeignCarpAdvert>(classify(message)).reason;
  }
};

TEST_F(Classify, AnAdvertOfOurGroup) {
  const auto ours = std::get<OurCarpAdvert>(classify(message_with(group_.key)));
  EXPECT_EQ(ours.advert.source, kPeer);
  EXPECT_EQ(ours.advert.advbase, 1);
  EXPECT_EQ(ours.advert.advskew, 100);
  EXPECT_EQ(ours.advert.counter, 42u);
  EXPECT_EQ(ours.source_mac, kVirtualMac);
}

TEST_F(Classify, AnotherPassword) {
  EXPECT_EQ(foreign_reason(message_with(key_of(53, "geheim", kAddresses))), CarpForeign::kDigest);
}

TEST_F(Classify, AnotherAddressSet) {
  auto addresses = kAddresses;
  addresses.push_back(Ipv4Address::of(10, 0, 1, 8));
  EXPECT_EQ(foreign_reason(message_with(key_of(53, "secret", addresses))), CarpForeign::kDigest);
}

TEST_F(Classify, TheSameAddressesInAnotherOrder) {
  const auto configured = key_of(53, "secret", kAddresses, CarpAddressOrder::kConfigured);
  EXPECT_EQ(foreign_reason(message_with(configured)), CarpForeign::kAddressOrder);
  const auto ascending = message_with(group_.key);
  group_.key = configured;
  EXPECT_EQ(foreign_reason(ascending), CarpForeign::kAddressOrder);
}

TEST_F(Classify, UcarpHashesOneOfOurAddresses) {
  const auto result = classify(test::kUcarpAdvert);
  EXPECT_EQ(std::get<ForeignCarpAdvert>(result).reason, CarpForeign::kOneAddress);
  group_.key = key_of(53, "secret", {kAddresses[0]});
  EXPECT_TRUE(std::holds_alternative<OurCarpAdvert>(classify(test::kUcarpAdvert)));
}

TEST_F(Classify, AnotherVhid) {
  const auto result = classify(message_with(key_of(54, "secret", kAddresses)));
  EXPECT_EQ(std::get<OtherCarpFrame>(result).reason, CarpNotForGroup::kVhid);
}

// VRRPv2: id 53, priority 100, one address, no authentication. It starts as a CARP message does.
TEST_F(Classify, VrrpWithOurIdTakesOurMac) {
  CarpMessage body{0x21, 53, 100, 1, 0, 1, 0, 0, 10, 0, 1, 9};
  CarpFrame frame = build_carp_frame(kVirtualMac, kPeer, body);
  frame[17] = 20 + 20;  // 8 + 4 + 8 bytes in the IP packet
  const auto result = classify(with_ip_checksum(frame));
  EXPECT_EQ(std::get<ForeignCarpAdvert>(result).reason, CarpForeign::kVrrp);

  frame[14 + 20 + 1] = 54;  // another id: none of our business
  EXPECT_TRUE(std::holds_alternative<OtherCarpFrame>(classify(with_ip_checksum(frame))));
}

TEST_F(Classify, UnicastOnlyToUs) {
  const auto message = message_with(group_.key);
  const auto frame = build_carp_unicast_frame(kPeerMac, kPeer, kVirtualMac, kNode, message);
  EXPECT_EQ(std::get<OtherCarpFrame>(classify(frame)).reason, CarpNotForGroup::kDestination);
  group_.own = kNode;
  EXPECT_TRUE(std::holds_alternative<OurCarpAdvert>(classify(frame)));
}

TEST_F(Classify, MalformedAndUnrelatedFrames) {
  CarpMessage message = message_with(group_.key);
  message[2] ^= 1;
  EXPECT_EQ(std::get<MalformedCarpFrame>(classify(message)).reason, CarpWireError::kChecksum);
  EXPECT_EQ(std::get<MalformedCarpFrame>(classify(changed(22, 254))).reason, CarpWireError::kTtl);
  EXPECT_EQ(std::get<OtherCarpFrame>(classify(changed(23, 17))).reason, CarpNotForGroup::kNotCarp);
}

// ---- Announcement ------------------------------------------------------------------------------

TEST(GratuitousArp, AsRequest) {
  const auto frame = build_gratuitous_arp(kVirtualMac, Ipv4Address::of(10, 0, 1, 7));
  const std::array<std::uint8_t, 60> expected{
      0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x5e, 0x00, 0x01, 0x35, 0x08, 0x06,  //
      0x00, 0x01, 0x08, 0x00, 0x06, 0x04, 0x00, 0x01,               // request
      0x00, 0x00, 0x5e, 0x00, 0x01, 0x35, 0x0a, 0x00, 0x01, 0x07,   // sender
      0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x0a, 0x00, 0x01, 0x07};  // target
  EXPECT_EQ(frame, expected);
}

TEST(GratuitousArp, AsReply) {
  const auto frame =
      build_gratuitous_arp(kVirtualMac, Ipv4Address::of(10, 0, 1, 7), GratuitousArp::kReply);
  EXPECT_EQ(frame[21], 2);
  EXPECT_TRUE(std::ranges::equal(std::span(frame).subspan(32, 6), kVirtualMac.bytes));
}

}  // namespace
}  // namespace carpool
