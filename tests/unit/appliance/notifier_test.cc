#include "controlplane/appliance/notifier.h"

#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/appliance/scratch_script.h"

namespace carpool {
namespace {

using testing::Contains;
using testing::ElementsAre;

GroupReport vrrp_group(RouterState state) {
  VrrpSettings vrrp;
  vrrp.config.vrid = 7;
  vrrp.config.priority = 150;
  VrrpMachine machine;
  machine.state = state;
  machine.demotion.set("port lan", 30, "no link");
  GroupReport group;
  group.settings.name = "public";
  group.settings.protocol = vrrp;
  group.machine = machine;
  group.usable = true;
  group.cause = "no active router was heard";
  return group;
}

TEST(Notice, HasKeepalivedsArgumentsAndDevdsEnvironment) {
  const Notice notice = make_notice(vrrp_group(RouterState::kMaster), "eth1");
  EXPECT_THAT(notice.arguments, ElementsAre("INSTANCE", "public", "MASTER", "120"));
  EXPECT_THAT(notice.environment, Contains("system=VRRP"));
  EXPECT_THAT(notice.environment, Contains("subsystem=7@eth1"));
  EXPECT_THAT(notice.environment, Contains("type=MASTER"));
  EXPECT_THAT(notice.environment, Contains("CARPOOL_STATE=ACTIVE"));
  EXPECT_THAT(notice.environment, Contains("CARPOOL_CAUSE=no active router was heard"));
}

TEST(Notice, TellsAFaultFromAnExit) {
  GroupReport group = vrrp_group(RouterState::kInit);
  EXPECT_EQ(make_notice(group, "eth1").arguments[2], "STOP");
  group.usable = false;
  EXPECT_EQ(make_notice(group, "eth1").arguments[2], "FAULT");
}

TEST(Notice, OfCarpTheHigherPriorityIsTheBetterToo) {
  CarpSettings carp;
  carp.config.vhid = 53;
  carp.config.advskew = 100;
  GroupReport group;
  group.settings.name = "public";
  group.settings.protocol = carp;
  const Notice notice = make_notice(group, "eth1");
  EXPECT_EQ(notice.arguments[3], "154");
  EXPECT_THAT(notice.environment, Contains("system=CARP"));
}

TEST(Notifier, TellsOneStateAfterTheOther) {
  boost::asio::io_context io;
  const ScratchScript scratch("sleep 0.0$(($4 % 7)); echo \"$* $type\" >>$OUT\n");
  Notifier notifier(io);
  std::string expected;
  for (int number = 0; number < 6; ++number) {
    const std::string priority = std::to_string(6 - number);
    notifier.tell(scratch.script(), "public",
                  {{"INSTANCE", "public", "MASTER", priority}, {"type=MASTER"}});
    expected += "INSTANCE public MASTER " + priority + " MASTER\n";
  }
  EXPECT_TRUE(run_until(io, [&] { return scratch.output() == expected; })) << scratch.output();
  EXPECT_TRUE(run_until(io, [&] { return notifier.idle(); }));
}

}  // namespace
}  // namespace carpool
