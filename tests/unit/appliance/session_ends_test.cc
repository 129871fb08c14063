#include "controlplane/appliance/session_ends.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace carpool {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// Servers 0 and 1, and the backups 2 and 3.
class SessionEnds : public testing::Test {
 protected:
  SessionEnds() {
    config_.backends.resize(1);
    config_.backends[0].servers.resize(4);
    for (std::size_t at : {2, 3})
      config_.backends[0].servers[at].backup = true;
    before_ = after_ = link::initial_states(config_);
  }
  config::Server& server(std::size_t at) { return config_.backends[0].servers[at]; }
  [[nodiscard]] auto ends() const { return sessions_to_end(config_, before_, after_); }

  config::Config config_;
  link::ServerStates before_, after_;
};

TEST_F(SessionEnds, OnlyWhereItIsConfigured) {
  after_[0][0].up = false;
  EXPECT_THAT(ends(), IsEmpty());
  server(0).shutdown_sessions_on_down = true;
  EXPECT_THAT(ends(), ElementsAre(ServerPlace{0, 0}));
  before_ = after_;
  EXPECT_THAT(ends(), IsEmpty()) << "it was down before";
}

TEST_F(SessionEnds, MaintenanceCountsAsDownAndDrainingDoesNot) {
  server(0).shutdown_sessions_on_down = server(1).shutdown_sessions_on_down = true;
  after_[0][0].maintenance = true;
  after_[0][1].draining = true;
  EXPECT_THAT(ends(), ElementsAre(ServerPlace{0, 0}));
}

TEST_F(SessionEnds, ARegularServerThatComesBackEndsThoseOfAllBackups) {
  server(0).shutdown_backup_sessions_on_up = true;
  before_[0][0].up = false;
  EXPECT_THAT(ends(), ElementsAre(ServerPlace{0, 2}, ServerPlace{0, 3}));
  after_[0][0].weight = 0;
  EXPECT_THAT(ends(), IsEmpty()) << "it takes no connections";
}

TEST_F(SessionEnds, ABackupThatComesBackEndsNone) {
  server(2).shutdown_backup_sessions_on_up = true;
  before_[0][2].up = false;
  EXPECT_THAT(ends(), IsEmpty());
}

TEST_F(SessionEnds, WhoTakesOverEndsThoseOfServersThatAreDown) {
  server(0).shutdown_sessions_on_down = server(1).shutdown_sessions_on_down = true;
  after_[0][1].up = after_[0][2].up = false;
  EXPECT_THAT(sessions_to_end(config_, after_), ElementsAre(ServerPlace{0, 1}));
}

}  // namespace
}  // namespace carpool
