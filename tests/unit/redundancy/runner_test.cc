// Two nodes on one wire and one clock, with real frames between them.
#include "controlplane/redundancy/runner.h"

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controlplane/redundancy/carp_frame.h"
#include "controlplane/redundancy/vrrp_frame.h"
#include "dataplane/net/headers.h"

namespace carpool {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr Instant kStart = Instant(1000s);
constexpr std::uint16_t kWan = 0;
constexpr std::uint16_t kLan = 1;
constexpr MacAddress kPortMac{{0x52, 0x54, 0, 0, 0, 1}};

// "1/100" of CARP; "100", or "100 to 192.0.2.3", of VRRP.
std::string advert_text(const ParsedCarpFrame& frame) {
  if (const auto carp = decode(frame.message)) {
    return std::to_string(carp->advbase) + "/" + std::to_string(carp->advskew);
  }
  const auto vrrp = decode_vrrp<Ipv4Address>(frame.message, {frame.source, frame.destination});
  std::string text = std::to_string(vrrp->priority);
  if (frame.destination != kVrrpMulticast) text += " to " + to_string(frame.destination);
  return text;
}

// What a node does to the world, in order, one line each.
struct RecordedEffects : RedundancyEffects {
  std::vector<std::string> log;
  std::vector<std::string> states;
  std::vector<std::vector<std::uint8_t>> adverts;  // sent and not delivered yet
  std::map<Ipv4Address, MacAddress> neighbours;
  bool takes_frames = true;
  bool claims = false;

  bool send(std::uint16_t port, std::span<const std::uint8_t> frame) override {
    if (!takes_frames) return false;
    if (const auto parsed = parse_carp_frame(frame)) {
      log.push_back("advert " + advert_text(*parsed));
      adverts.emplace_back(frame.begin(), frame.end());
    } else {
      Ipv4Address address;
      std::memcpy(&address, frame.data() + sizeof(EthernetHeader) + 14, sizeof address);
      log.push_back("announce " + to_string(address) + " on port " + std::to_string(port));
    }
    return true;
  }
  std::optional<MacAddress> resolve(std::uint16_t, Ipv4Address address) override {
    const auto known = neighbours.find(address);
    return known == neighbours.end() ? std::nullopt : std::optional(known->second);
  }
  void set_group(std::string_view group, bool active) override {
    claims = active;
    log.push_back(std::string(active ? "claim " : "release ") + std::string(group));
  }
  void note_transition(std::string_view, std::string_view what) override { log.emplace_back(what); }
  void note_foreign(std::string_view, std::string_view what) override { log.emplace_back(what); }

  void announce_state(const GroupReport& group) override {
    states.emplace_back(group.state_name());
  }

  std::vector<std::string> take_log() { return std::exchange(log, {}); }
};

GroupSettings group_of(std::variant<CarpSettings, VrrpSettings> protocol) {
  GroupSettings group;
  group.name = "public";
  group.protocol = std::move(protocol);
  group.port = kWan;
  group.port_mac = kPortMac;
  group.mac = MacAddress::virtual_router(53);
  group.announced = {{Ipv4Address::of(192, 0, 2, 10), kWan}, {Ipv4Address::of(10, 0, 0, 10), kLan}};
  return group;
}

GroupSettings public_group(std::uint8_t advskew, Ipv4Address source) {
  CarpSettings carp;
  carp.config.vhid = 53;
  carp.config.advskew = advskew;
  carp.config.source = source;
  carp.key = make_carp_key(53, "secret", {Ipv4Address::of(192, 0, 2, 10)}).value();
  return group_of(carp);
}

VrrpSettings vrrp_settings(std::uint8_t priority, Ipv4Address source) {
  VrrpSettings vrrp;
  vrrp.config.vrid = vrrp.group.vrid = 53;
  vrrp.config.priority = priority;
  vrrp.config.source = vrrp.group.own = source;
  vrrp.config.announcements.count = 1;
  vrrp.group.addresses = {Ipv4Address::of(192, 0, 2, 10)};
  return vrrp;
}

struct Node {
  Node(std::uint8_t advskew, Ipv4Address source) : Node(public_group(advskew, source)) {}
  explicit Node(GroupSettings group)
      : settings(std::move(group)), runner(effects, [this] { return ++random; }) {
    runner.configure({settings}, kStart);
  }
  const GroupReport& group() const { return runner.groups()[0]; }
  const CarpMachine& machine() const { return std::get<CarpMachine>(group().machine); }
  RouterState state() const { return group().state(); }
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
  ASSERT_TRUE(standby.machine().peer);
  EXPECT_EQ(standby.machine().peer->advert.source, Ipv4Address::of(192, 0, 2, 2));
}

TEST_F(PairTest, OwnEchoesChangeNothing) {
  wire.nodes = {&preferred};
  preferred.come_up(wire.now);
  wire.run_for(10s);
  EXPECT_EQ(preferred.state(), RouterState::kMaster);
  EXPECT_FALSE(preferred.machine().peer);
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
  preferred.runner.leave_all("it is stopped", wire.now);
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
  EXPECT_EQ(preferred.group().demotion().why(), "200: backend mysql 200, 0 of 1 servers up");
}

TEST_F(PairTest, RepeatedDemotionIsNoEvent) {
  both_come_up();
  preferred.runner.demote("public", "backend mysql", 10, "0 of 1 servers up", wire.now);
  preferred.effects.log.clear();
  preferred.runner.demote("public", "backend mysql", 10, "0 of 1 servers up", wire.now);
  EXPECT_THAT(preferred.effects.log, testing::IsEmpty());
}

TEST_F(PairTest, DemotionsAreThoseThatWereSetLast) {
  both_come_up();
  preferred.runner.set_demotions(
      "public", std::vector<Demotion::Source>{{"port lan", 40, "no link"}}, wire.now);
  preferred.runner.set_demotions(
      "public", std::vector<Demotion::Source>{{"backend mysql", 10, "0 of 1 servers up"}},
      wire.now);
  EXPECT_EQ(preferred.group().demotion().why(), "10: backend mysql 10, 0 of 1 servers up");
  EXPECT_THAT(preferred.effects.log, ElementsAre("advert 1/40", "advert 1/0", "advert 1/10"));
}

TEST_F(PairTest, ARetiredGroupSaysGoodbyeAndComesBackWhenItMay) {
  both_come_up();
  preferred.effects.states.clear();
  preferred.runner.retire("public", "script /check: exited with status 1", wire.now);
  EXPECT_THAT(preferred.effects.log,
              ElementsAre("advert 255/255", "MASTER -> INIT: script /check: exited with status 1",
                          "release public"));
  wire.run_for(4ms);
  EXPECT_EQ(standby.state(), RouterState::kMaster);
  preferred.come_up(wire.now);
  EXPECT_EQ(preferred.state(), RouterState::kBackup);
  EXPECT_THAT(preferred.effects.states, ElementsAre("INIT", "BACKUP"));
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
  std::get<CarpSettings>(changed.protocol).config.vhid = 54;
  preferred.runner.configure({changed}, wire.now);
  EXPECT_EQ(preferred.state(), RouterState::kInit);
  EXPECT_FALSE(preferred.effects.claims);
}

TEST_F(PairTest, CountsForeignAdvertsAndNamesTheReasonOnce) {
  Node stranger{0, Ipv4Address::of(192, 0, 2, 9)};
  GroupSettings other = stranger.settings;
  std::get<CarpSettings>(other.protocol).key =
      make_carp_key(53, "wrong", {Ipv4Address::of(192, 0, 2, 10)}).value();
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
  EXPECT_THAT(preferred.group().demotion().why(), HasSubstr("adverts cannot be sent"));
}

TEST_F(PairTest, RepeatsClaimsToANewDataPlane) {
  both_come_up();
  preferred.runner.repeat_claims();
  standby.runner.repeat_claims();
  EXPECT_THAT(preferred.effects.log, ElementsAre("claim public"));
  EXPECT_THAT(standby.effects.log, ElementsAre("release public"));
}

// ---- VRRP --------------------------------------------------------------------------------------

constexpr Ipv4Address kFirst = Ipv4Address::of(192, 0, 2, 2);
constexpr Ipv4Address kSecond = Ipv4Address::of(192, 0, 2, 3);

struct VrrpPairTest : testing::Test {
  Node preferred{group_of(vrrp_settings(200, kFirst))};
  Node standby{group_of(vrrp_settings(100, kSecond))};
  Wire wire{{&preferred, &standby}};

  void both_come_up() {
    preferred.come_up(wire.now);
    standby.come_up(wire.now);
    wire.run_for(4s);
    preferred.effects.log.clear();
    standby.effects.log.clear();
  }
};

TEST_F(VrrpPairTest, OneOfTwoBecomesActive) {
  preferred.come_up(wire.now);
  standby.come_up(wire.now);
  wire.run_for(3300ms);
  EXPECT_THAT(
      preferred.effects.log,
      ElementsAre("INIT -> BACKUP: port usable", "BACKUP -> ACTIVE: no active router was heard",
                  "claim public", "advert 200", "announce 192.0.2.10 on port 0",
                  "announce 10.0.0.10 on port 1"));
  wire.run_for(3s);
  EXPECT_EQ(standby.state(), RouterState::kBackup);
  EXPECT_EQ(preferred.group().state_name(), "ACTIVE");
}

TEST_F(VrrpPairTest, PlannedExitHandsOverWithinTheSkew) {
  both_come_up();
  preferred.runner.leave_all("it is stopped", wire.now);
  EXPECT_THAT(preferred.effects.log,
              ElementsAre("advert 0", "ACTIVE -> INIT: planned exit", "release public"));
  wire.run_for(620ms);
  EXPECT_EQ(standby.state(), RouterState::kMaster);
}

TEST_F(VrrpPairTest, OtherAddressesAreSaidButObeyed) {
  VrrpSettings other = vrrp_settings(254, kSecond);
  other.group.addresses = {Ipv4Address::of(192, 0, 2, 99)};
  Node stranger(group_of(other));
  wire.nodes = {&preferred, &stranger};
  both_come_up();
  stranger.come_up(wire.now);
  wire.run_for(4s);
  EXPECT_EQ(preferred.state(), RouterState::kBackup);
  EXPECT_THAT(preferred.group().foreign.reason, HasSubstr("other addresses"));
}

TEST_F(VrrpPairTest, CarpIsNoPeerOfVrrp) {
  Node carp(0, kSecond);
  wire.nodes = {&preferred, &carp};
  both_come_up();
  carp.come_up(wire.now);
  wire.run_for(4s);
  EXPECT_THAT(preferred.group().foreign.reason, HasSubstr("CARP node with our vrid"));
  EXPECT_THAT(carp.group().foreign.reason, HasSubstr("VRRP router with our vhid"));
}

TEST_F(VrrpPairTest, UnicastGoesToEveryPeerThatIsKnown) {
  VrrpSettings unicast = vrrp_settings(200, kFirst);
  unicast.group.peers = {kSecond, Ipv4Address::of(192, 0, 2, 4)};
  Node node(group_of(unicast));
  node.effects.neighbours = {{kSecond, {{0x52, 0x54, 0, 0, 0, 2}}}};
  node.come_up(wire.now);
  wire.nodes = {&node};
  wire.run_for(3300ms);
  EXPECT_THAT(node.effects.log, testing::Contains("advert 200 to 192.0.2.3"));
  EXPECT_THAT(node.effects.log, testing::Not(testing::Contains(HasSubstr("192.0.2.4"))));
  EXPECT_EQ(node.group().demotion().sum(), 0u) << "a dead peer is no fault of ours";
}

TEST_F(VrrpPairTest, AnotherProtocolIsAnotherGroup) {
  both_come_up();
  preferred.runner.configure({public_group(0, kFirst)}, wire.now);
  EXPECT_EQ(preferred.state(), RouterState::kInit);
  EXPECT_FALSE(preferred.effects.claims);
  EXPECT_FALSE(preferred.group().settings.is_vrrp());
}

}  // namespace
}  // namespace carpool
