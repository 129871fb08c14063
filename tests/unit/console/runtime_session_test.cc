// Transcripts: what is said to the runtime socket, and what it answers.
#include "controlplane/console/runtime_session.h"

#include <chrono>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controlplane/console/runtime_line.h"
#include "tests/unit/console/fake_node.h"

namespace carpool::console {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

struct RuntimeSessionTest : testing::Test {
  std::string say(std::string_view line) { return session.answer(line); }

  FakeNode node;
  std::vector<std::string> environment{"PATH=/bin", "HOME=/"};
  RuntimeSession session{node, StatsLevel::Admin, {.environment = environment}};
};

TEST(RuntimeLine, IsCutAtSemicolonsAndBlanks) {
  EXPECT_THAT(split_commands("a b;c"), ElementsAre("a b", "c"));
  EXPECT_THAT(split_commands("a;"), ElementsAre("a", ""));
  EXPECT_THAT(split_commands("a\\;b"), ElementsAre("a\\;b"));
  EXPECT_THAT(split_commands(""), ElementsAre(""));
  EXPECT_THAT(split_words("  set\tserver a/b \r"), ElementsAre("set", "server", "a/b"));
  EXPECT_THAT(split_words("a\\ b\\;c \\"), ElementsAre("a b;c", "\\"));
  EXPECT_EQ(split_words(std::string(1000, ' ') + std::string(2000, 'x')).size(), 1u);
  std::string many;
  for (int i = 0; i < 200; ++i)
    many += "w ";
  EXPECT_EQ(split_words(many).size(), kMaxRuntimeWords);
}

TEST_F(RuntimeSessionTest, AnswersEveryCommandOfALine) {
  EXPECT_EQ(say("get weight web/a;get weight web/b"), "1 (initial 1)\n\n50 (initial 50)\n\n");
  EXPECT_EQ(say("set server web/b weight 50%"), "\n");
  EXPECT_EQ(say("get weight web/b"), "25 (initial 50)\n\n");
}

TEST_F(RuntimeSessionTest, PromptsWhenAsked) {
  EXPECT_FALSE(session.wants_prompt());
  EXPECT_EQ(say("prompt"), "\n> ");
  EXPECT_TRUE(session.wants_prompt());
  EXPECT_EQ(say("get weight web/a"), "1 (initial 1)\n\n> ");
  EXPECT_EQ(say("prompt"), "\n");
  EXPECT_EQ(say("quit;get weight web/a"), "");
  EXPECT_TRUE(session.has_quit());
}

TEST_F(RuntimeSessionTest, SaysWhatLibrariesLookFor) {
  EXPECT_EQ(say("set server web state maint"), "Require 'backend/server'.\n\n");
  EXPECT_EQ(say("set server nope/a state maint"), "No such backend.\n\n");
  EXPECT_EQ(say("set server web/nope state maint"), "No such server.\n\n");
  EXPECT_EQ(say("set server web/a state sideways"),
            "'set server <srv> state' expects 'ready', 'drain' and 'maint'.\n\n");
  EXPECT_EQ(say("set server web/a weight 300"),
            "Absolute weight can only be between 0 and 256 inclusive.\n\n");
  EXPECT_EQ(say("set server web/a weight 3x"), "Trailing garbage in weight string\n");
  EXPECT_EQ(say("set server web/a weight 99999999999999999999"),
            "Empty weight string empty or preceded by garbage\n");
  EXPECT_EQ(say("set server spare/c weight 2"),
            "Backend is using a static LB algorithm and only accepts weights '0%' and '100%'.\n\n");
  EXPECT_EQ(say("set server #99/#1 weight 0%"), "\n");
  EXPECT_EQ(say("enable health web/b"),
            "Health check was not configured on this server, cannot enable.\n\n");
  EXPECT_EQ(say("set server web/a agent up"), "agent checks are not enabled on this server.\n\n");
}

TEST_F(RuntimeSessionTest, ChangesServers) {
  const ServerKey a{"web", "a"};
  EXPECT_EQ(say("set server web/a state drain"), "\n");
  EXPECT_EQ(node.known_.at(a).admin.mode, AdminMode::Drain);
  EXPECT_EQ(say("disable server web/a"), "\n");
  EXPECT_EQ(node.known_.at(a).admin.mode, AdminMode::Maintenance);
  EXPECT_EQ(say("enable server web/a"), "\n");
  EXPECT_EQ(node.known_.at(a).admin.mode, AdminMode::Ready);
  EXPECT_EQ(say("set maxconn server web/a 5"), "\n");
  EXPECT_EQ(node.known_.at(a).admin.maxconn, 5u);
  EXPECT_EQ(say("disable health web/a"), "\n");
  EXPECT_TRUE(node.known_.at(a).admin.checks_off);
  EXPECT_EQ(say("set server web/a health down"), "\n");
  EXPECT_FALSE(node.known_.at(a).health.up);
}

TEST_F(RuntimeSessionTest, ChangesAddresses) {
  EXPECT_EQ(say("set server web/a addr 10.0.0.9 port 81"),
            "IP changed from '10.0.0.1' to '10.0.0.9', port changed from '80' to '81' by 'stats "
            "socket command'\n\n");
  EXPECT_EQ(say("set server web/a addr 10.0.0.9"),
            "no need to change the addr by 'stats socket command'\n\n");
  EXPECT_EQ(say("set server web/a addr nowhere"),
            "Invalid addr 'nowhere' by 'stats socket command'\n\n");
  EXPECT_EQ(say("set server web/a addr 10.0.0.9 port 70000"),
            "no need to change the addr, problem converting port '70000' to an int by 'stats "
            "socket command'\n\n");
}

TEST_F(RuntimeSessionTest, SwitchesFrontends) {
  EXPECT_EQ(say("disable frontend nope"), "No such frontend.\n\n");
  EXPECT_EQ(say("disable frontend web"), "\n");
  EXPECT_EQ(say("disable frontend web"), "All sockets are already disabled.\n\n");
  EXPECT_THAT(say("show stat -1 1 -1"), HasSubstr(",PAUSED,"));
  EXPECT_EQ(say("enable frontend web"), "\n");
}

TEST_F(RuntimeSessionTest, KnowsLevels) {
  RuntimeSession user(node, StatsLevel::User, {.environment = environment});
  EXPECT_EQ(user.answer("set server web/a state maint"), "Permission denied\n\n");
  EXPECT_EQ(user.answer("show env"), "Permission denied\n\n");
  EXPECT_EQ(user.answer("operator"), "Permission denied\n\n");
  EXPECT_EQ(user.answer("get weight web/a"), "1 (initial 1)\n\n");
  EXPECT_THAT(user.answer("show stat"), Not(HasSubstr("10.0.0.1")));
  RuntimeSession op(node, StatsLevel::Operator, {.environment = environment});
  EXPECT_EQ(op.answer("clear counters"), "\n");
  EXPECT_EQ(node.cleared_all_, false);
  EXPECT_EQ(op.answer("clear counters all"), "Permission denied\n\n");
  EXPECT_EQ(op.answer("show env HOME"), "HOME=/\n\n");
  EXPECT_EQ(op.answer("show env NOPE"), "Variable not found\n\n");
  EXPECT_EQ(say("user;show cli level"), "\nuser\n\n");
}

TEST_F(RuntimeSessionTest, ShowsStatistics) {
  const std::string all = say("show stat");
  EXPECT_THAT(all, StartsWith("# pxname,svname,qcur,"));
  EXPECT_THAT(all, HasSubstr("\nweb,a,0,0,3,3,,7,"));
  EXPECT_THAT(all, HasSubstr("\nweb,BACKEND,"));
  EXPECT_THAT(all, HasSubstr("\nspare,c,"));
  EXPECT_THAT(all, Not(HasSubstr("spare,FRONTEND")));
  const std::string one = say("show stat web 4 2");
  EXPECT_THAT(one, HasSubstr("\nweb,b,"));
  EXPECT_THAT(one, Not(HasSubstr("web,a")));
  EXPECT_EQ(say("show stat nope 4 1"), "No such proxy.\n\n");
  EXPECT_THAT(say("show stat 2 4 1 typed"), HasSubstr("S.2.1.4.scur.1:MGP:u32:3\n"));
  EXPECT_THAT(say("show stat json"), StartsWith(R"([[{"objType":"Frontend","proxyId":2,"id":0,)"));
  EXPECT_EQ(say("set server web/a state maint"), "\n");
  EXPECT_THAT(say("show stat"), HasSubstr(",MAINT,"));
  EXPECT_THAT(say("show stat no-maint"), Not(HasSubstr("\nweb,a,")));
}

TEST_F(RuntimeSessionTest, ShowsTheStateOfServers) {
  const std::string state = say("show servers state web");
  EXPECT_THAT(state, StartsWith("1\n# be_id be_name srv_id srv_name srv_addr "));
  EXPECT_THAT(state, HasSubstr("\n2 web 1 a 10.0.0.1 2 0 1 1 10 1 0 4 6 0 0 0 - 80 - 0 0 - - 0\n"));
  EXPECT_EQ(say("show servers state nope"), "Can't find backend.\n\n");
  EXPECT_THAT(say("show servers conn"), HasSubstr("\nweb/a 2/1 10.0.0.1 80 - 5000 3 3 3 "));
  EXPECT_EQ(say("show backend"), "# name\nweb\nspare\n\n");
}

TEST_F(RuntimeSessionTest, ShowsTheProcess) {
  const std::string info = say("show info");
  EXPECT_THAT(info, StartsWith("Name: carpool\nVersion: "));
  EXPECT_THAT(info, HasSubstr("\nUptime: 1d 1h01m01s\nUptime_sec: 90061\n"));
  EXPECT_THAT(info, HasSubstr("\nnode: lb1\n"));
  EXPECT_THAT(say("show info typed"), HasSubstr("3.Nbthread.1:CGS:u32:2\n"));
}

TEST_F(RuntimeSessionTest, HelpsWhoIsLost) {
  EXPECT_THAT(say(""), StartsWith("Unknown command. Please enter one of the following commands "
                                  "only:\n  clear counters [all]                    : clear max "));
  const std::string show = say("show");
  EXPECT_THAT(show, StartsWith("Unknown command, but maybe one of the following ones is a better "
                               "match:\n  show backend "));
  EXPECT_THAT(show, Not(HasSubstr("set server")));
  EXPECT_THAT(say("shwo stat"), HasSubstr("  show stat "));
  EXPECT_THAT(say("help set"), HasSubstr("\n  set weight "));
}

TEST_F(RuntimeSessionTest, BoundsSilence) {
  EXPECT_EQ(say("set timeout cli soon"), "Invalid timeout value.\n\n");
  EXPECT_EQ(say("set timeout cli"), "Expects an integer value.\n\n");
  EXPECT_FALSE(session.timeout());
  EXPECT_EQ(say("set timeout cli 20"), "\n");
  EXPECT_EQ(session.timeout(), Duration(20s));
  EXPECT_EQ(say("set timeout cli 2m"), "\n");
  EXPECT_EQ(session.timeout(), Duration(2min));
}

}  // namespace
}  // namespace carpool::console
