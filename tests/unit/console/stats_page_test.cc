#include "controlplane/console/stats_page.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/console/fake_node.h"

namespace carpool::console {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

struct StatsPageTest : testing::Test {
  StatsPageTest() {
    page.uri = "/stats";
    page.users = {{"admin", "se:cret"}};
    page.admin = true;
    page.refresh = std::chrono::seconds(5);
  }
  PageReply ask(std::string_view method, std::string_view target, std::string_view body = "",
                std::string_view origin = "") {
    return answer_page(node, page,
                       {.method = method,
                        .target = target,
                        .authorization = authorization,
                        .host = "lb1:8404",
                        .origin = origin,
                        .body = body});
  }
  static std::string header(const PageReply& reply, std::string_view name) {
    for (const auto& [known, value] : reply.headers) {
      if (known == name) return value;
    }
    return "";
  }

  FakeNode node;
  config::StatsPage page;
  std::string authorization = "Basic YWRtaW46c2U6Y3JldA==";  // admin:se:cret
};

TEST_F(StatsPageTest, GivesCsvToMonitoring) {
  const PageReply reply = ask("GET", "/stats;csv");
  EXPECT_EQ(reply.status, 200u);
  EXPECT_EQ(reply.content_type, "text/plain");
  EXPECT_THAT(reply.body, StartsWith("# pxname,svname,"));
  EXPECT_THAT(reply.body, HasSubstr("\nweb,a,0,0,3,3,,7,"));
  EXPECT_EQ(header(reply, "Refresh"), "5");
  EXPECT_EQ(header(ask("GET", "/stats;csv;norefresh"), "Refresh"), "");
}

TEST_F(StatsPageTest, ShowsATableToPeople) {
  const PageReply reply = ask("GET", "/stats");
  EXPECT_THAT(reply.body, HasSubstr("<h2 id=\"web\">web</h2>"));
  EXPECT_THAT(reply.body, HasSubstr("<input type=\"checkbox\" name=\"s\" value=\"a\""));
  EXPECT_THAT(reply.body, HasSubstr("class=\"active_"));
  page.admin = false;
  EXPECT_THAT(ask("GET", "/stats").body, Not(HasSubstr("<form")));
}

TEST_F(StatsPageTest, WantsToKnowWhoAsks) {
  for (const char* wrong : {"", "Basic ", "Basic YWRtaW46d3Jvbmc=", "Bearer x"}) {
    authorization = wrong;
    const PageReply reply = ask("GET", "/stats;csv");
    EXPECT_EQ(reply.status, 401u) << wrong;
    EXPECT_THAT(header(reply, "WWW-Authenticate"), StartsWith("Basic realm="));
    EXPECT_THAT(reply.body, Not(HasSubstr("pxname")));
  }
  page.users.clear();
  EXPECT_EQ(ask("GET", "/stats").status, 200u);
}

TEST_F(StatsPageTest, ActsOnServers) {
  const PageReply reply = ask("POST", "/stats", "s=a&s=b&action=drain&b=%232");
  EXPECT_EQ(reply.status, 303u);
  EXPECT_EQ(header(reply, "Location"), "/stats;st=DONE");
  EXPECT_EQ(node.known_.at({"web", "a"}).admin.mode, AdminMode::Drain);
  EXPECT_EQ(node.known_.at({"web", "b"}).admin.mode, AdminMode::Drain);
  const auto outcome = [&](std::string_view body) {
    return header(ask("POST", "/stats", body), "Location");
  };
  EXPECT_EQ(outcome(""), "/stats;st=NONE");
  EXPECT_EQ(outcome("s=a&action=explode&b=web"), "/stats;st=ERRP");
  EXPECT_EQ(outcome("s=a&action=ready&b=nope"), "/stats;st=ERRP");
  EXPECT_EQ(outcome("s=nope&action=ready&b=web"), "/stats;st=ERRP");
  EXPECT_EQ(outcome("s=nope&s=a&action=ready&b=web"), "/stats;st=PART");
  EXPECT_THAT(ask("GET", "/stats;st=DONE").body, HasSubstr("Action processed successfully"));
}

TEST_F(StatsPageTest, RefusesWhatItMust) {
  EXPECT_EQ(ask("GET", "/other").status, 404u);
  EXPECT_EQ(ask("GET", "/statsx").status, 404u);
  EXPECT_EQ(ask("DELETE", "/stats").status, 405u);
  const std::string_view form = "s=a&action=maint&b=web";
  EXPECT_EQ(header(ask("POST", "/stats", form, "http://evil.example"), "Location"),
            "/stats;st=DENY");
  EXPECT_EQ(node.known_.at({"web", "a"}).admin.mode, AdminMode::Ready);
  EXPECT_EQ(header(ask("POST", "/stats", form, "http://lb1:8404"), "Location"), "/stats;st=DONE");
  page.admin = false;
  EXPECT_EQ(header(ask("POST", "/stats", form), "Location"), "/stats;st=DENY");
}

TEST_F(StatsPageTest, EscapesForeignText) {
  node.known_.at({"web", "a"}).health.last = {CheckStatus::L7Status, 503, {}, "<script>\"x\"&'"};
  const std::string body = ask("GET", "/stats").body;
  EXPECT_THAT(body, Not(HasSubstr("<script>")));
  EXPECT_THAT(body, HasSubstr("&lt;script&gt;&quot;x&quot;&amp;&#39;"));
  EXPECT_THAT(ask("GET", "/stats;csv").body, HasSubstr(",\"<script>\"\"x\"\"&'\","));
}

}  // namespace
}  // namespace carpool::console
