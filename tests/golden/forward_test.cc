// Packets of a known connection: what each direction looks like on the other side.

#include <string>

#include <gtest/gtest.h>

#include "tests/golden/bed.h"

namespace carpool::test {
namespace {

constexpr Endpoint kClient{Ipv4Address::of(198, 51, 100, 7), 40'123};

TEST(Forward, SynReachesTheServerAsIfFromUs) {
  Bed bed;
  const Outcome out = bed.send(
      tcp(kClient, kWeb).macs({kRouterMac, kPublicMac}).flags(kTcpSyn).sequence(77).ttl(61));
  ASSERT_EQ(out.verdict, Verdict::to_server);
  EXPECT_EQ(out.port, kLan);
  const auto seen = read_tcp(out.frame);
  ASSERT_TRUE(seen);
  EXPECT_TRUE(seen->checksums_hold);
  EXPECT_EQ(seen->macs, (Macs{kPublicMac, mac_of(seen->to)}));
  EXPECT_EQ(seen->from.address, kWebLocal);
  EXPECT_GE(seen->from.port, 1024);
  EXPECT_TRUE(seen->to == kWeb1 || seen->to == kWeb2);
  EXPECT_EQ(seen->flags, kTcpSyn);
  EXPECT_EQ(seen->sequence, 77u);
  EXPECT_EQ(seen->ttl, 60);
}

TEST(Forward, SynAckReachesTheClientAsIfFromTheVirtualAddress) {
  Bed bed;
  Connection connection(bed, kClient, kWeb);
  const Outcome out = bed.send(
      connection.server_frame(kTcpSyn | kTcpAck).sequence(5).acknowledgement(78).ttl(64), kLan);
  ASSERT_EQ(out.verdict, Verdict::to_client);
  EXPECT_EQ(out.port, kWan);
  const auto seen = read_tcp(out.frame);
  ASSERT_TRUE(seen);
  EXPECT_TRUE(seen->checksums_hold);
  EXPECT_EQ(seen->macs, (Macs{kPublicMac, kRouterMac}));
  EXPECT_EQ(seen->from, kWeb);
  EXPECT_EQ(seen->to, kClient);
  EXPECT_EQ(seen->flags, unsigned{kTcpSyn | kTcpAck});
  EXPECT_EQ(seen->sequence, 5u);
  EXPECT_EQ(seen->acknowledgement, 78u);
  EXPECT_EQ(seen->ttl, 63);
}

// Every length around a word, with and without options and padding: what is not rewritten arrives
// as it was sent, and the sums are what a sender would have computed.
TEST(Forward, ChecksumsHoldForEveryShape) {
  Bed bed;
  Connection connection = Connection::established(bed, kClient, kWeb);
  for (const unsigned ip_options : {0u, 4u, 12u, 40u}) {
    for (const unsigned tcp_options : {0u, 12u, 40u}) {
      for (const std::size_t length : {0u, 1u, 2u, 3u, 4u, 5u, 63u, 64u, 1379u, 1380u}) {
        for (const unsigned padding : {0u, 3u}) {
          std::string data(length, '\0');
          for (std::size_t i = 0; i < length; ++i)
            data[i] = static_cast<char>(i * 37 + 11);
          const auto dress = [&](TcpFrame frame) -> Frame {
            return frame.ip_options(ip_options).options(tcp_options).padding(padding);
          };
          const auto check = [&](const Outcome& out, Verdict verdict) {
            ASSERT_EQ(out.verdict, verdict);
            const auto seen = read_tcp(out.frame);
            ASSERT_TRUE(seen);
            EXPECT_TRUE(seen->checksums_hold);
            EXPECT_EQ(seen->data, data);
            EXPECT_EQ(seen->ip_header_bytes, 20 + ip_options);
          };
          check(bed.send(dress(connection.client_frame(kTcpAck, data)), kWan), Verdict::to_server);
          check(bed.send(dress(connection.server_frame(kTcpAck, data)), kLan), Verdict::to_client);
        }
      }
    }
  }
}

// Sums near 0 and 0xffff are where incremental updates go wrong (RFC 1624, 2 and 5).
TEST(Forward, ChecksumsHoldForEveryValueOfTheSum) {
  Bed bed;
  Connection connection = Connection::established(bed, kClient, kWeb);
  for (unsigned word = 0; word < 0x10000; ++word) {
    const std::string data{static_cast<char>(word >> 8), static_cast<char>(word)};
    const auto ttl = static_cast<std::uint8_t>(2 + word % 250);
    const auto in = read_tcp(bed.send(connection.client_frame(kTcpAck, data).ttl(ttl)).frame);
    const auto out =
        read_tcp(bed.send(connection.server_frame(kTcpAck, data).ttl(ttl), kLan).frame);
    ASSERT_TRUE(in && in->checksums_hold) << word;
    ASSERT_TRUE(out && out->checksums_hold) << word;
  }
}

TEST(Forward, ChecksumsHoldForManyClients) {
  Bed bed({.limits = {.flows = 20'000, .half_open = 20'000}});
  for (std::uint32_t number = 0; number < 10'000; ++number) {
    Connection connection(bed, client(number * 7), number % 2 == 0 ? kWeb : kMysql);
    ASSERT_EQ(connection.opened().verdict, Verdict::to_server);
    const auto in = read_tcp(connection.opened().frame);
    const auto out = read_tcp(connection.from_server(kTcpSyn | kTcpAck).frame);
    ASSERT_TRUE(in->checksums_hold && out->checksums_hold);
    ASSERT_EQ(out->to, connection.client());
    ASSERT_EQ(out->from, connection.service());
  }
}

// We adjust checksums and do not compute them: what was damaged on the way stays visibly damaged.
TEST(Forward, DamageIsNotHidden) {
  Bed bed;
  Connection connection = Connection::established(bed, kClient, kWeb);
  Frame damaged = connection.client_frame(kTcpAck, "payload");
  damaged.back() ^= 1;
  const auto seen = read_tcp(bed.send(damaged).frame);
  ASSERT_TRUE(seen);
  EXPECT_FALSE(seen->checksums_hold);
}

TEST(Forward, LastHopIsNotForwarded) {
  Bed bed;
  Connection connection = Connection::established(bed, kClient, kWeb);
  for (const std::uint8_t ttl : {std::uint8_t{0}, std::uint8_t{1}}) {
    EXPECT_EQ(bed.send(connection.client_frame(kTcpAck).ttl(ttl)).verdict,
              Verdict::ipv4_ttl_expired);
    EXPECT_EQ(bed.send(connection.server_frame(kTcpAck).ttl(ttl), kLan).verdict,
              Verdict::ipv4_ttl_expired);
  }
  EXPECT_EQ(read_tcp(bed.send(connection.client_frame(kTcpAck).ttl(2)).frame)->ttl, 1);
  EXPECT_EQ(read_tcp(bed.send(connection.client_frame(kTcpAck).ttl(255)).frame)->ttl, 254);

  // Nor does a SYN leave a flow behind that nobody could ever finish.
  EXPECT_EQ(bed.send(tcp(client(2), kWeb).flags(kTcpSyn).ttl(1)).verdict,
            Verdict::ipv4_ttl_expired);
  EXPECT_EQ(bed.counters().flows_created.get(), 1u);
}

// Answers go back the way the last packet came, also when the client's router has changed.
TEST(Forward, AnswersFollowTheClientsRouter) {
  Bed bed;
  Connection connection = Connection::established(bed, kClient, kWeb);
  constexpr MacAddress kOtherRouter{{0x02, 0, 0, 0, 0, 0x02}};
  constexpr std::uint8_t kOtherPort = 2;
  (void)bed.send(connection.client_frame(kTcpAck).macs({kOtherRouter, kPublicMac}), kOtherPort);
  const Outcome out = connection.from_server(kTcpAck, "x");
  EXPECT_EQ(out.port, kOtherPort);
  EXPECT_EQ(read_tcp(out.frame)->macs, (Macs{kPublicMac, kOtherRouter}));
}

TEST(Forward, GroupsUseTheirOwnMacAndLocalAddress) {
  Bed bed;
  Connection connection(bed, kClient, kMysql);
  const auto seen = read_tcp(connection.opened().frame);
  ASSERT_TRUE(seen);
  EXPECT_EQ(seen->macs, (Macs{kPrivateMac, kDb1Mac}));
  EXPECT_EQ(seen->from.address, kMysqlLocal);
  EXPECT_EQ(seen->to, kDb1);
}

// A server without a port of its own gets the one that the client connected to.
TEST(Forward, ServerWithoutPortGetsTheClientsPort) {
  ImageContent content = usual_content();
  content.servers[kDb1Index].port = be16(0);
  Bed bed({}, content);
  Connection connection = Connection::established(bed, kClient, kMysql);
  EXPECT_EQ(connection.server(), (Endpoint{kDb1.address, kMysql.port}));
  EXPECT_EQ(connection.state(), TcpState::established);
}

TEST(Forward, CountsByServerAndDirection) {
  Bed bed;
  Connection connection = Connection::established(bed, kClient, kMysql);
  const Frame question = connection.client_frame(kTcpAck, "question");
  const Frame answer = connection.server_frame(kTcpAck, "a longer answer");
  const auto& counters = bed.server(kDb1Index);
  const auto in = counters.packets_in.get(), bytes_in = counters.bytes_in.get();
  const auto out = counters.packets_out.get(), bytes_out = counters.bytes_out.get();
  (void)bed.send(question, kWan);
  (void)bed.send(answer, kLan);
  EXPECT_EQ(counters.packets_in.get(), in + 1);
  EXPECT_EQ(counters.bytes_in.get(), bytes_in + question.size());
  EXPECT_EQ(counters.packets_out.get(), out + 1);
  EXPECT_EQ(counters.bytes_out.get(), bytes_out + answer.size());
  EXPECT_EQ(counters.connections.get(), 1u);
  EXPECT_EQ(counters.active.get(), 1u);
}

}  // namespace
}  // namespace carpool::test
