// VRRP as transcripts. The numbers are those of RFC 9568, 6.1: skew = (256 - priority) / 256 of the
// interval, master-down = three intervals and the skew.
#include "controlplane/redundancy/vrrp.h"

#include <chrono>

#include <gtest/gtest.h>

#include "tests/unit/redundancy/transcript.h"

namespace carpool {
namespace {

using namespace std::chrono_literals;

// ---- Arithmetic --------------------------------------------------------------------------------

TEST(VrrpTime, MasterDownIsThreeIntervalsAndTheSkew) {
  EXPECT_EQ(vrrp_master_down(VrrpInterval(100), 100), 3s + 609375us);
  EXPECT_EQ(vrrp_master_down(VrrpInterval(10), 100), 300ms + 60937500ns);
  EXPECT_EQ(vrrp_skew(VrrpInterval(100), 254), 7812500ns);
  EXPECT_EQ(vrrp_skew(VrrpInterval(100), 255), 3906250ns);
  EXPECT_EQ(vrrp_master_down(kMaxVrrp3Interval, 1),
            3 * Duration(40950ms) + Duration(40950ms) * 255 / 256);
}

TEST(VrrpPriority, WeightsAddUpBetween1And254) {
  VrrpConfig config;
  Demotion demotion;
  config.priority = 100;
  EXPECT_EQ(effective_priority(config, demotion), 100);
  config.bonus = 20;  // two scripts of weight 10, both well
  EXPECT_EQ(effective_priority(config, demotion), 120);
  demotion.set("script a", 10);
  EXPECT_EQ(effective_priority(config, demotion), 110);
  demotion.set("script b", 10);
  demotion.set("port lan", 50);
  EXPECT_EQ(effective_priority(config, demotion), 50);
  demotion.set("backend mysql", 253);
  EXPECT_EQ(effective_priority(config, demotion), 1) << "0 would say that we are leaving";
  config.bonus = 10 * 253;
  EXPECT_EQ(effective_priority(config, demotion), 254) << "255 would say that we own the addresses";
  config.priority = 255;
  EXPECT_EQ(effective_priority(config, demotion), 255) << "an owner stays one";
}

TEST(VrrpAnnouncementPlan, IsThatOfKeepalived) {
  const VrrpAnnouncements plan;  // five, and five more after five seconds
  EXPECT_EQ(next_announcement(plan, 1), kAnnounceSpacing);
  EXPECT_EQ(next_announcement(plan, 4), kAnnounceSpacing);
  EXPECT_EQ(next_announcement(plan, 5), 5s);
  EXPECT_EQ(next_announcement(plan, 9), kAnnounceSpacing);
  EXPECT_EQ(next_announcement(plan, 10), std::nullopt);
}

TEST(VrrpAnnouncementPlan, RefreshesForEver) {
  const VrrpAnnouncements plan{1, Duration::zero(), 60s, 2};
  EXPECT_EQ(next_announcement(plan, 1), 60s);
  EXPECT_EQ(next_announcement(plan, 2), kAnnounceSpacing);
  EXPECT_EQ(next_announcement(plan, 3), 60s);
}

// ---- Coming up ---------------------------------------------------------------------------------

TEST(Vrrp, AloneBecomesActiveAfterMasterDown) {
  EXPECT_VRRP_TRANSCRIPT(R"(
    node 100 at 10.0.0.2 preempt
    0.000 link up
      => INIT -> BACKUP (port usable); arm master-down 3.609s
    3.609 expires master-down
      => BACKUP -> ACTIVE (no active router was heard); cancel master-down; become master;
         send advert 100 every 1.00s; arm advert 1.000s; announce
    4.609 expires advert
      => send advert 100 every 1.00s; arm advert 1.000s
  )");
}

TEST(Vrrp, AnnouncesInBursts) {
  EXPECT_VRRP_TRANSCRIPT(R"(
    node 255 at 10.0.0.2 garp 2 1 3 1 every 40
    0.000 link up
      => INIT -> ACTIVE (it owns the addresses); become master;
         send advert 255 every 40.00s; arm advert 40.000s; announce; arm announce 0.100s
    0.100 expires announce
      => announce; arm announce 1.000s
    1.100 expires announce
      => announce; arm announce 0.100s
    1.200 expires announce
      => announce; arm announce 3.000s
    4.200 expires announce
      => announce; arm announce 3.000s
  )");
}

TEST(Vrrp, DoesNothingBeforeThePortIsUsable) {
  EXPECT_VRRP_TRANSCRIPT(R"(
    node 200 at 10.0.0.1 preempt
    0.000 link down
    0.100 advert 100 from 10.0.0.2
    0.200 advert 0 from 10.0.0.2
    0.300 demote 50 backend mysql
    0.400 config 200 at 10.0.0.1
    0.500 leave
    0.600 sent error
    0.700 lost 10.0.0.2
    0.800 stale master-down
    0.900 stale startup-delay
    1.000 link up
      => INIT -> BACKUP (port usable); arm master-down 3.414s
  )");
}

TEST(Vrrp, TheStartUpDelayCountsOnce) {
  EXPECT_VRRP_TRANSCRIPT(R"(
    node 100 at 10.0.0.1 startup 10
    0.000 link up
      => arm startup-delay 10.000s
    4.000 link down
      => cancel startup-delay
    5.000 link up
      => arm startup-delay 10.000s
    9.000 advert 50 from 10.0.0.2
    15.000 expires startup-delay
      => INIT -> BACKUP (port usable); arm master-down 3.609s
    16.000 link down
      => BACKUP -> INIT (port unusable); cancel master-down
    17.000 link up
      => INIT -> BACKUP (port usable); arm master-down 3.609s
  )");
}

TEST(Vrrp, AnAdoptedRouterOnlyAdvertises) {
  EXPECT_VRRP_TRANSCRIPT(R"(
    node 100 at 10.0.0.1 startup 10
    0.000 adopt
      => INIT -> ACTIVE (the data plane is active already); send advert 100 every 1.00s;
         arm advert 1.000s
  )");
}

// ---- BACKUP ------------------------------------------------------------------------------------

TEST(Vrrp, StaysBackupWhileItHearsAPreferredRouter) {
  EXPECT_VRRP_TRANSCRIPT(R"(
    node 100 at 10.0.0.2 preempt
    0.000 link up
      => INIT -> BACKUP (port usable); arm master-down 3.609s
    1.000 advert 200 from 10.0.0.1
      => arm master-down 3.609s
    2.000 advert 100 from 10.0.0.1
      => arm master-down 3.609s
    5.609 expires master-down
      => BACKUP -> ACTIVE (no active router was heard); cancel master-down; become master;
         send advert 100 every 1.00s; arm advert 1.000s; announce
  )");
}

// A less preferred router is not heard at all: after a master-down time we take over from it.
TEST(Vrrp, PreemptsByNotHearing) {
  EXPECT_VRRP_TRANSCRIPT(R"(
    node 200 at 10.0.0.1 preempt
    0.000 link up
      => INIT -> BACKUP (port usable); arm master-down 3.219s
    1.000 advert 100 from 10.0.0.2
    2.000 advert 100 from 10.0.0.2
    3.000 advert 100 from 10.0.0.2
    3.219 expires master-down
      => BACKUP -> ACTIVE (preempting a less preferred router); cancel master-down;
         become master; send advert 200 every 1.00s; arm advert 1.000s; announce
  )");
}

TEST(Vrrp, WithoutPreemptALessPreferredRouterKeepsItsPlace) {
  EXPECT_VRRP_TRANSCRIPT(R"(
    node 200 at 10.0.0.1
    0.000 link up
      => INIT -> BACKUP (port usable); arm master-down 3.219s
    1.000 advert 100 from 10.0.0.2
      => arm master-down 3.219s
  )");
}

TEST(Vrrp, AReturningRouterWaitsForThePreemptDelay) {
  EXPECT_VRRP_TRANSCRIPT(R"(
    node 200 at 10.0.0.1 preempt delay 5
    0.000 link up
      => INIT -> BACKUP (port usable); arm master-down 3.219s; arm preempt-delay 5.000s
    2.500 advert 100 from 10.0.0.2
      => arm master-down 3.219s
    4.500 advert 100 from 10.0.0.2
      => arm master-down 3.219s
    5.000 expires preempt-delay
    5.500 advert 100 from 10.0.0.2
    6.500 advert 100 from 10.0.0.2
    7.500 advert 100 from 10.0.0.2
    7.719 expires master-down
      => BACKUP -> ACTIVE (preempting a less preferred router); cancel master-down;
         become master; send advert 200 every 1.00s; arm advert 1.000s; announce
  )");
}

TEST(Vrrp, ALeavingRouterIsFollowedWithinTheSkew) {
  EXPECT_VRRP_TRANSCRIPT(R"(
    node 100 at 10.0.0.2
    0.000 link up
      => INIT -> BACKUP (port usable); arm master-down 3.609s
    1.000 advert 200 from 10.0.0.1
      => arm master-down 3.609s
    1.500 advert 0 from 10.0.0.1
      => arm master-down 0.609s
    2.109 expires master-down
      => BACKUP -> ACTIVE (the active router is leaving); cancel master-down; become master;
         send advert 100 every 1.00s; arm advert 1.000s; announce
  )");
}

// Version 3: RFC 9568, 6.4.2. Whoever is active sets the pace, in the skew, too.
TEST(Vrrp, LearnsTheIntervalOfTheActiveRouter) {
  EXPECT_VRRP_TRANSCRIPT(R"(
    node 100 at 10.0.0.2 every 1
    0.000 link up
      => INIT -> BACKUP (port usable); arm master-down 3.609s
    1.000 advert 200 from 10.0.0.1 every 0.1
      => arm master-down 0.361s
    1.100 advert 0 from 10.0.0.1 every 0.1
      => arm master-down 0.061s
    1.161 expires master-down
      => BACKUP -> ACTIVE (the active router is leaving); cancel master-down; become master;
         send advert 100 every 1.00s; arm advert 1.000s; announce
    1.500 advert 200 from 10.0.0.1 every 0.1
      => ACTIVE -> BACKUP (a preferred router was heard); cancel advert; cancel announce;
         become backup; arm master-down 0.361s
    1.600 link down
      => BACKUP -> INIT (port unusable); cancel master-down
    1.700 link up
      => INIT -> BACKUP (port usable); arm master-down 3.609s
  )");
}

TEST(Vrrp, Version2KeepsItsOwnInterval) {
  EXPECT_VRRP_TRANSCRIPT(R"(
    node 100 at 10.0.0.2 v2 every 2
    0.000 link up
      => INIT -> BACKUP (port usable); arm master-down 7.219s
    1.000 advert 200 from 10.0.0.1 every 1
      => arm master-down 7.219s
  )");
}

TEST(Vrrp, AnotherChannelKnowsThatTheActiveRouterIsGone) {
  EXPECT_VRRP_TRANSCRIPT(R"(
    node 100 at 10.0.0.2
    0.000 link up
      => INIT -> BACKUP (port usable); arm master-down 3.609s
    1.000 advert 200 from 10.0.0.1
      => arm master-down 3.609s
    1.100 lost 10.0.0.3
    1.200 lost 10.0.0.1
      => BACKUP -> ACTIVE (the active router is lost); cancel master-down; become master;
         send advert 100 every 1.00s; arm advert 1.000s; announce
  )");
}

TEST(Vrrp, ABackupLeavesSilently) {
  EXPECT_VRRP_TRANSCRIPT(R"(
    node 100 at 10.0.0.2
    0.000 link up
      => INIT -> BACKUP (port usable); arm master-down 3.609s
    1.000 leave
      => BACKUP -> INIT (planned exit); cancel master-down
  )");
}

TEST(Vrrp, ARecoveredRouterWaitsBeforeItPreempts) {
  EXPECT_VRRP_TRANSCRIPT(R"(
    node 200 at 10.0.0.1 preempt delay 5
    0.000 link up
      => INIT -> BACKUP (port usable); arm master-down 3.219s; arm preempt-delay 5.000s
    0.100 demote 150 script check
    3.000 advert 100 from 10.0.0.2
      => arm master-down 3.805s
    5.000 expires preempt-delay
    6.000 advert 100 from 10.0.0.2
      => arm master-down 3.805s
    6.500 demote 0 script check
      => arm preempt-delay 5.000s
    7.000 advert 100 from 10.0.0.2
      => arm master-down 3.219s
  )");
}

// ---- ACTIVE ------------------------------------------------------------------------------------

constexpr const char* kActive = R"(
    node 100 at 10.0.0.2 preempt
    0.000 link up
      => INIT -> BACKUP (port usable); arm master-down 3.609s
    3.609 expires master-down
      => BACKUP -> ACTIVE (no active router was heard); cancel master-down; become master;
         send advert 100 every 1.00s; arm advert 1.000s; announce
)";
std::string after_becoming_active(const char* rest) {
  return std::string(kActive) + rest;
}

TEST(Vrrp, GivesWayToAPreferredRouter) {
  EXPECT_VRRP_TRANSCRIPT(after_becoming_active(R"(
    4.000 advert 101 from 10.0.0.1
      => ACTIVE -> BACKUP (a preferred router was heard); cancel advert; cancel announce;
         become backup; arm master-down 3.609s
  )"));
}

TEST(Vrrp, OfEqualsTheHigherAddressStays) {
  EXPECT_VRRP_TRANSCRIPT(after_becoming_active(R"(
    4.000 advert 100 from 10.0.0.1
      => send advert 100 every 1.00s; arm advert 1.000s; announce
    4.100 advert 100 from 10.0.0.3
      => ACTIVE -> BACKUP (an equal router with a higher address was heard); cancel advert;
         cancel announce; become backup; arm master-down 3.609s
  )"));
}

// RFC 9568, 6.4.3. Not without end: adverts can be replayed.
TEST(Vrrp, AnswersALessPreferredRouterAtOnce) {
  EXPECT_VRRP_TRANSCRIPT(after_becoming_active(R"(
    4.000 advert 50 from 10.0.0.9
      => send advert 100 every 1.00s; arm advert 1.000s; announce
    4.100 advert 50 from 10.0.0.9
      => send advert 100 every 1.00s; arm advert 1.000s; announce
    4.200 advert 50 from 10.0.0.9
      => send advert 100 every 1.00s; arm advert 1.000s; announce
    4.300 advert 50 from 10.0.0.9
      => send advert 100 every 1.00s; arm advert 1.000s; announce
    4.400 advert 50 from 10.0.0.9
    5.300 expires advert
      => send advert 100 every 1.00s; arm advert 1.000s
    5.400 advert 50 from 10.0.0.9
      => send advert 100 every 1.00s; arm advert 1.000s; announce
  )"));
}

TEST(Vrrp, AdvertisesAtOnceWhenAnotherLeaves) {
  EXPECT_VRRP_TRANSCRIPT(after_becoming_active(R"(
    4.000 advert 0 from 10.0.0.9
      => send advert 100 every 1.00s; arm advert 1.000s; announce
  )"));
}

TEST(Vrrp, OwnEchoesChangeNothing) {
  EXPECT_VRRP_TRANSCRIPT(after_becoming_active(R"(
    4.000 advert 100 from 10.0.0.2
    4.100 advert 0 from 10.0.0.2
  )"));
}

TEST(Vrrp, SaysThatItLeaves) {
  EXPECT_VRRP_TRANSCRIPT(after_becoming_active(R"(
    4.000 leave
      => send advert 0 every 1.00s; ACTIVE -> INIT (planned exit); cancel advert;
         cancel announce; become backup
  )"));
}

TEST(Vrrp, ReleasesWithoutAWordWhenThePortIsGone) {
  EXPECT_VRRP_TRANSCRIPT(after_becoming_active(R"(
    4.000 link down
      => ACTIVE -> INIT (port unusable); cancel advert; cancel announce; become backup
  )"));
}

TEST(Vrrp, SaysAtOnceThatItIsDemoted) {
  EXPECT_VRRP_TRANSCRIPT(after_becoming_active(R"(
    4.000 demote 30 backend mysql
      => send advert 70 every 1.00s; arm advert 1.000s
    4.100 demote 30 backend mysql
    4.200 advert 71 from 10.0.0.1
      => ACTIVE -> BACKUP (a preferred router was heard); cancel advert; cancel announce;
         become backup; arm master-down 3.727s
  )"));
}

TEST(Vrrp, AChangedConfigurationIsClaimedAndAnnounced) {
  EXPECT_VRRP_TRANSCRIPT(after_becoming_active(R"(
    4.000 config 120 at 10.0.0.2 every 0.1
      => become master; send advert 120 every 0.10s; arm advert 0.100s; cancel announce; announce
  )"));
}

TEST(Vrrp, ThreeFailedSendsDemote) {
  EXPECT_VRRP_TRANSCRIPT(after_becoming_active(R"(
    4.000 sent error
    4.100 sent error
    4.200 sent error
    4.609 expires advert
      => send advert 1 every 1.00s; arm advert 1.000s
    4.610 sent ok
    4.620 sent ok
    4.630 sent ok
    5.609 expires advert
      => send advert 100 every 1.00s; arm advert 1.000s
  )"));
}

// ---- Planned switchover ------------------------------------------------------------------------

TEST(Vrrp, HandsOverWithoutAMomentWithoutAnActiveRouter) {
  EXPECT_VRRP_TRANSCRIPT(R"(
    node 200 at 10.0.0.1 preempt
    0.000 adopt
      => INIT -> ACTIVE (the data plane is active already); send advert 200 every 1.00s;
         arm advert 1.000s
    0.100 hand over
      => send advert 0 every 1.00s; arm advert 1.000s
    0.709 advert 100 from 10.0.0.2
      => ACTIVE -> BACKUP (handed over as asked); cancel advert; cancel announce; become backup;
         arm master-down 3.219s
    0.800 hand over
  )");
}

TEST(Vrrp, GoesOnWhereNobodyTakesOver) {
  EXPECT_VRRP_TRANSCRIPT(R"(
    node 200 at 10.0.0.1 preempt
    0.000 adopt
      => INIT -> ACTIVE (the data plane is active already); send advert 200 every 1.00s;
         arm advert 1.000s
    0.100 hand over
      => send advert 0 every 1.00s; arm advert 1.000s
    1.100 expires advert
      => send advert 0 every 1.00s; arm advert 1.000s
    1.500 keep
      => send advert 200 every 1.00s; arm advert 1.000s; announce
  )");
}

}  // namespace
}  // namespace carpool
