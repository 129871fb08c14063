// Two nodes on one wire and one clock, with real frames between them.
#include "controlplane/redundancy/runner.h"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controlplane/redundancy/carp_frame.h"
#include "dataplane/net/headers.h"

namespace carpool {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr Instant kStart = Instant(1000s);
constexpr std::uint16_t kWan = 0;
constexpr std::uint16_t kLan = 1;

// What a node does to the world, in order, one line each.
struct RecordedEffects : RedundancyEffects {
  std::vector<std::string> log;
  std::vector<std::vector<std::uint8_t>> adverts;  // sent and not delivered yet
  bool takes_frames = true;
  bool claims = false;

  bool send(std::uint16_t port, std::span<const std::uint8_t> frame) override {
    if (!takes_frames) return false;
    if (const auto carp = parse_carp_frame(frame)) {
      const auto advert = decode(carp->message);
      log.push_back("advert " + std::to_string(advert->advbase) + "/" +
                    std::to_string(advert->advskew));
      adverts.emplace_back(frame.begin(), frame.end());
    } else {
      Ipv4Address address;
      std::memcpy(&address, frame.data() + sizeof(EthernetHeader) + 14, sizeof address);
      log.push_back("announce " + to_string(address) + " on port " + std::to_string(port));
    }
    return true;
  }
  void set_group(std::string_view group, bool active) override {
    claims = active;
    log.push_back(std::string(active ? "claim " : "release ") + std::string(group));
  }
  void note_transition(std::string_view, std::string_view what) override { log.emplace_back(what); }
  void note_foreign(std::string_view, std::string_view what) override { log.emplace_back(what); }

  std::vector<std::string> take_log() { return std::exchange(log, {}); }
};

GroupSettings public_group(std::uint8_t advskew, Ipv4Address source) {
  GroupSettings group;
  group.name = "public";
  group.carp.vhid = 53;
  group.carp.advskew = advskew;
  group.carp.source = source;
  group.key = make_carp_key(53, "secret", {Ipv4Address::of(192, 0, 2, 10)}).value();
  group.port = kWan;
  group.mac = MacAddress::virtual_router(53);
  group.announced = {{Ipv4Address::of(192, 0, 2, 10), kWan}, {Ipv4Address::of(10, 0, 0, 10), kLan}};
  return group;
}

struct Node {
  explicit Node(std::uint8_t advskew, Ipv4Address source)
      : settings(public_group(advskew, source)), runner(effects, [this] { return ++random; }) {
    runner.configure({settings}, kStart);
  }
  const GroupReport& group() const { return runner.groups()[0]; }
  RouterState state() const { return group().machine.state; }
  void come_up(Instant now) { runner.set_usable("public", true, "", now); }

  std::uint64_t random = 1000;
  RecordedEffects effects;
  GroupSettings settings;
  RedundancyRunner runner;
};

struct Wire {
  std::vector<Node*> nodes;
  Instant now = kStart;
  bool cut = false;

  // Every node hears every advert, its own included, as on a switch that floods.
  void run_for(Duration duration) {
    for (const Instant end = now + duration; now < end; now += 2ms) {
      for (Node* node : nodes) {
        node->runner.expire(now);
        deliver(*node);
      }
    }
  }
  void deliver(Node& sender) {
    for (const auto& frame : std::exchange(sender.effects.adverts, {})) {
      for (Node* node : nodes) {
        if (!cut || node == &sender) node->runner.receive(kWan, frame, now);
      }
    }
  }
};

struct PairTest : testing::Test {
  Node preferred{0, Ipv4Address::of(192, 0, 2, 2)};
  Node standby{100, Ipv4Address::of(192, 0, 2, 3)};
  Wire wire{{&preferred, &standby}};

  void both_come_up() {
    preferred.come_up(wire.now);
    standby.come_up(wire.now);
    wire.run_for(4s);
    preferred.effects.log.clear();
    standby.effects.log.clear();
  }
};

TEST_F(PairTest, ClaimsThenAdvertisesThenAnnouncesEveryAddressOnItsOwnPort) {
  preferred.come_up(wire.now);
  EXPECT_THAT(preferred.effects.take_log(), ElementsAre("INIT -> BACKUP: port usable"));
  wire.run_for(3s + 4ms);
  EXPECT_THAT(preferred.effects.take_log(),
              ElementsAre("BACKUP -> MASTER: no master was heard", "claim public", "advert 1/0",
                          "announce 192.0.2.10 on port 0", "announce 10.0.0.10 on port 1"));
}

TEST_F(PairTest, OneOfTwoBecomesMasterAndTheOtherHearsIt) {
  both_come_up();
  EXPECT_EQ(preferred.state(), RouterState::kMaster);
  EXPECT_EQ(standby.state(), RouterState::kBackup);
  ASSERT_TRUE(standby.group().machine.peer);
  EXPECT_EQ(standby.group().machine.peer->advert.source, Ipv4Address::of(192, 0, 2, 2));
}

TEST_F(PairTest, OwnEchoesChangeNothing) {
  wire.nodes = {&preferred};
  preferred.come_up(wire.now);
  wire.run_for(10s);
  EXPECT_EQ(preferred.state(), RouterState::kMaster);
  EXPECT_FALSE(preferred.group().machine.peer);
}

TEST_F(PairTest, StandbyTakesOverWithinItsMasterDownTime) {
  both_come_up();
  wire.cut = true;
  wire.run_for(3400ms);
  EXPECT_EQ(standby.state(), RouterState::kMaster);
}

TEST_F(PairTest, ReleasesBeforeAnythingElseWhenTheDataPlaneStops) {
  both_come_up();
  preferred.runner.set_usable("public", false, "worker 0 makes no progress", wire.now);
  EXPECT_THAT(preferred.effects.take_log(),
              ElementsAre("MASTER -> INIT: worker 0 makes no progress", "release public"));
  EXPECT_FALSE(preferred.effects.claims);
  wire.run_for(5s);
  EXPECT_THAT(preferred.effects.log, testing::IsEmpty()) << "no advert without a data plane";
  EXPECT_EQ(preferred.group().why_unusable, "worker 0 makes no progress");
}

TEST_F(PairTest, PlannedExitHandsOverAtOnce) {
  both_come_up();
  preferred.runner.leave_all(wire.now);
  EXPECT_THAT(preferred.effects.log,
              ElementsAre("advert 255/255", "MASTER -> INIT: planned exit", "release public"));
  wire.run_for(4ms);
  EXPECT_EQ(standby.state(), RouterState::kMaster);
}

TEST_F(PairTest, AdoptedMasterOnlyAdvertises) {
  preferred.runner.adopt("public", wire.now);
  EXPECT_THAT(preferred.effects.take_log(),
              ElementsAre("INIT -> MASTER: the data plane is master already", "advert 1/0"));
}

TEST_F(PairTest, DemotionMovesTheGroup) {
  both_come_up();
  preferred.runner.demote("public", "backend mysql", 200, "0 of 1 servers up", wire.now);
  wire.run_for(2s);
  EXPECT_EQ(standby.state(), RouterState::kMaster);
  EXPECT_EQ(preferred.state(), RouterState::kBackup);
  EXPECT_EQ(preferred.group().machine.demotion.why(), "200: backend mysql 200, 0 of 1 servers up");
}

TEST_F(PairTest, RepeatedDemotionIsNoEvent) {
  both_come_up();
  preferred.runner.demote("public", "backend mysql", 10, "0 of 1 servers up", wire.now);
  preferred.effects.log.clear();
  preferred.runner.demote("public", "backend mysql", 10, "0 of 1 servers up", wire.now);
  EXPECT_THAT(preferred.effects.log, testing::IsEmpty());
}

TEST_F(PairTest, UnchangedConfigurationIsNotNoticed) {
  both_come_up();
  const Instant since = preferred.group().since;
  preferred.runner.configure({preferred.settings}, wire.now);
  EXPECT_THAT(preferred.effects.log, testing::IsEmpty());
  EXPECT_EQ(preferred.group().since, since);
}

TEST_F(PairTest, ChangedAddressesAreClaimedWithoutLeavingMaster) {
  both_come_up();
  GroupSettings changed = preferred.settings;
  changed.announced.push_back({Ipv4Address::of(192, 0, 2, 11), kWan});
  preferred.runner.configure({changed}, wire.now);
  EXPECT_EQ(preferred.state(), RouterState::kMaster);
  EXPECT_THAT(preferred.effects.log,
              ElementsAre("claim public", "advert 1/0", "announce 192.0.2.10 on port 0",
                          "announce 10.0.0.10 on port 1", "announce 192.0.2.11 on port 0"));
}

TEST_F(PairTest, RemovedGroupLeaves) {
  both_come_up();
  preferred.runner.configure({}, wire.now);
  EXPECT_THAT(preferred.effects.log,
              ElementsAre("advert 255/255", "MASTER -> INIT: planned exit", "release public"));
  EXPECT_TRUE(preferred.runner.groups().empty());
  EXPECT_FALSE(preferred.runner.next_deadline());
}

TEST_F(PairTest, AnotherVhidIsAnotherGroup) {
  both_come_up();
  GroupSettings changed = preferred.settings;
  changed.carp.vhid = 54;
  preferred.runner.configure({changed}, wire.now);
  EXPECT_EQ(preferred.state(), RouterState::kInit);
  EXPECT_FALSE(preferred.effects.claims);
}

TEST_F(PairTest, CountsForeignAdvertsAndNamesTheReasonOnce) {
  Node stranger{0, Ipv4Address::of(192, 0, 2, 9)};
  GroupSettings other = stranger.settings;
  other.key = make_carp_key(53, "wrong", {Ipv4Address::of(192, 0, 2, 10)}).value();
  stranger.runner.configure({other}, wire.now);
  wire.nodes.push_back(&stranger);
  both_come_up();
  stranger.come_up(wire.now);
  wire.run_for(6s);

  const ForeignAdverts& foreign = preferred.group().foreign;
  EXPECT_GE(foreign.count, 2u);
  EXPECT_EQ(foreign.last_sender, Ipv4Address::of(192, 0, 2, 9));
  EXPECT_FALSE(foreign.reason.empty());
  const auto mentions = [](const std::string& line) {
    return line.find("192.0.2.9") != std::string::npos;
  };
  EXPECT_EQ(std::ranges::count_if(preferred.effects.log, mentions), 1);
  EXPECT_EQ(preferred.state(), RouterState::kMaster) << "a stranger takes nothing";
}

TEST_F(PairTest, ThreeFailedSendsDemote) {
  both_come_up();
  preferred.effects.takes_frames = false;
  wire.run_for(3s);
  EXPECT_THAT(preferred.group().machine.demotion.why(), HasSubstr("adverts cannot be sent"));
}

TEST_F(PairTest, RepeatsClaimsToANewDataPlane) {
  both_come_up();
  preferred.runner.repeat_claims();
  standby.runner.repeat_claims();
  EXPECT_THAT(preferred.effects.log, ElementsAre("claim public"));
  EXPECT_THAT(standby.effects.log, ElementsAre("release public"));
}

}  // namespace
}  // namespace carpool
