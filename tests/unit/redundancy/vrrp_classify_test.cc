// Whose advert is it, and if it is not ours to follow: what should an operator hear?
#include "controlplane/redundancy/vrrp_classify.h"

#include <vector>

#include <gtest/gtest.h>

#include "controlplane/redundancy/vrrp_frame.h"
#include "dataplane/net/checksum.h"
#include "tests/unit/redundancy/frames.h"

namespace carpool {
namespace {

constexpr Ipv4Address kOwn = Ipv4Address::of(10, 0, 1, 1);
constexpr Ipv4Address kPeer = Ipv4Address::of(10, 0, 1, 2);
constexpr Ipv4Address kStranger = Ipv4Address::of(10, 0, 1, 9);
constexpr MacAddress kPeerMac{{0x52, 0x54, 0, 0, 0, 2}};
constexpr MacAddress kOwnMac{{0x52, 0x54, 0, 0, 0, 1}};

struct VrrpClassify : testing::Test {
  VrrpClassify() {
    group.version = VrrpVersion::k2;
    group.vrid = 53;
    group.password = make_vrrp_password("secret").value();
    group.addresses = {Ipv4Address::of(10, 0, 1, 7), Ipv4Address::of(10, 0, 1, 6)};
    group.own = kOwn;
    advert.version = group.version;
    advert.vrid = group.vrid;
    advert.priority = 100;
    advert.password = group.password;
    advert.addresses = {Ipv4Address::of(10, 0, 1, 6), Ipv4Address::of(10, 0, 1, 7)};
  }
  void use_version3() {
    group.version = advert.version = VrrpVersion::k3;
    group.password.reset();
    advert.password.reset();
  }

  VrrpClassification multicast(Ipv4Address source = kPeer) const {
    return classify_advert(
        build_vrrp_frame(kPeerMac, source, advert, VrrpChecksum::kWithPseudoHeader), group);
  }
  VrrpClassification unicast(Ipv4Address source, Ipv4Address destination = kOwn) const {
    return classify_advert(build_vrrp_unicast_frame(kPeerMac, source, kOwnMac, destination, advert,
                                                    VrrpChecksum::kWithPseudoHeader),
                           group);
  }

  VrrpGroup group;
  VrrpAdvert advert;
};

void expect_foreign(const VrrpClassification& result, VrrpForeign reason,
                    Ipv4Address source = kPeer) {
  const auto* foreign = std::get_if<ForeignVrrpAdvert>(&result);
  ASSERT_NE(foreign, nullptr) << result.index();
  EXPECT_EQ(foreign->reason, reason);
  EXPECT_EQ(foreign->source, source);
  EXPECT_EQ(foreign->source_mac, kPeerMac);
  EXPECT_FALSE(text(reason).empty());
}
void expect_other(const VrrpClassification& result, VrrpNotForGroup reason) {
  const auto* other = std::get_if<OtherVrrpFrame>(&result);
  ASSERT_NE(other, nullptr) << result.index();
  EXPECT_EQ(other->reason, reason);
}

TEST_F(VrrpClassify, TheOrderOfAddressesDoesNotMatter) {
  const auto result = multicast();
  const auto* ours = std::get_if<OurVrrpAdvert>(&result);
  ASSERT_NE(ours, nullptr);
  EXPECT_EQ(ours->advert.source, kPeer);
  EXPECT_EQ(ours->advert.priority, 100);
  EXPECT_EQ(ours->advert.interval, VrrpInterval(100));
  EXPECT_EQ(ours->source_mac, kPeerMac);
  EXPECT_FALSE(ours->remark);
}

TEST_F(VrrpClassify, AnotherPassword) {
  advert.password = make_vrrp_password("wrong").value();
  expect_foreign(multicast(), VrrpForeign::kPassword);
  advert.password.reset();
  expect_foreign(multicast(), VrrpForeign::kPassword);
}

TEST_F(VrrpClassify, AnotherIntervalIsNotToleratedByVersion2) {
  advert.interval = VrrpInterval(200);
  expect_foreign(multicast(), VrrpForeign::kInterval);
}

TEST_F(VrrpClassify, AnotherIntervalIsLearnedByVersion3) {
  use_version3();
  advert.interval = VrrpInterval(20);
  const auto result = multicast();
  ASSERT_TRUE(std::holds_alternative<OurVrrpAdvert>(result));
  EXPECT_EQ(std::get<OurVrrpAdvert>(result).advert.interval, VrrpInterval(20));
}

TEST_F(VrrpClassify, OtherAddressesAreDroppedByVersion2UnlessTheOwnersOrALeavers) {
  advert.addresses.pop_back();
  expect_foreign(multicast(), VrrpForeign::kAddresses);
  for (const std::uint8_t priority : {kVrrpLeaving, kVrrpOwner}) {
    advert.priority = priority;
    const auto result = multicast();
    ASSERT_TRUE(std::holds_alternative<OurVrrpAdvert>(result));
    EXPECT_EQ(std::get<OurVrrpAdvert>(result).remark, VrrpForeign::kAddresses);
  }
}

TEST_F(VrrpClassify, OtherAddressesAreRemarkedOnByVersion3) {
  use_version3();
  advert.addresses.pop_back();
  const auto result = multicast();
  ASSERT_TRUE(std::holds_alternative<OurVrrpAdvert>(result));
  EXPECT_EQ(std::get<OurVrrpAdvert>(result).remark, VrrpForeign::kAddresses);
}

TEST_F(VrrpClassify, AnotherVersion) {
  advert.version = VrrpVersion::k3;
  advert.password.reset();
  expect_foreign(multicast(), VrrpForeign::kVersion);
}

TEST_F(VrrpClassify, CarpWithOurIdIsNamed) {
  const auto result = classify_advert(test::kUcarpAdvert, group);
  const auto* foreign = std::get_if<ForeignVrrpAdvert>(&result);
  ASSERT_NE(foreign, nullptr);
  EXPECT_EQ(foreign->reason, VrrpForeign::kCarp);
}

TEST_F(VrrpClassify, AnotherGroupsAdvert) {
  advert.vrid = 54;
  expect_other(multicast(), VrrpNotForGroup::kVrid);
}

TEST_F(VrrpClassify, UnicastIsForThoseWhoAreListed) {
  expect_foreign(unicast(kPeer), VrrpForeign::kNotAPeer);
  group.peers = {kPeer};
  EXPECT_TRUE(std::holds_alternative<OurVrrpAdvert>(unicast(kPeer)));
  expect_foreign(unicast(kStranger), VrrpForeign::kNotAPeer, kStranger);
  expect_foreign(multicast(kStranger), VrrpForeign::kNotAPeer, kStranger);
  expect_other(unicast(kPeer, kStranger), VrrpNotForGroup::kDestination);
}

// Only senders on the network reach us with 255; unicast may come over routers, where allowed.
TEST_F(VrrpClassify, TtlOfMulticastIs255AndThatOfUnicastIsConfigured) {
  constexpr std::size_t kTtlAt = 22;
  const auto with_ttl = [](std::vector<std::uint8_t> frame, std::uint8_t ttl) {
    frame[kTtlAt] = ttl;
    frame[24] = frame[25] = 0;
    const auto sum = internet_checksum(std::span(frame).subspan(14, 20)).host();
    frame[24] = static_cast<std::uint8_t>(sum >> 8);
    frame[25] = static_cast<std::uint8_t>(sum);
    return frame;
  };
  const auto form = VrrpChecksum::kWithPseudoHeader;
  const auto result =
      classify_advert(with_ttl(build_vrrp_frame(kPeerMac, kPeer, advert, form), 254), group);
  ASSERT_TRUE(std::holds_alternative<MalformedVrrpFrame>(result));
  EXPECT_EQ(std::get<MalformedVrrpFrame>(result).reason, "TTL is not 255");

  group.peers = {kPeer};
  const auto far =
      with_ttl(build_vrrp_unicast_frame(kPeerMac, kPeer, kOwnMac, kOwn, advert, form), 60);
  EXPECT_TRUE(std::holds_alternative<OurVrrpAdvert>(classify_advert(far, group)));
  group.min_ttl = 61;
  expect_foreign(classify_advert(far, group), VrrpForeign::kTtl);
}

TEST_F(VrrpClassify, NoiseIsMalformed) {
  auto frame = build_vrrp_frame(kPeerMac, kPeer, advert, VrrpChecksum::kWithPseudoHeader);
  frame.back() ^= 1;
  const auto result = classify_advert(frame, group);
  ASSERT_TRUE(std::holds_alternative<MalformedVrrpFrame>(result));
  EXPECT_EQ(std::get<MalformedVrrpFrame>(result).reason, "wrong checksum");
}

}  // namespace
}  // namespace carpool
