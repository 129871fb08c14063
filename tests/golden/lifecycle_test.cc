// A connection's life: how it begins, ends, expires, and what gives way to what.
#include <set>

#include <gtest/gtest.h>

#include "dataplane/flow/owner.h"
#include "dataplane/flow/source_port.h"
#include "tests/golden/bed.h"

namespace carpool::test {
namespace {

using abi::Verdict;

std::uint16_t port_of(int number) {
  return static_cast<std::uint16_t>(20'000 + number);
}

TEST(Lifecycle, OpenAndCloseIsCounted) {
  Bed bed;
  const Outcome sent = bed.connect(40'000, 3306);
  auto& db = bed.server(kDb1);
  EXPECT_EQ(db.connections.get(), 1u);
  EXPECT_EQ(db.active.get(), 1u);
  EXPECT_EQ(db.packets_in.get(), 2u);
  EXPECT_EQ(db.packets_out.get(), 1u);
  (void)bed.from_client(40'000, kTcpFin | kTcpAck, "", 3306);
  EXPECT_EQ(db.active.get(), 1u);
  EXPECT_EQ(bed.from_server(sent, kTcpFin | kTcpAck).verdict, Verdict::to_client);
  EXPECT_EQ(db.active.get(), 0u);
  EXPECT_EQ(bed.from_client(40'000, kTcpAck, "", 3306).verdict, Verdict::to_server);
  EXPECT_EQ(bed.live(), 1u);
}

struct Timeout {
  const char* state;
  std::vector<std::pair<bool, std::uint8_t>> after_syn;  // from the client?, flags
  std::uint32_t ms;
};

TEST(Lifecycle, EveryStateHasItsTimeout) {
  const std::uint8_t fin = kTcpFin | kTcpAck;
  const std::vector<Timeout> cases = {
      {"syn_sent", {}, 5'000},
      {"syn_received", {{false, kTcpSyn | kTcpAck}}, 5'000},
      {"established", {{false, kTcpSyn | kTcpAck}, {true, kTcpAck}}, 60'000},
      {"client_closing", {{false, kTcpSyn | kTcpAck}, {true, kTcpAck}, {true, fin}}, 30'000},
      {"server_closing", {{false, kTcpSyn | kTcpAck}, {true, kTcpAck}, {false, fin}}, 30'000},
      {"closed", {{false, kTcpSyn | kTcpAck}, {true, kTcpAck}, {true, fin}, {false, fin}}, 20'000},
      {"reset", {{false, kTcpSyn | kTcpAck}, {true, kTcpRst}}, 10'000},
  };
  for (const Timeout& each : cases) {
    Bed bed;
    const Outcome syn = bed.from_client(40'000, kTcpSyn);
    for (const auto& [client, flags] : each.after_syn) {
      (void)(client ? bed.from_client(40'000, flags) : bed.from_server(syn, flags));
    }
    bed.pass_ms(each.ms);
    EXPECT_EQ(bed.live(), 1u) << each.state;
    bed.pass_ms(1);
    EXPECT_EQ(bed.live(), 0u) << each.state;
    EXPECT_EQ(bed.server(0).active.get() + bed.server(1).active.get() + bed.server(2).active.get(),
              0u)
        << each.state;
  }
}

TEST(Lifecycle, TrafficKeepsAConnectionAlive) {
  Bed bed;
  const Outcome sent = bed.connect(40'000);
  for (int i = 0; i < 10; ++i) {
    bed.pass_ms(50'000);
    ASSERT_EQ(bed.from_server(sent, kTcpAck, "x").verdict, Verdict::to_client);
  }
}

TEST(Lifecycle, ServerThatDoesNotAnswerIsCounted) {
  Bed bed;
  (void)bed.from_client(40'000, kTcpSyn, "", 3306);
  bed.pass_ms(5'001);
  EXPECT_EQ(bed.server(kDb1).connect_timeouts.get(), 1u);
}

// A retransmitted SYN goes to the same server from the same port.
TEST(Lifecycle, RetransmittedSynIsTheSameConnection) {
  Bed bed;
  EXPECT_EQ(bed.from_client(40'000, kTcpSyn).frame, bed.from_client(40'000, kTcpSyn).frame);
  EXPECT_EQ(bed.live(), 1u);
}

// The client reuses its port: a new connection, a new choice of server, one record.
TEST(Lifecycle, SynOnAClosedConnectionOpensANewOne) {
  for (const bool reset : {false, true}) {
    Bed bed;
    const Outcome sent = bed.connect(40'000);
    if (reset) {
      (void)bed.from_server(sent, kTcpRst);
    } else {
      (void)bed.from_server(sent, kTcpFin | kTcpAck);
      (void)bed.from_client(40'000, kTcpFin | kTcpAck);
    }
    const Outcome again = bed.from_client(40'000, kTcpSyn);
    ASSERT_EQ(again.verdict, Verdict::to_server);
    EXPECT_NE(again.decoded().ip.destination, sent.decoded().ip.destination);
    EXPECT_EQ(bed.live(), 1u);
    EXPECT_EQ(bed.counters().flows_created.get(), 2u);
  }
}

// A SYN flood uses up its own budget and nothing else.
TEST(Lifecycle, FloodPushesOutHandshakesOnly) {
  Bed bed({.flows = 1024, .half_open = 64});
  std::vector<Outcome> established;
  for (int i = 0; i < 100; ++i)
    established.push_back(bed.connect(port_of(i)));
  for (int i = 0; i < 5'000; ++i) {
    TcpFrame frame;
    frame.source = Ipv4Address{be32(0x0a640000u + static_cast<std::uint32_t>(i))};
    frame.source_port = 1234;
    frame.destination = kVip;
    frame.destination_port = 80;
    frame.flags = kTcpSyn;
    ASSERT_EQ(bed.send(frame.bytes(), kWan).verdict, Verdict::to_server);
  }
  EXPECT_EQ(bed.live(), 164u);
  EXPECT_EQ(bed.counters().half_open_recycled.get(), 5'000u - 64u);
  for (const Outcome& sent : established) {
    EXPECT_EQ(bed.from_server(sent, kTcpAck).verdict, Verdict::to_client);
  }
  // In the middle of the flood somebody connects, and stays.
  EXPECT_EQ(bed.connect(39'999).verdict, Verdict::to_server);
}

TEST(Lifecycle, FullTableRefusesNewAndKeepsEstablished) {
  Bed bed({.flows = 64, .half_open = 64});
  std::vector<Outcome> established;
  for (int i = 0; i < 64; ++i)
    established.push_back(bed.connect(port_of(i)));
  EXPECT_EQ(bed.from_client(40'000, kTcpSyn).verdict, Verdict::flow_table_full);
  for (const Outcome& sent : established) {
    EXPECT_EQ(bed.from_server(sent, kTcpAck).verdict, Verdict::to_client);
  }
  // One that is over gives way.
  (void)bed.from_server(established[7], kTcpRst);
  EXPECT_EQ(bed.from_client(40'000, kTcpSyn).verdict, Verdict::to_server);
  EXPECT_EQ(bed.counters().closing_recycled.get(), 1u);
}

// Every source port is congruent to its flow's slot, and no two connections to one server share
// one.
TEST(Lifecycle, SourcePortsAreUniqueAndFitTheSlot) {
  Bed bed({.flows = 32'768, .half_open = 32'768});
  const ImageContent content = small_network();
  const flow::HashSecret secret{{content.secret[0], content.secret[1]}};
  std::set<std::uint16_t> used;
  for (int i = 0; i < 30'000; ++i) {
    const Outcome out = bed.from_client(static_cast<std::uint16_t>(1'024 + i), kTcpSyn, "", 3306);
    ASSERT_EQ(out.verdict, Verdict::to_server);
    const be16 port = out.decoded().tcp.source_port;
    ASSERT_TRUE(used.insert(port.host()).second);
    ASSERT_EQ(flow::slot_of_local_port(port),
              flow::slot_of_client(kClient, be16(static_cast<std::uint16_t>(1'024 + i)), secret));
  }
}

// When nearly all ports towards one server are taken, the walk is bounded and says so.
TEST(Lifecycle, ExhaustedPortsAreReported) {
  Bed bed({.flows = 131'072, .half_open = 131'072});
  for (std::uint32_t i = 0; bed.count(Verdict::no_source_port) == 0 && i < 100'000; ++i) {
    TcpFrame frame;
    frame.source = Ipv4Address{be32(0x0a640000u + i)};
    frame.source_port = 5'000;
    frame.destination = kVip;
    frame.destination_port = 3306;
    frame.flags = kTcpSyn;
    (void)bed.send(frame.bytes(), kWan);
  }
  EXPECT_EQ(bed.count(Verdict::no_source_port), 1u);
  EXPECT_GT(bed.live(), 40'000u);
  EXPECT_EQ(bed.server(kDb1).active.get(), bed.live());
}

// A server that leaves the rotation keeps its connections and gets no new ones.
TEST(Lifecycle, RemovedServerKeepsItsConnections) {
  Bed bed;
  const Outcome sent = bed.connect(40'000);
  ImageContent content = small_network();
  content.generation = 2;
  const std::uint32_t old = sent.decoded().ip.destination.value.host();
  const auto gone = static_cast<std::uint16_t>(old - Ipv4Address::of(10, 0, 0, 21).value.host());
  std::erase(content.services[kWeb].picks, gone);
  bed.install(content);
  EXPECT_EQ(bed.from_client(40'000, kTcpAck, "still here").decoded().ip.destination,
            sent.decoded().ip.destination);
  for (int i = 0; i < 20; ++i) {
    EXPECT_NE(bed.from_client(port_of(i), kTcpSyn).decoded().ip.destination,
              sent.decoded().ip.destination);
  }
}

}  // namespace
}  // namespace carpool::test
