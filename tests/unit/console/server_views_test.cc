// Where the two nodes differ about a server, and how that is said.
#include "controlplane/console/server_views.h"

#include <chrono>

#include <gtest/gtest.h>

namespace carpool::console {
namespace {

using namespace std::chrono_literals;
using mirror::PeerView;
using mirror::ServerViewState;

constexpr Instant kNow{1000s};

ServerSnapshot server(const char* name, bool up) {
  ServerSnapshot snapshot;
  snapshot.key = {"web", name};
  snapshot.health.up = up;
  snapshot.health.since = kNow - 60s;
  snapshot.health.checks = 5;
  snapshot.health.last = up ? CheckResult{CheckStatus::L7Ok, 200, 1ms, "OK"}
                            : CheckResult{CheckStatus::L7Status, 503, 1ms, "Service Unavailable"};
  return snapshot;
}

PeerView view(ServerViewState state, Duration for_so_long = 60s) {
  PeerView peer{.state = state, .check = {}, .text = {}, .since = kNow - for_so_long};
  if (state == ServerViewState::down) peer.check = "L4TOUT";
  return peer;
}

TEST(ServerViews, TellWhatMatters) {
  const auto up = server("a", true);
  EXPECT_EQ(view_of(up.key, up.health, up.mode),
            (mirror::ServerView{"web/a", ServerViewState::up, "L7OK/200", ""}));
  const auto down = server("a", false);
  EXPECT_EQ(
      view_of(down.key, down.health, down.mode),
      (mirror::ServerView{"web/a", ServerViewState::down, "L7STS/503", "Service Unavailable"}));
  EXPECT_EQ(view_of(up.key, up.health, AdminMode::Drain).state, ServerViewState::drain);
  EXPECT_EQ(view_of(down.key, down.health, AdminMode::Maintenance).state,
            ServerViewState::maintenance);
  EXPECT_EQ(view_of(up.key, {}, AdminMode::Ready).check, "");
}

TEST(ServerViews, DifferencesAreSaidFromBothSides) {
  const mirror::PeerViews there = {{"web/a", view(ServerViewState::down)},
                                   {"web/b", view(ServerViewState::up)},
                                   {"web/c", view(ServerViewState::up)}};
  const auto up_here = difference(server("a", true), there, kNow);
  ASSERT_TRUE(up_here);
  EXPECT_EQ(text(*up_here, "lb2"), "up here; down on lb2: L4TOUT");
  EXPECT_EQ(up_here->lasted, 60s);
  const auto down_here = difference(server("b", false), there, kNow);
  ASSERT_TRUE(down_here);
  EXPECT_EQ(text(*down_here, "lb2"), "down here: L7STS/503, Service Unavailable; up on lb2");
  EXPECT_FALSE(difference(server("c", true), there, kNow));
  EXPECT_FALSE(difference(server("unknown", true), there, kNow));
  auto drained = server("c", true);
  drained.mode = AdminMode::Drain;
  EXPECT_EQ(text(*difference(drained, there, kNow), "lb2"), "drain here; up on lb2");
}

TEST(ServerViews, OnlyWhatLastsIsAProblem) {
  mirror::PeerViews there;
  std::vector<ServerSnapshot> here;
  for (int i = 0; i < 9; ++i) {
    const std::string name = "s" + std::to_string(i);
    here.push_back(server(name.c_str(), true));
    // The first has differed for a moment only.
    there["web/" + name] = view(ServerViewState::down, i == 0 ? 1s : 10s);
  }
  const auto problems = view_problems(here, there, "lb2", kNow);
  ASSERT_EQ(problems.size(), kMaxViewProblems + 1);
  EXPECT_EQ(problems[0], "the nodes differ about server web/s1: up here; down on lb2: L4TOUT");
  EXPECT_EQ(problems.back(), "the nodes differ about 3 more servers");
  EXPECT_TRUE(view_problems(here, {}, "lb2", kNow).empty());
}

}  // namespace
}  // namespace carpool::console
