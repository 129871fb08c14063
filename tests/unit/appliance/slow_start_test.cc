#include "controlplane/appliance/slow_start.h"

#include <gtest/gtest.h>

namespace carpool {
namespace {

using namespace std::chrono_literals;

class SlowStartTest : public testing::Test {
 protected:
  SlowStartTest() {
    config_.backends.resize(1);
    config_.backends[0].name = "web";
    config_.backends[0].servers.resize(2);
    config_.backends[0].servers[0].name = "web1";
    config_.backends[0].servers[0].slowstart = 20s;
    config_.backends[0].servers[1].name = "web2";
  }
  // What the first server's share is if it is up, or not, at this time.
  std::uint32_t ramp(bool up, Duration at, bool maintenance = false) {
    link::ServerStates states = link::initial_states(config_);
    states[0][0].up = up;
    states[0][0].maintenance = maintenance;
    slow_start_.apply(config_, states, Instant{} + at);
    EXPECT_EQ(states[0][1].ramp_percent, 100u);
    return states[0][0].ramp_percent;
  }

  config::Config config_;
  SlowStart slow_start_;
};

TEST_F(SlowStartTest, AServerThatWasNeverAwayStartsAtOnce) {
  EXPECT_EQ(ramp(true, 0s), 100u);
  EXPECT_EQ(slow_start_.next(), std::nullopt);
}

TEST_F(SlowStartTest, OneThatComesBackGetsMoreStepByStep) {
  (void)ramp(true, 0s);
  (void)ramp(false, 5s);
  EXPECT_EQ(slow_start_.next(), std::nullopt);
  EXPECT_EQ(ramp(true, 10s), 1u);
  EXPECT_EQ(slow_start_.next(), Instant{} + 11s);
  EXPECT_EQ(ramp(true, 11s), 5u);
  EXPECT_EQ(ramp(true, 20s), 50u);
  EXPECT_EQ(slow_start_.next(), Instant{} + 21s);
  EXPECT_EQ(ramp(true, 29900ms), 95u);
  EXPECT_EQ(ramp(true, 30s), 100u);
  EXPECT_EQ(slow_start_.next(), std::nullopt);
  EXPECT_EQ(ramp(true, 31s), 100u);
}

TEST_F(SlowStartTest, EachAbsenceStartsItAnew) {
  (void)ramp(false, 0s);
  EXPECT_EQ(ramp(true, 10s), 1u);
  EXPECT_EQ(ramp(true, 20s), 50u);
  (void)ramp(false, 21s);
  EXPECT_EQ(slow_start_.next(), std::nullopt);
  EXPECT_EQ(ramp(true, 22s), 1u);
}

TEST_F(SlowStartTest, MaintenanceIsAnAbsence) {
  (void)ramp(true, 0s, true);
  EXPECT_EQ(ramp(true, 1s), 1u);
}

TEST_F(SlowStartTest, AReloadDoesNotEndItAndMayShortenIt) {
  (void)ramp(false, 0s);
  (void)ramp(true, 10s);
  config_.backends[0].servers[0].slowstart = 10s;
  EXPECT_EQ(ramp(true, 15s), 50u);
  config_.backends[0].servers[0].slowstart = 0s;
  EXPECT_EQ(ramp(true, 16s), 100u);
}

}  // namespace
}  // namespace carpool
