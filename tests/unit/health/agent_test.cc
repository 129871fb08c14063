#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "controlplane/health/agent_reply.h"
#include "controlplane/health/agent_state.h"
#include "controlplane/health/check_result.h"

namespace carpool {
namespace {

AgentReply said(std::string_view line) {
  auto reply = parse_agent_line(line);
  reply.text.clear();
  return reply;
}

TEST(AgentReply, WordsMayComeInAnyOrderAndNumber) {
  EXPECT_EQ(said(""), AgentReply{});
  EXPECT_EQ(said("up"), (AgentReply{.health = AgentHealth::Up}));
  EXPECT_EQ(said("UP"), (AgentReply{.health = AgentHealth::Up}));
  EXPECT_EQ(said("75%"), (AgentReply{.weight = WeightOverride{75, true}}));
  EXPECT_EQ(said("maxconn:30"), (AgentReply{.maxconn = 30}));
  EXPECT_EQ(said("drain"), (AgentReply{.mode = AdminMode::Drain}));
  const AgentReply everything{.health = AgentHealth::Up,
                              .mode = AdminMode::Ready,
                              .weight = WeightOverride{80, true},
                              .maxconn = 9};
  EXPECT_EQ(said("ready,up\t80%  MaxConn:9"), everything);
  EXPECT_EQ(said(" ,maxconn:9 80% up ready,"), everything);
}

TEST(AgentReply, OfTwoWordsOfAKindTheLastCounts) {
  EXPECT_EQ(said("up down").health, AgentHealth::Down);
  EXPECT_EQ(said("stopped fail up").health, AgentHealth::Up);
  EXPECT_EQ(said("maint ready drain").mode, AdminMode::Drain);
  EXPECT_EQ(said("10% 20%").weight, (WeightOverride{20, true}));
}

TEST(AgentReply, TextIsWordedAsInHaproxy) {
  const std::pair<const char*, const char*> cases[] = {
      {"up", "via agent : up"},
      {"Down #disk full", "via agent : Down (disk full)"},
      {"fail # \tno quorum, 2 of 5", "via agent : fail (no quorum, 2 of 5)"},
      {"down #", "via agent : down"},
      // What is odd has room where there is no description, or where the server is up anyway.
      {"down foo", "via agent : down (foo)"},
      {"down foo #disk full", "via agent : down (disk full)"},
      {"up foo #all good", "via agent : up (foo)"},
      {"up 5%% #all good", "via agent : up (Trailing garbage in weight string)"},
      {"foo bar", "agent reports an error : foo"},
      {"down#full", "agent reports an error : down#full"},
      {"maxconn:", "agent warns : maxconn string empty or preceded by garbage"},
      {"maxconn:12k", "agent warns : Trailing garbage in maxconn string"},
      {"99999999999%", "agent warns : Relative weight is too large"},
      {"50%", ""},
      {"drain #a description belongs to a health word", ""},
      {"\x1b[31m", "agent reports an error : .[31m"},
  };
  for (const auto& [line, text] : cases)
    EXPECT_EQ(parse_agent_line(line).text, text) << line;
}

TEST(AgentReply, WrongNumbersChangeNothing) {
  for (const char* line : {"5%%", "99999999999%", "maxconn:", "maxconn:-1", "maxconn:12k", "-5%",
                           "%", "50", "maxconn"}) {
    EXPECT_EQ(said(line), AgentReply{}) << line;
  }
}

TEST(AgentLine, EndsWithTheFirstCrOrLf) {
  for (const std::string text : {"up 50%\r\nrest", "up 50%\n", "up 50%\r"}) {
    for (std::size_t chunk = 1; chunk <= text.size(); ++chunk) {
      AgentLine line;
      std::optional<std::string_view> whole;
      for (std::size_t at = 0; !whole && at < text.size(); at += chunk)
        whole = line.feed(std::string_view(text).substr(at, chunk));
      ASSERT_TRUE(whole) << chunk;
      EXPECT_EQ(*whole, "up 50%");
    }
  }
  AgentLine line;
  EXPECT_FALSE(line.feed("up"));
}

TEST(AgentLine, IsBounded) {
  AgentLine line;
  const std::string chunk(1000, 'x');
  int chunks = 0;
  while (!line.overflowed()) {
    EXPECT_FALSE(line.feed(chunk));
    ASSERT_LT(++chunks, 100);
  }
  EXPECT_FALSE(line.feed("\n")) << "what was cut off is not taken for a whole line";
}

// ---- State -------------------------------------------------------------------------------------

// A transcript: what the agent answers, and whether it holds the server up after that.
TEST(AgentState, OneWordIsEnoughEitherWay) {
  AgentState agent;
  const std::pair<const char*, bool> transcript[] = {
      {"up", true},   {"50%", true}, {"down", false},    {"75%", false}, {"drain", false},
      {"foo", false}, {"up", true},  {"stopped", false}, {"up", true},   {"fail", false}};
  for (const auto& [line, up] : transcript) {
    agent = step(agent, judge_agent(parse_agent_line(line)));
    EXPECT_EQ(agent.up, up) << line;
  }
  EXPECT_EQ(agent.checks, std::size(transcript));
  EXPECT_EQ(agent.last.status, CheckStatus::L7Status);
}

TEST(AgentState, AnAgentThatCannotBeAskedChangesNothing) {
  AgentState agent = step({}, judge_agent(parse_agent_line("down")));
  agent = step(agent, {{.status = CheckStatus::L4Connect}, std::nullopt});
  EXPECT_FALSE(agent.up);
  EXPECT_EQ(agent.last.status, CheckStatus::L4Connect);
  agent = step({}, {{.status = CheckStatus::L7Timeout}, std::nullopt});
  EXPECT_TRUE(agent.up);
}

TEST(AgentState, AnAnswerThatCannotBeReadLeavesTheStatus) {
  AgentState agent = step({}, judge_agent(parse_agent_line("down")));
  agent = step(agent, {{.status = CheckStatus::Unknown, .text = "Ignoring"}, std::nullopt});
  EXPECT_EQ(agent.last.status, CheckStatus::L7Status);
  EXPECT_EQ(agent.last.text, "Ignoring");
  EXPECT_EQ(judge_agent(parse_agent_line("50%")).result.status, CheckStatus::Checked);
}

TEST(AgentState, OnlyWhatIsSaidIsChanged) {
  AdminState admin{.mode = AdminMode::Drain,
                   .said_by = AdminSource::Operator,
                   .weight = WeightOverride{7, false},
                   .maxconn = 5};
  const AdminState before = admin;
  EXPECT_EQ(obey(admin, parse_agent_line("up"), false).admin, before);
  EXPECT_EQ(obey(admin, parse_agent_line("drain"), false).admin.said_by, AdminSource::Operator);
  admin = obey(admin, parse_agent_line("maint 50% maxconn:0"), false).admin;
  EXPECT_EQ(admin, (AdminState{.mode = AdminMode::Maintenance,
                               .said_by = AdminSource::Agent,
                               .weight = WeightOverride{50, true},
                               .maxconn = 0}));
}

TEST(AgentState, StaticAlgorithmsTakeAllOrNothing) {
  const auto weight = [](std::string_view line) {
    return obey({}, parse_agent_line(line), /*static_weights=*/true).admin.weight;
  };
  EXPECT_EQ(weight("0%"), (WeightOverride{0, true}));
  EXPECT_EQ(weight("100%"), (WeightOverride{100, true}));
  EXPECT_EQ(weight("50%"), std::nullopt);
  EXPECT_NE(obey({}, parse_agent_line("50%"), true).complaint, "");
}

TEST(WeightOverride, IsOfTheConfiguredWeightOrAbsolute) {
  EXPECT_EQ((WeightOverride{50, true}.apply(20)), 10u);
  EXPECT_EQ((WeightOverride{50, true}.apply(1)), 0u);
  EXPECT_EQ((WeightOverride{300, true}.apply(20)), 60u);
  EXPECT_EQ((WeightOverride{4'000'000'000, true}.apply(256)), 256u);
  EXPECT_EQ((WeightOverride{50, false}.apply(20)), 50u);
}

}  // namespace
}  // namespace carpool
