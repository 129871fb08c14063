#include "controlplane/appliance/runtime_state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace carpool {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(RuntimeState, ReadsWhatItWrites) {
  RuntimeState state;
  AdminState& a = state.servers[{"web", "a"}];
  a.mode = AdminMode::Drain;
  a.said_by = AdminSource::Operator;
  a.weight = WeightOverride{50, true};
  a.maxconn = 7;
  a.checks_off = a.agent_off = true;
  state.servers[{"web", "b"}].weight = WeightOverride{3, false};
  state.servers[{"web", "c"}];
  state.addresses[{"web", "c"}] = {{Ipv4Address::of(10, 0, 0, 1), 80},
                                   {Ipv4Address::of(10, 0, 0, 2), 81}};
  state.paused_frontends.insert("web");
  const std::string text = write_runtime_state(state);
  EXPECT_EQ(text,
            "carpool-runtime-1\n"
            "server web/a mode=drain weight=50% maxconn=7 checks=off agent=off\n"
            "server web/b weight=3\n"
            "server web/c address=10.0.0.2:81 configured=10.0.0.1:80\n"
            "frontend web disabled\n");
  const auto read = read_runtime_state(text);
  EXPECT_THAT(read.complaints, IsEmpty());
  EXPECT_EQ(read.state, state);
}

TEST(RuntimeState, UsesTheGoodLinesOfADamagedFile) {
  const auto read = read_runtime_state(
      "carpool-runtime-1\n"
      "server web/a mode=sideways\n"
      "server web/b mode=maint\n"
      "server web weight=1\n"
      "frontend web\n"
      "server web/c address=nowhere\n"
      "\n");
  EXPECT_THAT(read.complaints,
              ElementsAre("line 2 is damaged", "line 4 is damaged", "line 5 is damaged",
                          "line 6 is damaged", "line 7 is damaged"));
  ASSERT_EQ(read.state.servers.size(), 1u);
  EXPECT_EQ(read.state.servers.at({"web", "b"}).mode, AdminMode::Maintenance);
  EXPECT_THAT(read_runtime_state("something else").complaints,
              ElementsAre("it is of another version"));
}

}  // namespace
}  // namespace carpool
