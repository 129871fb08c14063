#include "tools/carpool/plan.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/unit/config/support.h"
#include "tools/carpool/diff_text.h"

namespace carpool::tool {
namespace {

using config::good;

std::string web(std::string_view servers, std::string_view balance = "roundrobin") {
  return fmt::format("listen web\n bind 192.0.2.10:80\n balance {}\n{}", balance, servers);
}

std::string told(const std::string& running, const std::string& wanted,
                 const LiveConnections& live = {}) {
  return plan_text(make_plan(good(running), good(wanted), live), Paint(false));
}

constexpr std::string_view kTwo = " server a 10.0.0.1:80\n server b 10.0.0.2:80\n";

TEST(Plan, OfTheSameIsEmptyWhereverItStands) {
  EXPECT_EQ(told(web(kTwo), "# moved\n\n" + web(kTwo)), "nothing would change\n");
}

TEST(Plan, NamesServersAndTheirConnections) {
  const LiveConnections live{.of_servers = {{"web/a", 5}, {"web/b", 7}},
                             .of_services = {{"web", 12}}};
  EXPECT_EQ(told(web(kTwo), web(" server a 10.0.0.1:80 weight 2\n server c 10.0.0.3:80\n"), live),
            "~ server web/a: weight 1 -> 2\n"
            "- server web/b: 7 connections go on until they end\n"
            "+ server web/c: 10.0.0.3:80\n"
            "  web: 50.0 % of new connections go to another server\n"
            "  7 connections go on to where nothing new goes\n");
}

TEST(Plan, CountsBucketsWhereClientsKeepTheirServer) {
  const std::string three = std::string(kTwo) + " server c 10.0.0.3:80\n";
  const Plan plan = make_plan(good(web(kTwo, "source")), good(web(three, "source")), {});
  ASSERT_EQ(plan.shifts.size(), 1u);
  EXPECT_TRUE(plan.shifts[0].by_hash);
  EXPECT_GE(plan.shifts[0].share, 0.3);
  EXPECT_LE(plan.shifts[0].share, 1.0);
}

TEST(Plan, NamesServicesThatComeAndGoAndWhatNeedsARestart) {
  const std::string other = "listen other\n bind 192.0.2.10:81\n server a 10.0.0.1:81\n";
  EXPECT_EQ(told(web(kTwo), other, {.of_servers = {}, .of_services = {{"web", 3}}}),
            "- frontend web: 3 connections go on until they end\n"
            "+ frontend other: bind 192.0.2.10:81\n"
            "- backend web\n"
            "+ backend other: 1 servers\n"
            "  3 connections go on to where nothing new goes\n");
  config::Config changed = good(web(kTwo));
  changed.node.workers = 2;
  const Plan plan = make_plan(good(web(kTwo)), changed, {});
  EXPECT_EQ(plan.restart, std::vector<std::string>{"workers"});
  EXPECT_NE(plan_text(plan, Paint(false)).find("! workers cannot change"), std::string::npos);
}

TEST(DiffText, ShowsLinesAndMasksSecrets) {
  const std::vector<config::SourceFile> before = {{"/etc/a.cfg", "one\n pass secret\n"},
                                                  {"/etc/gone.cfg", "x\n"}};
  const std::vector<config::SourceFile> after = {{"/etc/a.cfg", "two\n pass hidden!\n"},
                                                 {"/etc/new.cfg", "y\n"}};
  const std::string text = diff_text(before, after, Paint(false));
  EXPECT_NE(text.find("--- a/a.cfg\n+++ b/a.cfg\n@@"), std::string::npos) << text;
  EXPECT_NE(text.find("-one\n- pass ******\n+two\n+ pass *******\n"), std::string::npos) << text;
  EXPECT_NE(text.find("-x\n"), std::string::npos) << text;
  EXPECT_NE(text.find("+y\n"), std::string::npos) << text;
  EXPECT_EQ(diff_text(before, before, Paint(true)), "");
  EXPECT_NE(diff_text(before, after, Paint(true)).find("\033[32m+two\033[0m"), std::string::npos);
}

TEST(AssembledText, NamesFilesAndMasksSecrets) {
  const std::vector<config::SourceFile> files = {{"/etc/a.cfg", "redundancy r\n pass secret"}};
  EXPECT_EQ(assembled_text(files, false), "# ---- /etc/a.cfg\nredundancy r\n pass ******\n");
  EXPECT_EQ(assembled_text(files, true), "# ---- /etc/a.cfg\nredundancy r\n pass secret\n");
}

}  // namespace
}  // namespace carpool::tool
