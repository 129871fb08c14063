// CARP as transcripts. The numbers are those of carp(4): advert interval = advbase + advskew/256 s,
// master-down = 3 * advbase + advskew/256 s.
#include "controlplane/redundancy/carp.h"

#include <gtest/gtest.h>

#include "tests/unit/redundancy/transcript.h"

namespace carpool {
namespace {

using namespace std::chrono_literals;

// ---- Arithmetic --------------------------------------------------------------------------------

TEST(CarpTime, SkewCountsOnce) {
  EXPECT_EQ(carp_interval(1, 0), 1s);
  EXPECT_EQ(carp_interval(1, 128), 1500ms);
  EXPECT_EQ(carp_master_down(1, 0), 3s);
  EXPECT_EQ(carp_master_down(1, 100), 3s + 390625us);
  EXPECT_EQ(carp_master_down(20, 254), 60s + 992187500ns);
}

TEST(CarpTime, DemotionAddsToTheSkewUpTo240) {
  Demotion demotion;
  EXPECT_EQ(demoted_advskew(100, demotion), 100);
  demotion.set("backend mysql", 50);
  EXPECT_EQ(demoted_advskew(100, demotion), 150);
  demotion.set("port wan", 240);
  EXPECT_EQ(demoted_advskew(100, demotion), 240);
  demotion.set("backend mysql", 0);
  demotion.set("port wan", 0);
  EXPECT_EQ(demoted_advskew(250, demotion), 250);
  demotion.set("port wan", 1);
  EXPECT_EQ(demoted_advskew(250, demotion), 250);  // never better than before
}

// ---- Coming up ---------------------------------------------------------------------------------

TEST(Carp, AloneBecomesMasterAfterMasterDown) {
  EXPECT_TRANSCRIPT(R"(
    node 1/100 at 10.0.0.2 preempt
    0.000 link up
      => INIT -> BACKUP (port usable); arm master-down 3.391s
    3.391 expires master-down
      => BACKUP -> MASTER (no master was heard); cancel master-down; become master;
         send advert 1/100 #1000; arm advert 1.391s; announce; arm announce 0.200s
    3.591 expires announce
      => announce; arm announce 0.800s
    4.391 expires announce
      => announce; arm announce 1.000s
    4.781 expires advert
      => send advert 1/100 #1001; arm advert 1.391s
    5.391 expires announce
      => announce
    6.172 expires advert
      => send advert 1/100 #1002; arm advert 1.391s
  )");
}

TEST(Carp, StaysBackupWhileItHearsAMaster) {
  EXPECT_TRANSCRIPT(R"(
    node 1/100 at 10.0.0.2 preempt
    0.000 link up
      => INIT -> BACKUP (port usable); arm master-down 3.391s
    0.700 advert 1/0 from 10.0.0.1
      => arm master-down 3.391s
    1.700 advert 1/0 from 10.0.0.1
      => arm master-down 3.391s
    5.091 expires master-down
      => BACKUP -> MASTER (no master was heard); cancel master-down; become master;
         send advert 1/100 #1000; arm advert 1.391s; announce; arm announce 0.200s
  )");
}

TEST(Carp, DoesNothingBeforeThePortIsUsable) {
  EXPECT_TRANSCRIPT(R"(
    node 1/0 at 10.0.0.1 preempt
    0.000 link down
    0.100 advert 1/100 from 10.0.0.2
    0.200 advert 255/255 from 10.0.0.2
    0.300 demote 50 backend mysql
    0.400 config 1/10 at 10.0.0.1
    0.500 leave
    0.600 sent error
    0.700 lost 10.0.0.2
    0.800 stale master-down
    0.900 link up
      => INIT -> BACKUP (port usable); arm master-down 3.234s
  )");
}

// ---- BACKUP ------------------------------------------------------------------------------------

TEST(Carp, PreemptsALessPreferredMasterAtOnce) {
  EXPECT_TRANSCRIPT(R"(
    node 1/0 at 10.0.0.1 preempt
    0.000 link up
      => INIT -> BACKUP (port usable); arm master-down 3.000s
    0.500 advert 1/100 from 10.0.0.2
      => BACKUP -> MASTER (preempting a less preferred master); cancel master-down; become master;
         send advert 1/0 #1000; arm advert 1.000s; announce; arm announce 0.200s
  )");
}

TEST(Carp, WithoutPreemptALessPreferredMasterKeepsItsPlace) {
  EXPECT_TRANSCRIPT(R"(
    node 1/0 at 10.0.0.1
    0.000 link up
      => INIT -> BACKUP (port usable); arm master-down 3.000s
    0.500 advert 1/100 from 10.0.0.2
      => arm master-down 3.000s
  )");
}

TEST(Carp, DoesNotPreemptAnEqualMaster) {
  EXPECT_TRANSCRIPT(R"(
    node 1/0 at 10.0.0.1 preempt
    0.000 link up
      => INIT -> BACKUP (port usable); arm master-down 3.000s
    0.500 advert 1/0 from 10.0.0.2
      => arm master-down 3.000s
  )");
}

TEST(Carp, AReturningNodeWaitsForThePreemptDelay) {
  EXPECT_TRANSCRIPT(R"(
    node 1/0 at 10.0.0.1 preempt delay 5
    0.000 link up
      => INIT -> BACKUP (port usable); arm master-down 3.000s; arm preempt-delay 5.000s
    1.391 advert 1/100 from 10.0.0.2
      => arm master-down 3.000s
    4.173 advert 1/100 from 10.0.0.2
      => arm master-down 3.000s
    5.000 expires preempt-delay
    5.564 advert 1/100 from 10.0.0.2
      => BACKUP -> MASTER (preempting a less preferred master); cancel master-down; become master;
         send advert 1/0 #1000; arm advert 1.000s; announce; arm announce 0.200s
  )");
}

TEST(Carp, ThePreemptDelayDoesNotProtectADeadMaster) {
  EXPECT_TRANSCRIPT(R"(
    node 1/0 at 10.0.0.1 preempt delay 30
    0.000 link up
      => INIT -> BACKUP (port usable); arm master-down 3.000s; arm preempt-delay 30.000s
    3.000 expires master-down
      => BACKUP -> MASTER (no master was heard); cancel master-down; cancel preempt-delay;
         become master; send advert 1/0 #1000; arm advert 1.000s; announce; arm announce 0.200s
  )");
  EXPECT_TRANSCRIPT(R"(
    node 1/0 at 10.0.0.1 preempt delay 30
    0.000 link up
      => INIT -> BACKUP (port usable); arm master-down 3.000s; arm preempt-delay 30.000s
    1.000 advert 255/255 from 10.0.0.2
      => BACKUP -> MASTER (the master is leaving); cancel master-down; cancel preempt-delay;
         become master; send advert 1/0 #1000; arm advert 1.000s; announce; arm announce 0.200s
  )");
}

TEST(Carp, TheDelayIsForReturningNodesNotForAMasterThatFails) {
  EXPECT_TRANSCRIPT(R"(
    node 1/100 at 10.0.0.2 preempt delay 2
    0.000 link up
      => INIT -> BACKUP (port usable); arm master-down 3.391s; arm preempt-delay 2.000s
    1.000 advert 1/0 from 10.0.0.1
      => arm master-down 3.391s
    2.000 expires preempt-delay
    2.500 advert 1/240 from 10.0.0.1
      => BACKUP -> MASTER (preempting a less preferred master); cancel master-down; become master;
         send advert 1/100 #1000; arm advert 1.391s; announce; arm announce 0.200s
  )");
}

TEST(Carp, ARecoveredNodeIsAReturningNode) {
  EXPECT_TRANSCRIPT(R"(
    node 1/0 at 10.0.0.1 preempt delay 2
    0.000 link up
      => INIT -> BACKUP (port usable); arm master-down 3.000s; arm preempt-delay 2.000s
    1.000 demote 240 backend mysql
    1.500 advert 1/100 from 10.0.0.2
      => arm master-down 3.938s
    2.000 expires preempt-delay
    2.891 advert 1/100 from 10.0.0.2
      => arm master-down 3.938s
    3.000 demote 0 backend mysql
      => arm preempt-delay 2.000s
    4.282 advert 1/100 from 10.0.0.2
      => arm master-down 3.000s
    5.000 expires preempt-delay
    5.673 advert 1/100 from 10.0.0.2
      => BACKUP -> MASTER (preempting a less preferred master); cancel master-down; become master;
         send advert 1/0 #1000; arm advert 1.000s; announce; arm announce 0.200s
  )");
}

TEST(Carp, TakesOverFromALeavingMasterPreemptOrNot) {
  EXPECT_TRANSCRIPT(R"(
    node 1/100 at 10.0.0.2
    0.000 link up
      => INIT -> BACKUP (port usable); arm master-down 3.391s
    1.000 advert 255/255 from 10.0.0.1
      => BACKUP -> MASTER (the master is leaving); cancel master-down; become master;
         send advert 1/100 #1000; arm advert 1.391s; announce; arm announce 0.200s
  )");
}

// 3 * 100 s is longer than 255 + 255/256 s: leaving is recognised by its value, too.
TEST(Carp, ALeavingMasterIsRecognisedBySlowNodes) {
  EXPECT_TRANSCRIPT(R"(
    node 100/0 at 10.0.0.2
    0.000 link up
      => INIT -> BACKUP (port usable); arm master-down 300.000s
    1.000 advert 255/255 from 10.0.0.1
      => BACKUP -> MASTER (the master is leaving); cancel master-down; become master;
         send advert 100/0 #1000; arm advert 100.000s; announce; arm announce 0.200s
  )");
}

// Its next advert would come after our master-down time.
TEST(Carp, TakesOverFromAMasterThatWouldTimeOut) {
  EXPECT_TRANSCRIPT(R"(
    node 1/0 at 10.0.0.1
    0.000 link up
      => INIT -> BACKUP (port usable); arm master-down 3.000s
    1.000 advert 3/0 from 10.0.0.2
      => arm master-down 3.000s
    2.000 advert 3/1 from 10.0.0.2
      => BACKUP -> MASTER (the master is leaving); cancel master-down; become master;
         send advert 1/0 #1000; arm advert 1.000s; announce; arm announce 0.200s
  )");
}

TEST(Carp, TakesOverWhenThePeerChannelSaysThatTheMasterIsLost) {
  EXPECT_TRANSCRIPT(R"(
    node 1/100 at 10.0.0.3
    0.000 link up
      => INIT -> BACKUP (port usable); arm master-down 3.391s
    0.500 lost 10.0.0.1
    1.000 advert 1/0 from 10.0.0.1
      => arm master-down 3.391s
    1.500 lost 10.0.0.2
    1.600 lost 10.0.0.1
      => BACKUP -> MASTER (the master is lost); cancel master-down; become master;
         send advert 1/100 #1000; arm advert 1.391s; announce; arm announce 0.200s
  )");
}

TEST(Carp, ABackupLeavesSilently) {
  EXPECT_TRANSCRIPT(R"(
    node 1/100 at 10.0.0.2 preempt delay 30
    0.000 link up
      => INIT -> BACKUP (port usable); arm master-down 3.391s; arm preempt-delay 30.000s
    1.000 leave
      => BACKUP -> INIT (planned exit); cancel master-down; cancel preempt-delay
    2.000 advert 255/255 from 10.0.0.1
  )");
}

TEST(Carp, ABackupIgnoresTimersOfOtherStates) {
  EXPECT_TRANSCRIPT(R"(
    node 1/100 at 10.0.0.2
    0.000 link up
      => INIT -> BACKUP (port usable); arm master-down 3.391s
    0.100 link up
    0.200 stale advert
    0.300 stale announce
    0.400 adopt
  )");
}

TEST(Carp, ABackupTakesANewConfiguration) {
  EXPECT_TRANSCRIPT(R"(
    node 1/100 at 10.0.0.2 preempt delay 30
    0.000 link up
      => INIT -> BACKUP (port usable); arm master-down 3.391s; arm preempt-delay 30.000s
    1.000 config 2/0 at 10.0.0.2 preempt
      => cancel preempt-delay; arm master-down 6.000s
  )");
}

// ---- MASTER ------------------------------------------------------------------------------------

// 1/0, master since 3 s, announcements made; its next advert is #1004 at 7 s.
constexpr std::string_view kMaster = R"(
    node 1/0 at 10.0.0.2 preempt
    0.000 link up
      => INIT -> BACKUP (port usable); arm master-down 3.000s
    3.000 expires master-down
      => BACKUP -> MASTER (no master was heard); cancel master-down; become master;
         send advert 1/0 #1000; arm advert 1.000s; announce; arm announce 0.200s
    3.200 expires announce
      => announce; arm announce 0.800s
    4.000 expires advert
      => send advert 1/0 #1001; arm advert 1.000s
    4.000 expires announce
      => announce; arm announce 1.000s
    5.000 expires advert
      => send advert 1/0 #1002; arm advert 1.000s
    5.000 expires announce
      => announce
    6.000 expires advert
      => send advert 1/0 #1003; arm advert 1.000s
)";
std::string as_master(std::string_view script) {
  return std::string(kMaster) + std::string(script);
}

TEST(Carp, AMasterYieldsToAPreferredOne) {
  EXPECT_TRANSCRIPT(as_master(R"(
    6.300 advert 0/255 from 10.0.0.3
      => MASTER -> BACKUP (a preferred master was heard); cancel advert; become backup;
         arm master-down 3.000s
  )"));
}

TEST(Carp, AMasterThatYieldsEarlyStopsAnnouncing) {
  EXPECT_TRANSCRIPT(R"(
    node 1/100 at 10.0.0.2
    0.000 link up
      => INIT -> BACKUP (port usable); arm master-down 3.391s
    3.391 expires master-down
      => BACKUP -> MASTER (no master was heard); cancel master-down; become master;
         send advert 1/100 #1000; arm advert 1.391s; announce; arm announce 0.200s
    3.400 advert 1/0 from 10.0.0.1
      => MASTER -> BACKUP (a preferred master was heard); cancel advert; cancel announce;
         become backup; arm master-down 3.391s
  )");
}

TEST(Carp, ATieGoesToTheLowerAddress) {
  EXPECT_TRANSCRIPT(as_master(R"(
    6.300 advert 1/0 from 10.0.0.1
      => MASTER -> BACKUP (an equal master wins the tie); cancel advert; become backup;
         arm master-down 3.000s
  )"));
  EXPECT_TRANSCRIPT(as_master(R"(
    6.300 advert 1/0 from 10.0.0.10
      => send advert 1/0 #1004; arm advert 1.000s; announce
  )"));
}

// Nodes without addresses of their own may share one. Counters start at random 64-bit numbers.
TEST(Carp, ATieOfOneAddressGoesToTheHigherCounter) {
  EXPECT_TRANSCRIPT(as_master(R"(
    6.300 advert 1/0 from 10.0.0.2 #5000
      => MASTER -> BACKUP (an equal master wins the tie); cancel advert; become backup;
         arm master-down 3.000s
  )"));
  EXPECT_TRANSCRIPT(as_master(R"(
    6.300 advert 1/0 from 10.0.0.2 #999
      => send advert 1/0 #1004; arm advert 1.000s; announce
  )"));
}

TEST(Carp, AMasterAnswersAFewRivalsPerInterval) {
  EXPECT_TRANSCRIPT(as_master(R"(
    6.300 advert 1/100 from 10.0.0.3
      => send advert 1/0 #1004; arm advert 1.000s; announce
    6.400 advert 1/200 from 10.0.0.4
      => send advert 1/0 #1005; arm advert 1.000s; announce
    6.500 advert 1/100 from 10.0.0.3
      => send advert 1/0 #1006; arm advert 1.000s; announce
    6.600 advert 1/100 from 10.0.0.3
      => send advert 1/0 #1007; arm advert 1.000s; announce
    6.700 advert 1/100 from 10.0.0.3
    7.600 expires advert
      => send advert 1/0 #1008; arm advert 1.000s
    7.700 advert 1/100 from 10.0.0.3
      => send advert 1/0 #1009; arm advert 1.000s; announce
  )"));
}

TEST(Carp, AMasterNeitherAnswersNorFollowsOneThatLeaves) {
  EXPECT_TRANSCRIPT(as_master("6.300 advert 255/255 from 10.0.0.1"));
}

TEST(Carp, DropsItsOwnEchoes) {
  EXPECT_TRANSCRIPT(as_master(R"(
    6.100 advert 1/0 from 10.0.0.2 #1003
    6.200 advert 0/1 from 10.0.0.2 #1000
    6.300 leave
      => send advert 255/255 #1004; MASTER -> INIT (planned exit); cancel advert; become backup
    6.400 link up
      => INIT -> BACKUP (port usable); arm master-down 3.000s
    6.500 advert 255/255 from 10.0.0.2 #1004
  )"));
}

// FreeBSD and UCarp continue a peer's counter: the same number from another source is no echo.
TEST(Carp, OurCounterFromAPeerIsNoEcho) {
  EXPECT_TRANSCRIPT(as_master(R"(
    6.100 advert 0/1 from 10.0.0.1 #1003
      => MASTER -> BACKUP (a preferred master was heard); cancel advert; become backup;
         arm master-down 3.000s
  )"));
}

TEST(Carp, APlannedExitTellsThePeerThenReleases) {
  EXPECT_TRANSCRIPT(as_master(R"(
    6.300 leave
      => send advert 255/255 #1004; MASTER -> INIT (planned exit); cancel advert; become backup
    6.400 advert 1/100 from 10.0.0.3
  )"));
}

// `carpool switchover`: demoted, it leaves and comes back as a backup that does not preempt.
TEST(Carp, ASwitchoverIsDemoteLeaveLinkUp) {
  EXPECT_TRANSCRIPT(as_master(R"(
    6.300 demote 240 switchover
      => send advert 1/240 #1004; arm advert 1.938s
    6.301 leave
      => send advert 255/255 #1005; MASTER -> INIT (planned exit); cancel advert; become backup
    6.302 link up
      => INIT -> BACKUP (port usable); arm master-down 3.938s
    6.310 advert 1/100 from 10.0.0.3
      => arm master-down 3.938s
  )"));
}

TEST(Carp, ALinkFlapReleasesAndStartsAnew) {
  EXPECT_TRANSCRIPT(as_master(R"(
    6.300 link down
      => MASTER -> INIT (port unusable); cancel advert; become backup
    6.400 advert 1/100 from 10.0.0.3
    6.500 link up
      => INIT -> BACKUP (port usable); arm master-down 3.000s
    6.600 link down
      => BACKUP -> INIT (port unusable); cancel master-down
    6.700 link up
      => INIT -> BACKUP (port usable); arm master-down 3.000s
    7.000 advert 1/100 from 10.0.0.3
      => BACKUP -> MASTER (preempting a less preferred master); cancel master-down; become master;
         send advert 1/0 #1004; arm advert 1.000s; announce; arm announce 0.200s
  )"));
}

TEST(Carp, ADemotedMasterSaysSoAtOnce) {
  EXPECT_TRANSCRIPT(as_master(R"(
    6.300 demote 50 backend mysql
      => send advert 1/50 #1004; arm advert 1.195s
    6.400 demote 240 port lan
      => send advert 1/240 #1005; arm advert 1.938s
    6.500 demote 60 backend mysql
    6.600 demote 0 port lan
      => send advert 1/60 #1006; arm advert 1.234s
    6.700 advert 1/55 from 10.0.0.3
      => MASTER -> BACKUP (a preferred master was heard); cancel advert; become backup;
         arm master-down 3.234s
  )"));
}

TEST(Carp, ThreeSendErrorsDemoteUntilThreeSuccesses) {
  EXPECT_TRANSCRIPT(as_master(R"(
    6.100 sent error
    6.200 sent error
    6.300 sent ok
    6.400 sent error
    6.500 sent error
    6.600 sent error
    7.000 expires advert
      => send advert 1/240 #1004; arm advert 1.938s
    7.100 sent ok
    8.938 expires advert
      => send advert 1/240 #1005; arm advert 1.938s
    8.940 sent ok
    8.950 sent error
    8.960 sent ok
    8.970 sent ok
    8.980 sent ok
    10.875 expires advert
      => send advert 1/0 #1006; arm advert 1.000s
  )"));
}

TEST(Carp, APortThatComesBackForgetsSendErrors) {
  EXPECT_TRANSCRIPT(as_master(R"(
    6.100 sent error
    6.200 sent error
    6.300 sent error
    6.400 link down
      => MASTER -> INIT (port unusable); cancel advert; become backup
    6.500 link up
      => INIT -> BACKUP (port usable); arm master-down 3.000s
  )"));
}

TEST(Carp, AMasterTakesANewConfiguration) {
  EXPECT_TRANSCRIPT(as_master(R"(
    6.300 config 1/20 at 10.0.0.2 preempt
      => become master; send advert 1/20 #1004; arm advert 1.078s; announce; arm announce 0.200s
    6.500 expires announce
      => announce; arm announce 0.800s
  )"));
}

TEST(Carp, AMasterIgnoresWhatConcernsOthers) {
  EXPECT_TRANSCRIPT(as_master(R"(
    6.100 link up
    6.200 adopt
    6.300 lost 10.0.0.1
    6.400 stale master-down
    6.500 stale preempt-delay
    6.600 stale announce
  )"));
}

// The control plane restarted: the data plane never stopped answering.
TEST(Carp, AdoptsTheMasterThatTheDataPlaneIs) {
  EXPECT_TRANSCRIPT(R"(
    node 1/0 at 10.0.0.1 preempt
    0.000 adopt
      => INIT -> MASTER (the data plane is master already); send advert 1/0 #1000; arm advert 1.000s
    0.500 advert 1/100 from 10.0.0.2
      => send advert 1/0 #1001; arm advert 1.000s; announce
    0.600 link down
      => MASTER -> INIT (port unusable); cancel advert; become backup
  )");
}

// ---- OpenBSD's order ---------------------------------------------------------------------------

TEST(Carp, DemotionFirstYieldsToALessDemotedMaster) {
  EXPECT_TRANSCRIPT(R"(
    node 1/0 at 10.0.0.2 demotion-first
    0.000 adopt
      => INIT -> MASTER (the data plane is master already); send advert 1/0 #1000; arm advert 1.000s
    0.100 demote 10 backend mysql
      => send advert 1/10 demoted 10 #1001; arm advert 1.039s
    0.200 advert 1/100 from 10.0.0.3 demoted 20
      => send advert 1/10 demoted 10 #1002; arm advert 1.039s; announce
    0.300 advert 1/100 from 10.0.0.3 demoted 9
      => MASTER -> BACKUP (a preferred master was heard); cancel advert; become backup;
         arm master-down 3.039s
  )");
}

TEST(Carp, DemotionFirstRelievesADemotedMasterPreemptOrNot) {
  EXPECT_TRANSCRIPT(R"(
    node 1/100 at 10.0.0.2 demotion-first
    0.000 link up
      => INIT -> BACKUP (port usable); arm master-down 3.391s
    0.100 advert 1/200 from 10.0.0.1
      => arm master-down 3.391s
    0.200 advert 1/0 from 10.0.0.1 demoted 1
      => BACKUP -> MASTER (preempting a less preferred master); cancel master-down; become master;
         send advert 1/100 #1000; arm advert 1.391s; announce; arm announce 0.200s
  )");
}

// ---- Demotion as a value -----------------------------------------------------------------------

TEST(DemotionValue, ListsWhy) {
  Demotion demotion;
  EXPECT_EQ(demotion.why(), "none");
  demotion.set("worker 1", 240, "stalled");
  demotion.set("backend mysql", 50, "0 of 1 servers up");
  EXPECT_EQ(demotion.why(),
            "290 (counts as 240): backend mysql 50, 0 of 1 servers up; worker 1 240, stalled");
  EXPECT_EQ(demotion.total(), 240u);
  demotion.set("worker 1", 0);
  demotion.set("backend mysql", 20);
  demotion.set("unknown", 0);
  EXPECT_EQ(demotion.why(), "20: backend mysql 20");
  demotion.set("script", ~0u);
  EXPECT_EQ(demotion.total(), 240u);
}

// ---- The table ---------------------------------------------------------------------------------

TEST(CarpTable, NamesTheTransitionTaken) {
  const auto up = step(make_carp_machine(1), {}, {Instant{}, LinkUp{}});
  EXPECT_EQ(up.transition, "come up");
  EXPECT_EQ(step(up.machine, {}, {Instant{}, LinkUp{}}).transition, "ignore");
}

TEST(CarpTable, NamesEverything) {
  for (std::size_t i = 0; i < kEventKinds; ++i) {
    EXPECT_FALSE(name(static_cast<EventKind>(i)).empty());
  }
  for (std::size_t i = 0; i <= static_cast<std::size_t>(StateCause::kAdopted); ++i) {
    EXPECT_FALSE(text(static_cast<StateCause>(i)).empty());
  }
}

// ---- Planned switchover ------------------------------------------------------------------------

TEST(Carp, HandsOverWithoutAMomentWithoutAMaster) {
  EXPECT_TRANSCRIPT(R"(
    node 1/0 at 10.0.0.1 preempt
    0.000 link up
      => INIT -> BACKUP (port usable); arm master-down 3.000s
    3.000 expires master-down
      => BACKUP -> MASTER (no master was heard); cancel master-down; become master;
         send advert 1/0 #1000; arm advert 1.000s; announce; arm announce 0.200s
    3.100 hand over
      => send advert 255/255 #1001; arm advert 1.000s
    3.104 advert 1/100 from 10.0.0.2
      => MASTER -> BACKUP (handed over as asked); cancel advert; cancel announce; become backup;
         arm master-down 3.000s
    3.200 hand over
    3.300 keep
  )");
}

TEST(Carp, SaysItsFarewellUntilItIsHeard) {
  EXPECT_TRANSCRIPT(R"(
    node 1/0 at 10.0.0.1 preempt
    0.000 adopt
      => INIT -> MASTER (the data plane is master already); send advert 1/0 #1000; arm advert 1.000s
    0.100 hand over
      => send advert 255/255 #1001; arm advert 1.000s
    0.500 demote 50 backend mysql
      => send advert 255/255 #1002; arm advert 1.195s
    1.695 expires advert
      => send advert 255/255 #1003; arm advert 1.195s
    1.700 advert 255/255 from 10.0.0.2
    2.000 keep
      => send advert 1/50 #1004; arm advert 1.195s; announce
    2.100 keep
    2.200 advert 1/100 from 10.0.0.2
      => send advert 1/50 #1005; arm advert 1.195s; announce
  )");
}

TEST(Carp, HandingOverEndsWithTheState) {
  EXPECT_TRANSCRIPT(R"(
    node 1/0 at 10.0.0.1 preempt
    0.000 adopt
      => INIT -> MASTER (the data plane is master already); send advert 1/0 #1000; arm advert 1.000s
    0.100 hand over
      => send advert 255/255 #1001; arm advert 1.000s
    0.200 link down
      => MASTER -> INIT (port unusable); cancel advert; become backup
    0.300 adopt
      => INIT -> MASTER (the data plane is master already); send advert 1/0 #1002; arm advert 1.000s
  )");
}

}  // namespace
}  // namespace carpool
