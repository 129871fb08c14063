#include "controlplane/appliance/view_watch.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace carpool {
namespace {

struct ViewWatchTest : testing::Test {
  ViewWatchTest() {
    for (const char* name : {"a", "b"}) {
      ServerSnapshot server;
      server.key = {"web", name};
      servers.push_back(server);
    }
    watch.configure(servers);
    static_cast<void>(watch.take_changes());
  }
  // "web/a 2", ...
  std::string changes() {
    std::string text;
    for (const auto& view : watch.take_changes())
      text +=
          view.name + " " + std::to_string(static_cast<int>(view.state)) + " " + view.check + ";";
    return text;
  }
  static ServerHealth health(bool up, CheckStatus status, std::string text = "") {
    ServerHealth health;
    health.up = up;
    health.checks = 1;
    health.last.status = status;
    health.last.text = std::move(text);
    return health;
  }

  std::vector<ServerSnapshot> servers;
  ViewWatch watch;
};

TEST_F(ViewWatchTest, OnlyChangesAreTold) {
  EXPECT_EQ(changes(), "");
  watch.note(servers[0].key, health(true, CheckStatus::L4Ok));
  EXPECT_EQ(changes(), "web/a 1 L4OK;");
  watch.note(servers[0].key, health(true, CheckStatus::L4Ok, "other words"));
  EXPECT_EQ(changes(), "");
  watch.note(servers[0].key, health(false, CheckStatus::L4Timeout));
  watch.note(servers[1].key, health(true, CheckStatus::L4Ok));
  EXPECT_EQ(changes(), "web/a 2 L4TOUT;web/b 1 L4OK;");
  watch.note_mode(servers[1].key, health(true, CheckStatus::L4Ok), AdminMode::Drain);
  EXPECT_EQ(changes(), "web/b 4 L4OK;");
  watch.note({"web", "unknown"}, health(false, CheckStatus::L4Timeout));
  EXPECT_EQ(changes(), "");
}

TEST_F(ViewWatchTest, ServersThatAreGoneAreTold) {
  servers.pop_back();
  watch.configure(servers);
  EXPECT_EQ(changes(), "web/b 0 ;");
  servers[0].mode = AdminMode::Maintenance;
  watch.configure(servers);
  EXPECT_EQ(changes(), "web/a 5 ;");
}

}  // namespace
}  // namespace carpool
