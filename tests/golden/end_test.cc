// Connections that are ended from here: both ends get a reset that they believe at once.

#include <optional>
#include <vector>

#include <gtest/gtest.h>

#include "tests/golden/bed.h"

namespace carpool::test {
namespace {

struct Told {
  std::uint8_t port = 0;
  TcpSeen seen;
};

// What leaves because connections were ended, in order.
std::vector<Told> told(Bed& bed) {
  std::vector<Told> all;
  for (const stage::ResetFrame& frame : bed.pipeline().resets()) {
    const auto seen = read_tcp(Frame(frame.bytes.begin(), frame.bytes.end()));
    if (seen) all.push_back({frame.port, *seen});
  }
  bed.pipeline().resets_are_sent();
  return all;
}

// Turns until all of a server's connections are gone.
std::vector<Told> end_sessions(Bed& bed, std::uint16_t server) {
  bed.pipeline().end_sessions(server);
  std::vector<Told> all;
  while (bed.end_turn() != 0) {
    for (const Told& one : told(bed))
      all.push_back(one);
  }
  return all;
}

// One exchange of data, after which each end is known to expect these.
constexpr std::uint32_t kClientExpects = 7001, kServerExpects = 9301;
Connection talking(Bed& bed, const Endpoint& client, const Endpoint& service) {
  Connection connection = Connection::established(bed, client, service);
  EXPECT_EQ(bed.send(connection.client_frame(kTcpAck, "query").acknowledgement(6001), kWan).verdict,
            Verdict::to_server);
  EXPECT_EQ(bed.send(connection.server_frame(kTcpAck, "rows").acknowledgement(kServerExpects), kLan)
                .verdict,
            Verdict::to_client);
  EXPECT_EQ(
      bed.send(connection.client_frame(kTcpAck).acknowledgement(kClientExpects), kWan).verdict,
      Verdict::to_server);
  return connection;
}

TEST(EndSessions, BothEndsGetAResetThatTheyBelieve) {
  Bed bed;
  Connection connection = talking(bed, client(1), kMysql);
  const auto resets = end_sessions(bed, kDb1Index);
  ASSERT_EQ(resets.size(), 2u);
  for (const Told& reset : resets) {
    EXPECT_EQ(reset.seen.flags, kTcpRst);
    EXPECT_TRUE(reset.seen.checksums_hold);
    EXPECT_EQ(reset.seen.data, "");
  }
  EXPECT_EQ(resets[0].port, kWan);
  EXPECT_EQ(resets[0].seen.macs, (Macs{kPrivateMac, kRouterMac}));
  EXPECT_EQ(resets[0].seen.from, kMysql);
  EXPECT_EQ(resets[0].seen.to, client(1));
  EXPECT_EQ(resets[0].seen.sequence, kClientExpects);

  EXPECT_EQ(resets[1].port, kLan);
  EXPECT_EQ(resets[1].seen.macs, (Macs{kPrivateMac, kDb1Mac}));
  EXPECT_EQ(resets[1].seen.from, connection.local());
  EXPECT_EQ(resets[1].seen.to, kDb1);
  EXPECT_EQ(resets[1].seen.sequence, kServerExpects);

  EXPECT_EQ(connection.state(), TcpState::free);
  EXPECT_EQ(bed.server(kDb1Index).active.get(), 0u);
  EXPECT_EQ(bed.counters().flows_ended.get(), 1u);
}

// An end that had more on its way than it had said to expect hears of it with its next packet.
TEST(EndSessions, WhoDoesNotBelieveIsToldAgain) {
  Bed bed;
  Connection connection = talking(bed, client(1), kMysql);
  (void)end_sessions(bed, kDb1Index);
  const Outcome late =
      bed.send(connection.client_frame(kTcpAck).acknowledgement(kClientExpects + 500), kWan);
  ASSERT_EQ(late.verdict, Verdict::reset_no_flow);
  EXPECT_EQ(read_tcp(late.frame)->sequence, kClientExpects + 500);
  const Outcome challenge =
      bed.send(connection.server_frame(kTcpAck).acknowledgement(kServerExpects + 5), kLan);
  ASSERT_EQ(challenge.verdict, Verdict::reset_no_flow);
  EXPECT_EQ(read_tcp(challenge.frame)->sequence, kServerExpects + 5);
}

TEST(EndSessions, OtherServersKeepTheirs) {
  Bed bed;
  std::vector<Connection> connections;
  for (std::uint32_t number = 0; number < 300; ++number)
    connections.push_back(Connection::established(bed, client(number), kWeb));
  const auto resets = end_sessions(bed, kWeb1Index);
  EXPECT_EQ(resets.size(), 300u) << "two for each of 150";
  for (const Connection& connection : connections) {
    EXPECT_EQ(connection.state(),
              connection.server() == kWeb1 ? TcpState::free : TcpState::established);
  }
  EXPECT_EQ(bed.server(kWeb1Index).active.get(), 0u);
  EXPECT_EQ(bed.server(kWeb2Index).active.get(), 150u);
}

TEST(EndSessions, AHandshakeIsForgottenSoThatItsNextSynGoesElsewhere) {
  Bed bed;
  Connection first(bed, client(1), kWeb);
  const std::uint16_t chosen = first.server() == kWeb1 ? kWeb1Index : kWeb2Index;
  EXPECT_EQ(end_sessions(bed, chosen).size(), 0u);
  EXPECT_EQ(first.state(), TcpState::free);
  EXPECT_EQ(bed.pipeline().flows().half_open(), 0u);
}

TEST(EndSessions, WhatIsOverGetsNoReset) {
  Bed bed;
  Connection connection = Connection::established(bed, client(1), kMysql);
  (void)connection.from_client(kTcpFin | kTcpAck);
  (void)connection.from_server(kTcpFin | kTcpAck);
  EXPECT_EQ(end_sessions(bed, kDb1Index).size(), 0u);
  EXPECT_EQ(connection.state(), TcpState::closed);
}

TEST(EndSessions, ABackupNodeLeavesThemToTheMaster) {
  Bed bed;
  Connection connection = Connection::established(bed, client(1), kMysql);
  bed.hold_groups(0b01);  // kMysql is of group 1
  EXPECT_EQ(end_sessions(bed, kDb1Index).size(), 0u);
  EXPECT_EQ(connection.state(), TcpState::established);
}

TEST(EndSessions, IndicesOutsideOfEveryImageAreIgnored) {
  Bed bed;
  bed.pipeline().end_sessions(~0u);
  EXPECT_EQ(bed.end_turn(), 0u);
}

// --- Idle ---------------------------------------------------------------------------------------

ImageContent with_idle_resets() {
  ImageContent content = usual_content();
  content.services[1].fields.reset_idle = 1;
  return content;
}

TEST(IdleReset, TellsBothEndsWhereItIsWanted) {
  Bed bed({}, with_idle_resets());
  Connection mysql = talking(bed, client(1), kMysql);
  Connection web = Connection::established(bed, client(2), kWeb);
  bed.advance_ms(kEstablishedTimeoutMs + 1);
  bed.sweep_all();
  EXPECT_EQ(mysql.state(), TcpState::free);
  EXPECT_EQ(web.state(), TcpState::free);
  const auto resets = told(bed);
  ASSERT_EQ(resets.size(), 2u);
  EXPECT_EQ(resets[0].seen.to, client(1));
  EXPECT_EQ(resets[0].seen.sequence, kClientExpects);
  EXPECT_EQ(resets[1].seen.to, kDb1);
  EXPECT_EQ(resets[1].seen.sequence, kServerExpects);
  EXPECT_EQ(bed.counters().flows_expired.get(), 2u);
}

TEST(IdleReset, HandshakesAndWhatIsOverGoSilently) {
  Bed bed({}, with_idle_resets());
  Connection handshake(bed, client(1), kMysql);
  Connection over = Connection::established(bed, client(2), kMysql);
  (void)over.from_client(kTcpFin | kTcpAck);
  (void)over.from_server(kTcpFin | kTcpAck);
  bed.advance_ms(kEstablishedTimeoutMs + 1);
  bed.sweep_all();
  EXPECT_EQ(bed.pipeline().flows().live(), 0u);
  EXPECT_EQ(told(bed).size(), 0u);
}

// More at once than resets can wait: the rest is told when the hand comes by again.
TEST(IdleReset, NobodyIsForgottenWithoutBeingTold) {
  Bed bed({}, with_idle_resets());
  constexpr std::uint32_t kConnections = 200;
  for (std::uint32_t number = 0; number < kConnections; ++number)
    (void)Connection::established(bed, client(number), kMysql);
  bed.advance_ms(kEstablishedTimeoutMs + 1);
  std::size_t resets = 0;
  for (int round = 0; round < 10; ++round) {
    bed.sweep_all();
    resets += told(bed).size();
  }
  EXPECT_EQ(resets, 2 * kConnections);
  EXPECT_EQ(bed.pipeline().flows().live(), 0u);
}

}  // namespace
}  // namespace carpool::test
