// What the status says of fast hellos, in one word and in full.
#include "controlplane/console/hello_json.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace carpool::console {
namespace {

using hello::LinkState;

hello::Snapshot snapshot(LinkState peer, LinkState wan) {
  hello::Snapshot snapshot;
  snapshot.has_peer = true;
  snapshot.links = {{.name = "peer", .state = peer}, {.name = "wan", .state = wan}};
  snapshot.priority = "real-time";
  return snapshot;
}

std::string state_of(const hello::Snapshot& from) {
  return hello_json(from, "").at("state");
}

TEST(HelloJson, SaysInOneWordWhatHellosCanTell) {
  EXPECT_EQ(state_of(snapshot(LinkState::up, LinkState::up)), "up");
  EXPECT_EQ(state_of(snapshot(LinkState::up, LinkState::lost)), "one link");
  EXPECT_EQ(state_of(snapshot(LinkState::unheard, LinkState::up)), "one link");
  EXPECT_EQ(state_of(snapshot(LinkState::lost, LinkState::lost)), "peer lost");
  hello::Snapshot ended = snapshot(LinkState::unheard, LinkState::unheard);
  ended.peer_ended = true;
  EXPECT_EQ(state_of(ended), "peer ended");
  EXPECT_EQ(state_of({}), "no peer");
}

TEST(HelloJson, SaysWhyThereAreNone) {
  const auto json = hello_json(std::nullopt, "there is no 'peer-key'");
  EXPECT_EQ(json.at("state"), "off");
  EXPECT_EQ(json.at("why"), "there is no 'peer-key'");
}

TEST(HelloJson, CountsByLinkAndByReason) {
  hello::Snapshot from = snapshot(LinkState::up, LinkState::lost);
  from.links[1].losses = 3;
  from.links[1].silence = std::chrono::milliseconds(70);
  from.dropped[static_cast<std::size_t>(hello::Drop::forged)] = 5;
  const auto json = hello_json(from, "");
  EXPECT_EQ(json.at("links").at(1).at("losses"), 3);
  EXPECT_EQ(json.at("links").at(1).at("silence_ms"), 70.0);
  EXPECT_EQ(json.at("dropped").dump(), R"({"forged":5})");
}

TEST(HelloJson, ALostLinkIsAProblemAndAPeerThatIsNoCarpoolIsNone) {
  EXPECT_EQ(hello_problem(snapshot(LinkState::up, LinkState::up)), std::nullopt);
  EXPECT_EQ(hello_problem(hello::Snapshot{}), std::nullopt);
  EXPECT_EQ(hello_problem(snapshot(LinkState::lost, LinkState::lost)),
            "the peer's hellos are not heard on: peer and wan");
}

}  // namespace
}  // namespace carpool::console
