// Agents, tracking, observation of traffic: what decides about servers beside their checks.
#include <gtest/gtest.h>

#include "tests/unit/config/support.h"

namespace carpool::config {
namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t kFirst = kPreludeLines + 1;

const Server& server_of(const Config& config, std::size_t index = 0) {
  return config.backends.at(0).servers.at(index);
}

TEST(Agent, TakesItsParameters) {
  const Config config = good(
      "backend b\n"
      " default-server agent-check agent-port 8888 inter 3s\n"
      " server a 10.0.0.1:80\n"
      " server b 10.0.0.2:80 agent-inter 500 agent-addr 10.0.0.9 agent-send \"web b\\n\"\n"
      " server c 10.0.0.3:80 no-agent-check\n"
      " server d 10.0.0.4:80 agent-addr 10.0.0.9:9999\n");
  EXPECT_EQ(server_of(config, 0).agent,
            (AgentCheck{.address = {}, .port = 8888, .inter = 3s, .send = {}}));
  EXPECT_EQ(server_of(config, 0).agent_endpoint(), (Endpoint{Ipv4Address::of(10, 0, 0, 1), 8888}));
  EXPECT_EQ(server_of(config, 1).agent, (AgentCheck{.address = Ipv4Address::of(10, 0, 0, 9),
                                                    .port = 8888,
                                                    .inter = 500ms,
                                                    .send = "web b\n"}));
  EXPECT_FALSE(server_of(config, 2).agent);
  EXPECT_EQ(server_of(config, 3).agent_endpoint(), (Endpoint{Ipv4Address::of(10, 0, 0, 9), 9999}));
}

TEST(Agent, WantsAPort) {
  const auto said = said_about("backend b\n server a 10.0.0.1:80 agent-check\n");
  EXPECT_TRUE(says(said, Severity::Error, kFirst + 1, "the agent of server 'a' has no port"));
}

TEST(Track, FindsServersOfThisAndOtherBackends) {
  const Config config = good(
      "backend a\n"
      " server one 10.0.0.1:80 track two\n"
      " server two 10.0.0.2:80 track b/three\n"
      "backend b\n"
      " server four 10.0.0.4:80\n"
      " server three 10.0.0.3:80 check\n");
  const TrackServer& one = *server_of(config, 0).track;
  EXPECT_EQ(one.backend, "a");
  EXPECT_EQ(one.backend_index, 0u);
  EXPECT_EQ(one.server_index, 1u);
  const TrackServer& two = *server_of(config, 1).track;
  EXPECT_EQ(two.backend_index, 1u);
  EXPECT_EQ(two.server_index, 1u);
}

TEST(Track, AnAgentIsEnoughAtTheEndOfAChain) {
  good(
      "backend a\n server one 10.0.0.1:80 track two\n"
      " server two 10.0.0.2:80 agent-check agent-port 1\n");
}

TEST(Track, RefusesWhatCannotWork) {
  struct Case {
    const char* text;
    std::uint32_t line;
    const char* message;
  };
  const Case cases[] = {
      {"backend a\n server one 10.0.0.1:80 track onne\n", 1, "backend 'a' has no server 'onne'"},
      {"backend a\n server one 10.0.0.1:80 track c/x\n", 1, "there is no backend 'c'"},
      {"backend a\n server one 10.0.0.1:80 track /x\n", 1, "does not name a server"},
      {"backend a\n server one 10.0.0.1:80 track one\n", 1, "leads into a circle"},
      {"backend a\n server one 10.0.0.1:80 track two\n server two 10.0.0.2:80 track three\n"
       " server three 10.0.0.3:80 track two\n",
       1, "leads into a circle"},
      {"backend a\n server one 10.0.0.1:80 track two\n server two 10.0.0.2:80 track three\n"
       " server three 10.0.0.3:80 track two\n",
       3, "leads into a circle"},
      {"backend a\n server one 10.0.0.1:80 track two\n server two 10.0.0.2:80\n", 1,
       "ends at server 'two', which has neither"},
      {"backend a\n server one 10.0.0.1:80 check track two\n server two 10.0.0.2:80 check\n", 1,
       "cannot both track another and be checked"},
  };
  for (const auto& [text, line, message] : cases)
    EXPECT_TRUE(says(said_about(text), Severity::Error, kFirst + line, message)) << text;
}

TEST(Observe, TakesItsParameters) {
  const Config config = good(
      "backend b\n"
      " server a 10.0.0.1:80 check observe layer4 error-limit 5 on-error mark-down\n"
      " server b 10.0.0.2:80 check init-state fully-down\n");
  EXPECT_EQ(server_of(config, 0).observe,
            (Observation{.layer4 = true, .on_error = OnError::MarkDown, .error_limit = 5}));
  EXPECT_EQ(server_of(config, 0).init_state, InitState::Up);
  EXPECT_EQ(server_of(config, 1).observe, Observation{});
  EXPECT_EQ(server_of(config, 1).init_state, InitState::FullyDown);
}

TEST(Observe, RefusesWhatCannotWork) {
  EXPECT_TRUE(says(said_about("backend b\n server a 10.0.0.1:80 check observe layer7\n"),
                   Severity::Error, kFirst + 1, "reads HTTP"));
  EXPECT_TRUE(says(said_about("backend b\n server a 10.0.0.1:80 observe layer4\n"), Severity::Error,
                   kFirst + 1, "adjusts its check, and it has none"));
  EXPECT_TRUE(says(said_about("backend b\n server a 10.0.0.1:80 check on-error panic\n"),
                   Severity::Error, kFirst + 1, "'on-error' wants one of"));
  EXPECT_TRUE(says(said_about("backend b\n server a 10.0.0.1:80 check init-state up-ish\n"),
                   Severity::Error, kFirst + 1, "'init-state' wants one of"));
}

TEST(Outliers, TakesItsParameters) {
  const Config config = good(
      "defaults\n"
      " outlier-ejection max-percent 34\n"
      "backend a\n"
      " server s 10.0.0.1:80\n"
      "backend b\n"
      " outlier-ejection max-percent 50 failure-percent 20 min-attempts 5 interval 2s time 1m\n"
      " server s 10.0.0.1:80\n"
      "backend c\n"
      " no outlier-ejection\n"
      " server s 10.0.0.1:80\n");
  EXPECT_EQ(config.backends[0].outliers, (OutlierEjection{.max_percent = 34}));
  EXPECT_EQ(config.backends[1].outliers, (OutlierEjection{.max_percent = 50,
                                                          .failure_percent = 20,
                                                          .min_attempts = 5,
                                                          .interval = 2s,
                                                          .ejection = 1min}));
  EXPECT_FALSE(config.backends[2].outliers);
}

TEST(Outliers, WantsABound) {
  EXPECT_TRUE(says(said_about("backend b\n outlier-ejection interval 5s\n"), Severity::Error,
                   kFirst + 1, "wants 'max-percent NUMBER'"));
  EXPECT_TRUE(says(said_about("backend b\n outlier-ejection max-percent 101\n"), Severity::Error,
                   kFirst + 1, "101"));
  EXPECT_TRUE(says(said_about("backend b\n outlier-ejection max-percent 5 interval 5ms\n"),
                   Severity::Error, kFirst + 1, "counts in seconds"));
}

}  // namespace
}  // namespace carpool::config
