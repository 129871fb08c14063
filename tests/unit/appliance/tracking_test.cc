// What is tracked, and what comes of it.
#include "controlplane/appliance/tracking.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace carpool {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Source = Demotion::Source;

struct Tracking : testing::Test {
  Tracking() {
    config.groups.resize(2);
    config.groups[0].name = "public";
    config.groups[1].name = "inside";
    config.groups[0].port = "wan";
    config.groups[1].port = "lan";
    servers = {{{}, {}}};
    for (link::ServerState& state : servers[0])
      state.up = true;
  }

  config::RedundancyGroup& group() { return config.groups[0]; }
  std::vector<TrackResult> results() {
    return track_results(group(), servers, ports, health, scripts);
  }
  GroupJudgement judged(bool claimed = false) { return judge(std::nullopt, results(), claimed); }

  void track_backend(std::uint32_t at_least, std::optional<int> weight = {}) {
    config::TrackBackend track;
    track.backend = "mysql";
    track.at_least = at_least;
    track.weight = weight;
    group().tracks = {track};
  }
  void track_script(std::optional<int> weight) {
    config::TrackScript track;
    track.script.command = {"/check", "-v"};
    track.weight = weight;
    group().track_scripts = {track};
  }
  void script_says(bool well, const std::string& why) {
    scripts[{"public", group().track_scripts[0].script}] = {true, well, 0, why};
  }

  config::Config config;
  link::ServerStates servers;
  std::vector<link::RegionPort> ports = {{"wan", 3, {}}, {"lan", 4, {}}};
  std::vector<PortHealth> health = {{true}, {true}};
  ScriptStates scripts;
};

TEST_F(Tracking, NothingTrackedIsWell) {
  EXPECT_THAT(results(), IsEmpty());
  EXPECT_EQ(judged(), GroupJudgement{});
}

TEST_F(Tracking, BackendBelowItsMinimumDemotes) {
  track_backend(2);
  EXPECT_THAT(judged().demotions, IsEmpty());
  servers[0][1].up = false;
  EXPECT_THAT(judged().demotions,
              ElementsAre(Source{"backend mysql", kMaxDemotion, "1 of 2 servers up, needs 2"}));
  servers[0][1].up = true;
  servers[0][0].maintenance = true;
  EXPECT_THAT(judged().demotions, testing::SizeIs(1)) << "a server in maintenance does not count";
}

TEST_F(Tracking, WeightsDemoteByTheirSize) {
  servers[0][0].up = false;
  track_backend(2, -30);
  EXPECT_EQ(judged().demotions.at(0).value, 30u);
  track_backend(2, 20);  // what it added while it was well
  EXPECT_EQ(judged().demotions.at(0).value, 20u);
}

TEST_F(Tracking, WithoutWeightOfItsOwnAFaultKeepsTheGroupOff) {
  servers[0][0].up = false;
  track_backend(2, 0);
  const GroupJudgement judgement = judged();
  EXPECT_EQ(judgement.fault, "backend mysql: 1 of 2 servers up, needs 2");
  EXPECT_TRUE(judgement.can_say_goodbye);
  EXPECT_THAT(judgement.demotions, IsEmpty());
}

TEST_F(Tracking, PortsWithAddressesDemoteUnasked) {
  config::VirtualAddress floating;
  floating.port = "lan";
  group().floating = {floating, floating};
  health[1].link_up = false;
  EXPECT_THAT(judged().demotions, ElementsAre(Source{"port lan", kMaxDemotion, "no link"}));
  config::TrackPort track;
  track.port = "lan";
  track.weight = -50;
  group().track_ports = {track};
  EXPECT_THAT(judged().demotions, ElementsAre(Source{"port lan", 50, "no link"}))
      << "as written, if it is";
}

TEST_F(Tracking, AScriptThatFailsDemotes) {
  track_script(-10);
  script_says(false, "exited with status 1");
  EXPECT_THAT(judged().demotions, ElementsAre(Source{"script /check", 10, "exited with status 1"}));
  script_says(true, "");
  EXPECT_THAT(judged().demotions, IsEmpty());
}

// A control plane that comes back must not drop what the data plane claims.
TEST_F(Tracking, AScriptThatHasNotRunKeepsAGroupOffButDropsNone) {
  track_script(0);
  EXPECT_EQ(judged(false).fault, "script /check: has not run yet");
  EXPECT_EQ(judged(true).fault, std::nullopt);
  script_says(false, "exited with status 1");
  EXPECT_EQ(judged(true).fault, "script /check: exited with status 1");
}

TEST_F(Tracking, WithoutPortOrDataPlaneThereIsNoGoodbye) {
  const GroupJudgement judgement = judge("port wan has no link", {}, true);
  EXPECT_EQ(judgement.fault, "port wan has no link");
  EXPECT_FALSE(judgement.can_say_goodbye);
}

TEST_F(Tracking, GroupsOfOneSyncGroupHaveOneFate) {
  std::vector<GroupJudgement> all(2);
  all[0] = judge("port wan has no link", {}, true);
  all[1].demotions = {{"backend mysql", 50, "0 of 1 servers up"}};
  const auto alone = all;
  share_fate(config, all);
  EXPECT_EQ(all, alone) << "each on its own";

  config.groups[0].sync_group = config.groups[1].sync_group = "both";
  share_fate(config, all);
  EXPECT_EQ(all[1].fault, "group public of the same sync-group: port wan has no link");
  EXPECT_TRUE(all[1].can_say_goodbye) << "its own port works";
  EXPECT_THAT(all[0].demotions,
              ElementsAre(Source{"backend mysql", 50, "0 of 1 servers up (of group inside)"}));
}

TEST_F(Tracking, WhatBothTrackCountsOnce) {
  config.groups[0].sync_group = config.groups[1].sync_group = "both";
  std::vector<GroupJudgement> all(2);
  all[0].demotions = {{"backend mysql", 20, "down"}};
  all[1].demotions = {{"backend mysql", 50, "down"}};
  share_fate(config, all);
  EXPECT_THAT(all[0].demotions, ElementsAre(Source{"backend mysql", 50, "down"}));
  EXPECT_EQ(all[0].demotions, all[1].demotions);
}

// ---- Runs of a script --------------------------------------------------------------------------

std::string course_of(std::string_view runs, std::uint32_t rise, std::uint32_t fall) {
  config::TrackScript track;
  track.rise = rise;
  track.fall = fall;
  ScriptState state;
  std::string course;
  for (const char run : runs) {
    note_run(state, track, run == '#', "exited with status 1");
    course += state.well ? '#' : '.';
  }
  return course;
}

TEST(ScriptRuns, TheFirstOneDecidesAndThenRiseAndFall) {
  EXPECT_EQ(course_of("#.#..#...##", 2, 3), "########..#");
  EXPECT_EQ(course_of(".##", 2, 3), "..#");
  EXPECT_EQ(course_of("#.#", 1, 1), "#.#");
}

}  // namespace
}  // namespace carpool
