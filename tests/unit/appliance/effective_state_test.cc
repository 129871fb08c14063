#include "controlplane/appliance/effective_state.h"

#include <gtest/gtest.h>

namespace carpool {
namespace {

struct EffectiveState : testing::Test {
  EffectiveState() {
    server.weight = 20;
    server.maxconn = 100;
  }
  [[nodiscard]] link::ServerState state() const { return effective_state(server, known, ejected); }

  config::Server server;
  ServerSnapshot known;
  bool ejected = false;
};

TEST_F(EffectiveState, FollowsHealth) {
  EXPECT_TRUE(state().up);
  EXPECT_FALSE(state().draining);
  known.health.stopping = true;
  EXPECT_TRUE(state().up);
  EXPECT_TRUE(state().draining);
  known.health.up = false;
  EXPECT_FALSE(state().up);
}

TEST_F(EffectiveState, FollowsWhatIsWanted) {
  known.mode = AdminMode::Drain;
  EXPECT_TRUE(state().draining);
  EXPECT_FALSE(state().maintenance);
  known.mode = AdminMode::Maintenance;
  EXPECT_TRUE(state().maintenance);
}

TEST_F(EffectiveState, OutliersGetNoNewConnections) {
  ejected = true;
  EXPECT_TRUE(state().up);
  EXPECT_TRUE(state().draining);
}

TEST_F(EffectiveState, WeightAndLimitAreTheConfiguredOnesUnlessSaidOtherwise) {
  EXPECT_EQ(state().weight, std::nullopt);
  EXPECT_EQ(state().maxconn, std::nullopt);
  known.admin.weight = WeightOverride{50, true};
  known.admin.maxconn = 7;
  EXPECT_EQ(state().weight, 10u);
  EXPECT_EQ(state().maxconn, 7u);
}

TEST_F(EffectiveState, EveryServerFindsItsOwn) {
  config::Config config;
  config.backends.resize(2);
  config.backends[0].servers.resize(1);
  config.backends[1].servers.resize(2);
  std::vector<ServerSnapshot> all(3);
  all[2].health.up = false;
  const auto states = effective_states(config, all, {});
  ASSERT_EQ(states.size(), 2u);
  EXPECT_TRUE(states[0][0].up);
  EXPECT_TRUE(states[1][0].up);
  EXPECT_FALSE(states[1][1].up);
}

}  // namespace
}  // namespace carpool
