// A group that has just gone to the other node: what is under way to this one arrives all the same.
#include <gtest/gtest.h>

#include "tests/golden/bed.h"

namespace carpool::test {
namespace {

struct Linger : testing::Test {
  Bed bed;
  Connection connection = Connection::established(bed, client(1), kWeb);
};

TEST_F(Linger, PacketsOfConnectionsGoOnUnderTheAddressesOfThePorts) {
  bed.hold_groups(0);
  bed.advance_ms(stage::kLingerMs - 1);
  const auto in = connection.from_client(kTcpAck | kTcpPsh, "GET /");
  ASSERT_EQ(in.verdict, Verdict::to_server);
  const auto seen_by_server = read_tcp(in.frame);
  EXPECT_EQ(seen_by_server->macs, (Macs{kLanMac, mac_of(connection.server())}));
  EXPECT_EQ(seen_by_server->to, connection.server());
  EXPECT_EQ(seen_by_server->data, "GET /");
  const auto back = connection.from_server(kTcpAck, "200");
  ASSERT_EQ(back.verdict, Verdict::to_client);
  EXPECT_EQ(read_tcp(back.frame)->macs, (Macs{kWanMac, kRouterMac}));

  bed.advance_ms(1);
  EXPECT_EQ(connection.from_client(kTcpAck).verdict, Verdict::group_not_active);
  EXPECT_EQ(connection.from_server(kTcpAck).verdict, Verdict::group_not_active);
}

TEST_F(Linger, NothingElseIsAnswered) {
  bed.hold_groups(0);
  const Arp who_has{.sender_mac = kRouterMac,
                    .sender_ip = client(2).address,
                    .target_mac = {},
                    .target_ip = kWeb.address};
  EXPECT_EQ(bed.send(who_has).verdict, Verdict::group_not_active);
  EXPECT_EQ(bed.send(echo_request(client(2).address, kWeb.address)).verdict,
            Verdict::group_not_active);
  EXPECT_EQ(bed.send(tcp(client(2), kWeb).flags(kTcpSyn)).verdict, Verdict::group_not_active);
  EXPECT_EQ(bed.send(tcp(client(2), kWeb).flags(kTcpAck)).verdict, Verdict::group_not_active);
  EXPECT_EQ(connection.from_client(kTcpSyn).verdict, Verdict::group_not_active);
}

TEST_F(Linger, EndsWhenTheGroupComesBack) {
  bed.hold_groups(0);
  bed.hold_groups(~0u);
  EXPECT_EQ(read_tcp(connection.from_client(kTcpAck).frame)->macs,
            (Macs{kPublicMac, mac_of(connection.server())}));
}

// The control plane is silent: the other node may have had the group for long.
TEST_F(Linger, NotWhenTheGroupsWereDropped) {
  bed.drop_groups();
  EXPECT_EQ(connection.from_client(kTcpAck).verdict, Verdict::group_not_active);
}

TEST_F(Linger, DoesNotComeBackWhenTheClockWraps) {
  bed.hold_groups(0);
  bed.advance_ms(stage::kLingerMs);
  bed.sweep_all();
  bed.advance_ms(~0u - stage::kLingerMs + 1);
  EXPECT_EQ(connection.from_client(kTcpAck).verdict, Verdict::group_not_active);
}

}  // namespace
}  // namespace carpool::test
