// What happens at every bound: the half-open budget, the flow table, the source ports.

#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "dataplane/flow/owner.h"
#include "dataplane/flow/source_port.h"
#include "tests/golden/bed.h"

namespace carpool::test {
namespace {

flow::HashSecret shared_secret() {
  const ImageContent content = usual_content();
  return {{content.secret[0], content.secret[1]}};
}

std::uint32_t slot_of(const Endpoint& client) {
  return flow::slot_of_client(client.address, be16(client.port), shared_secret());
}

// The ports that a connection of this client to this server tries, in order.
std::vector<std::uint16_t> ports_tried(const Endpoint& client, const Endpoint& server) {
  flow::SourcePortWalk walk(client.address, be16(client.port), server.address.value,
                            slot_of(client), shared_secret());
  std::vector<std::uint16_t> ports;
  for (std::uint32_t i = 0; i < flow::kMaxPortProbes; ++i, walk.advance())
    ports.push_back(walk.port().host());
  return ports;
}

TEST(HalfOpenBudget, AFloodOfSynsPushesOutOnlyItself) {
  constexpr std::uint32_t kBudget = 16, kFlood = 5000;
  Bed bed({.limits = {.flows = 64, .half_open = kBudget}});
  std::vector<Connection> established;
  for (std::uint32_t number = 0; number < 40; ++number)
    established.push_back(Connection::established(bed, client(number), kWeb));

  for (std::uint32_t number = 0; number < kFlood; ++number) {
    Connection syn(bed, client(1000 + number), kWeb);
    ASSERT_EQ(syn.opened().verdict, Verdict::to_server) << number;
    ASSERT_LE(bed.pipeline().flows().half_open(), kBudget);
    if (number % 100 == 0) {
      for (Connection& connection : established) {
        ASSERT_EQ(connection.from_client(kTcpAck).verdict, Verdict::to_server);
        ASSERT_EQ(connection.from_server(kTcpAck).verdict, Verdict::to_client);
      }
    }
  }
  EXPECT_EQ(bed.counters().half_open_recycled.get(), kFlood - kBudget);
  EXPECT_EQ(bed.pipeline().flows().live(), 40 + kBudget);
  EXPECT_EQ(bed.server(kWeb1Index).active.get() + bed.server(kWeb2Index).active.get(),
            40 + kBudget);
}

TEST(HalfOpenBudget, TheOldestHandshakeGoesFirst) {
  Bed bed({.limits = {.flows = 64, .half_open = 4}});
  std::vector<Connection> handshakes;
  for (std::uint32_t number = 0; number < 6; ++number)
    handshakes.emplace_back(bed, client(number), kWeb);
  for (std::uint32_t number = 0; number < 6; ++number) {
    EXPECT_EQ(handshakes[number].state(), number < 2 ? TcpState::free : TcpState::syn_sent);
  }
  EXPECT_EQ(handshakes[0].from_server(kTcpSyn | kTcpAck).verdict, Verdict::reset_no_flow);
}

TEST(HalfOpenBudget, AHandshakeWithinTheBudgetCompletesDuringAFlood) {
  constexpr std::uint32_t kBudget = 64;
  Bed bed({.limits = {.flows = 256, .half_open = kBudget}});
  std::uint32_t attacker = 10'000;
  for (std::uint32_t number = 0; number < 100; ++number) {
    Connection honest(bed, client(number), kWeb);
    for (std::uint32_t i = 0; i < kBudget / 2 - 1; ++i)
      Connection(bed, client(attacker++), kWeb);
    (void)honest.from_server(kTcpSyn | kTcpAck);
    for (std::uint32_t i = 0; i < kBudget / 2 - 1; ++i)
      Connection(bed, client(attacker++), kWeb);
    (void)honest.from_client(kTcpAck);
    ASSERT_EQ(honest.state(), TcpState::established) << number;
  }
}

// Handshakes that never complete must not lose their place in the line to ones that do: whoever is
// pushed out next is the oldest, also after any number of completed handshakes.
TEST(HalfOpenBudget, CompletedHandshakesDoNotProtectOldOnes) {
  constexpr std::uint32_t kBudget = 16;
  Bed bed({.limits = {.flows = 1024, .half_open = kBudget}});
  std::vector<Connection> stuck;
  for (std::uint32_t number = 0; number < kBudget - 1; ++number)
    stuck.emplace_back(bed, client(number), kWeb);
  for (std::uint32_t number = 0; number < 4 * kBudget; ++number)
    (void)Connection::established(bed, client(1000 + number), kWeb);

  Connection first(bed, client(5000), kWeb);
  Connection second(bed, client(5001), kWeb);
  EXPECT_EQ(first.state(), TcpState::syn_sent);
  EXPECT_EQ(second.state(), TcpState::syn_sent);
  EXPECT_EQ(stuck[0].state(), TcpState::free);
  EXPECT_EQ(bed.pipeline().flows().half_open(), kBudget);
}

TEST(FlowTable, EstablishedConnectionsAreNotGivenUp) {
  constexpr std::uint32_t kFlows = 32;
  Bed bed({.limits = {.flows = kFlows, .half_open = kFlows}});
  std::vector<Connection> connections;
  for (std::uint32_t number = 0; number < kFlows; ++number)
    connections.push_back(Connection::established(bed, client(number), kWeb));
  EXPECT_EQ(Connection(bed, client(100), kWeb).opened().verdict, Verdict::flow_table_full);
  for (Connection& connection : connections)
    EXPECT_EQ(connection.from_client(kTcpAck).verdict, Verdict::to_server);

  // One that is over gives way.
  (void)connections[7].from_client(kTcpFin | kTcpAck);
  (void)connections[7].from_server(kTcpFin | kTcpAck);
  EXPECT_EQ(Connection(bed, client(100), kWeb).opened().verdict, Verdict::to_server);
  EXPECT_EQ(connections[7].state(), TcpState::free);
  EXPECT_EQ(bed.counters().closing_recycled.get(), 1u);
  EXPECT_EQ(Connection(bed, client(101), kWeb).opened().verdict, Verdict::flow_table_full);
  EXPECT_EQ(bed.pipeline().flows().live(), kFlows);
}

TEST(SourcePorts, TakeTheFirstFreeOneOfTheWalk) {
  Bed bed;
  Connection connection(bed, client(1), kMysql);
  EXPECT_EQ(connection.local().port, ports_tried(client(1), kDb1).front());
}

TEST(SourcePorts, ACollisionMovesOnToTheNext) {
  // Two clients whose walks begin at the same port.
  std::map<std::uint16_t, Endpoint> first_by_port;
  std::optional<std::pair<Endpoint, Endpoint>> pair;
  for (std::uint32_t number = 0; !pair; ++number) {
    const std::uint16_t port = ports_tried(client(number), kDb1).front();
    const auto [found, is_new] = first_by_port.emplace(port, client(number));
    if (!is_new) pair = {found->second, client(number)};
  }
  Bed bed;
  Connection first(bed, pair->first, kMysql);
  Connection second(bed, pair->second, kMysql);
  const auto tried = ports_tried(pair->second, kDb1);
  EXPECT_EQ(first.local().port, tried[0]);
  EXPECT_EQ(second.local().port, tried[1]);
  EXPECT_EQ(read_tcp(first.from_server(kTcpSyn | kTcpAck).frame)->to, pair->first);
  EXPECT_EQ(read_tcp(second.from_server(kTcpSyn | kTcpAck).frame)->to, pair->second);
}

// All clients of one slot towards one server: its 1008 ports fill up without one used twice.
TEST(SourcePorts, ExhaustionIsAVerdictAndAnEndedFlowGivesWay) {
  Bed bed({.limits = {.flows = 4096, .half_open = 4096}});
  std::vector<Connection> connections;
  std::set<std::uint16_t> ports;
  std::uint32_t number = 0;
  const auto next_client = [&] {
    while (slot_of(client(number)) != 5)
      ++number;
    return client(number++);
  };
  int in_a_row = 0;
  while (in_a_row < 50) {
    Connection connection = Connection::established(bed, next_client(), kMysql);
    if (connection.opened().verdict == Verdict::no_source_port) {
      ++in_a_row;
      continue;
    }
    in_a_row = 0;
    ASSERT_EQ(connection.opened().verdict, Verdict::to_server);
    ASSERT_TRUE(ports.insert(connection.local().port).second) << "used twice";
    ASSERT_EQ(connection.local().port % abi::kSlots, 5);
    connections.push_back(connection);
  }
  EXPECT_GE(ports.size(), flow::kPortsPerSlot * 9 / 10);
  EXPECT_LE(ports.size(), flow::kPortsPerSlot);
  EXPECT_EQ(bed.pipeline().flows().live(), connections.size());

  // Clients of other slots and connections to other servers are not concerned.
  EXPECT_EQ(Connection(bed, next_client(), kWeb).opened().verdict, Verdict::to_server);
  while (slot_of(client(number)) == 5)
    ++number;
  EXPECT_EQ(Connection(bed, client(number++), kMysql).opened().verdict, Verdict::to_server);

  Connection& ended = connections[connections.size() / 2];
  (void)ended.from_server(kTcpRst);
  for (int tries = 0; tries < 1000 && bed.counters().closing_recycled.get() == 0; ++tries) {
    Connection late(bed, next_client(), kMysql);
    if (late.opened().verdict != Verdict::to_server) continue;
    EXPECT_EQ(late.local(), ended.local());
  }
  EXPECT_EQ(bed.counters().closing_recycled.get(), 1u);
  EXPECT_EQ(ended.state(), TcpState::free);
}

// Where servers see the virtual address itself, a port that clients connect to is no source port.
TEST(SourcePorts, AServicePortOfASharedAddressIsLeftOut) {
  const auto tried = ports_tried(client(1), kDb1);
  ImageContent content = usual_content();
  content.addresses[1].roles = abi::kRoleVirtual | abi::kRoleLocal;
  content.servers[kDb1Index].local = kMysql.address;
  content.service_keys.push_back(
      {.address = kMysql.address, .port = be16(tried[0]), .protocol = kProtocolTcp, .service = 1});
  Bed bed({}, content);
  Connection connection(bed, client(1), kMysql);
  EXPECT_EQ(connection.local(), (Endpoint{kMysql.address, tried[1]}));
  EXPECT_EQ(connection.from_server(kTcpSyn | kTcpAck).verdict, Verdict::to_client);
}

}  // namespace
}  // namespace carpool::test
