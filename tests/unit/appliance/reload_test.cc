#include "controlplane/appliance/reload.h"

#include <chrono>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace carpool {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

TEST(Reload, TakesServersAndGroupsWithoutARestart) {
  config::Config running;
  config::Config wanted;
  wanted.backends.resize(3);
  wanted.groups.resize(1);
  wanted.frontends.resize(2);
  EXPECT_THAT(needs_restart(running, wanted), IsEmpty());
}

TEST(Reload, NamesEverythingThatTheDataPlaneWasStartedWith) {
  config::Config running;
  config::Config wanted;
  wanted.node.ports.resize(1);
  wanted.node.workers = 2;
  wanted.node.flows = 4096;
  wanted.node.memory_mb = 256;
  wanted.node.idle = config::IdleMode::Poll;
  wanted.node.fence = 1s;
  EXPECT_THAT(needs_restart(running, wanted),
              ElementsAre("the ports", "workers", "flows", "memory", "idle", "fence"));
}

TEST(Reload, DoesNotMindWhereInTheFileAPortStands) {
  config::Config running;
  running.node.ports.resize(1);
  config::Config wanted = running;
  wanted.node.ports[0].origin.line = 17;
  EXPECT_THAT(needs_restart(running, wanted), IsEmpty());
}

}  // namespace
}  // namespace carpool
