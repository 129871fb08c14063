#include "controlplane/health/state_file.h"

#include <gtest/gtest.h>

namespace carpool {
namespace {

using namespace std::chrono_literals;

constexpr Instant kNow{1000s};
constexpr const char* kBoot = "2f6a";

ServerSnapshot known_server() {
  ServerSnapshot server;
  server.key = {"web", "web1"};
  server.settings = CheckSettings{.rise = 3, .fall = 5};
  server.target = {Ipv4Address::of(10, 0, 0, 1), 9200};
  server.health = {.health = 2,
                   .up = false,
                   .agent_up = false,
                   .stopping = false,
                   .since = kNow - 70s,
                   .last = {CheckStatus::L7Status, 503, {}, "Service Unavailable, try later"},
                   .checks = 100,
                   .failures = 20,
                   .downs = 3,
                   .observed = 1,
                   .finished_downtime = 12s};
  server.agent = AgentState{.up = false};
  server.admin = {.mode = AdminMode::Drain,
                  .said_by = AdminSource::Agent,
                  .weight = WeightOverride{50, true},
                  .maxconn = 0};
  server.mode = AdminMode::Drain;
  return server;
}

ServerSnapshot plain_server() {
  ServerSnapshot server;
  server.key = {"web", "web2"};
  server.health = {.health = 1, .last = {.status = CheckStatus::Unknown}};
  return server;
}

TEST(StateFile, GivesBackWhatWasWritten) {
  const std::vector<ServerSnapshot> servers{known_server(), plain_server()};
  const auto read = read_state(write_state(servers, kBoot, kNow), kBoot, kNow + 2s);
  ASSERT_TRUE(read) << read.error().message;
  ASSERT_EQ(read->size(), 2u);
  EXPECT_EQ(read->at(0), servers[0]);
  EXPECT_EQ(read->at(1), servers[1]);
}

TEST(StateFile, BelievesNothingOldOrOfAnotherBoot) {
  const std::string text = write_state({}, kBoot, kNow);
  EXPECT_TRUE(read_state(text, kBoot, kNow + kMaxStateAge));
  EXPECT_EQ(read_state(text, kBoot, kNow + kMaxStateAge + 1s).error().message, "it is 301 s old");
  EXPECT_EQ(read_state(text, "77aa", kNow).error().message, "the machine was started since");
  EXPECT_FALSE(read_state(text, kBoot, kNow - 1s)) << "from the future";
  EXPECT_EQ(read_state("", kBoot, kNow).error().message, "it is of another version");
}

// Whatever word is missing or replaced, either the line is refused or it says something possible.
TEST(StateFile, RefusesDamagedLines) {
  const std::vector<ServerSnapshot> servers{plain_server(), known_server()};
  const std::string text = write_state(servers, kBoot, kNow);
  EXPECT_EQ(read_state(text + "web web3\n", kBoot, kNow).error().message, "line 4 is damaged");
  for (std::size_t at = text.find('\n'); at < text.size(); ++at) {
    for (const char odd : {' ', 'x', '9', '-', '\n'}) {
      std::string damaged = text;
      damaged[at] = odd;
      const auto read = read_state(damaged, kBoot, kNow);
      if (!read) continue;
      for (const auto& server : *read) {
        EXPECT_FALSE(server.key.backend.empty());
        if (server.settings) {
          EXPECT_LT(server.health.health, server.settings->rise + server.settings->fall);
        }
      }
    }
  }
}

}  // namespace
}  // namespace carpool
