#include "controlplane/appliance/handover.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace carpool {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

GroupReport carp_group(std::uint8_t advskew, std::uint8_t peer_base, std::uint8_t peer_skew) {
  GroupReport group;
  group.settings.name = "public";
  CarpSettings carp;
  carp.config.advskew = advskew;
  group.settings.protocol = carp;
  CarpMachine machine;
  machine.state = RouterState::kBackup;
  machine.peer = CarpPeer{{{}, peer_base, peer_skew, 0, 0}, {}};
  group.machine = machine;
  return group;
}

GroupReport vrrp_group(std::uint8_t priority, std::uint8_t peer_priority) {
  GroupReport group;
  group.settings.name = "public";
  VrrpSettings vrrp;
  vrrp.config.priority = priority;
  group.settings.protocol = vrrp;
  VrrpMachine machine;
  machine.state = RouterState::kBackup;
  machine.peer = VrrpPeer{{{}, peer_priority, VrrpInterval{100}}, {}};
  group.machine = machine;
  return group;
}

TEST(Handover, CarpRanksOneStepBehindThePeer) {
  EXPECT_EQ(rank_behind_peer(carp_group(0, 1, 100)), 101u);
  EXPECT_EQ(rank_behind_peer(carp_group(100, 1, 100)), 1u);
  EXPECT_EQ(rank_behind_peer(carp_group(101, 1, 100)), 0u) << "it does already";
  EXPECT_EQ(rank_behind_peer(carp_group(0, 2, 0)), 240u) << "more than demotion can do";
}

TEST(Handover, VrrpRanksOneStepBehindThePeer) {
  EXPECT_EQ(rank_behind_peer(vrrp_group(200, 100)), 101u);
  EXPECT_EQ(rank_behind_peer(vrrp_group(100, 100)), 1u);
  EXPECT_EQ(rank_behind_peer(vrrp_group(99, 100)), 0u);
}

TEST(Handover, WhoDoesNotPreemptNeedsNoRank) {
  GroupReport group = carp_group(0, 1, 100);
  std::get<CarpSettings>(group.settings.protocol).config.preempt = false;
  EXPECT_EQ(rank_behind_peer(group), 0u);
}

TEST(Handover, OnlyWhatOperatorsDidNotDoCountsAsTrouble) {
  Demotion demotion;
  demotion.set("backend web", 50);
  demotion.set(kOperatorSource, 240);
  demotion.set(kSwitchoverSource, 101);
  EXPECT_EQ(own_demotion(demotion), 50u);
}

TEST(Handover, ANodeTakesWhatItCanTake) {
  GroupReport group = carp_group(100, 1, 0);
  EXPECT_EQ(why_not_take(group, {}, "", 0), std::nullopt);
  auto& machine = std::get<CarpMachine>(group.machine);
  machine.demotion.set(kSwitchoverSource, 101);
  EXPECT_EQ(why_not_take(group, {}, "", 0), std::nullopt);
  machine.demotion.set("backend web", 50, "0 of 1 servers up");
  EXPECT_THAT(why_not_take(group, {}, "", 49).value(), HasSubstr("backend web 50"));
  EXPECT_EQ(why_not_take(group, {}, "", 50), std::nullopt) << "no worse than where it is";
  machine.state = RouterState::kInit;
  group.why_unusable = "port wan has no link";
  EXPECT_THAT(why_not_take(group, {}, "", 50).value(), HasSubstr("port wan has no link"));
  machine.state = RouterState::kMaster;
  EXPECT_THAT(why_not_take(group, {}, "", 50).value(), HasSubstr("both nodes"));
}

TEST(Handover, AnOwnerOfItsAddressesCannotGiveThemAway) {
  EXPECT_EQ(why_not_give(vrrp_group(254, 100)), std::nullopt);
  EXPECT_THAT(why_not_give(vrrp_group(255, 100)).value(), HasSubstr("lower priority"));
}

TEST(Handover, GroupsOfOneSyncGroupAreNamedTogether) {
  config::Config config;
  for (const char* name : {"a", "b", "c"})
    config.groups.emplace_back().name = name;
  config.groups[0].sync_group = config.groups[2].sync_group = "both";
  EXPECT_THAT(groups_named(config, "c").value(), ElementsAre("a", "c"));
  EXPECT_THAT(groups_named(config, "b").value(), ElementsAre("b"));
  EXPECT_THAT(groups_named(config, "").value(), ElementsAre("a", "b", "c"));
  EXPECT_EQ(groups_named(config, "d").error().kind, Refusal::Kind::kUnknown);
  config.groups.clear();
  EXPECT_FALSE(groups_named(config, ""));
}

TEST(Handover, ATakeoverMayTakeAsLongAsTheProtocolNeeds) {
  EXPECT_EQ(takeover_limit(carp_group(0, 1, 100)), 2s);
  EXPECT_EQ(takeover_limit(vrrp_group(200, 100)), 3s);
}

}  // namespace
}  // namespace carpool
