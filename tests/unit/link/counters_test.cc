#include "controlplane/link/counters.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controlplane/link/liveness.h"
#include "tests/unit/link/fake_data_plane.h"

namespace carpool::link {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

void round_of(Ids& ids, std::initializer_list<const char*> servers) {
  ids.begin();
  for (const char* server : servers)
    EXPECT_TRUE(ids.servers.acquire(server));
  ids.end();
}

TEST(Counters, SumOverWorkers) {
  FakeDataPlane plane(2);
  for (std::uint32_t worker = 0; worker < 2; ++worker) {
    abi::WorkerCounters& counters = plane.region().counters(worker);
    counters.received.add(10 + worker);
    counters.verdicts[static_cast<std::size_t>(abi::Verdict::to_client)].add(10 + worker);
    counters.flows_live.set(3);
    counters.ports[1].tx_bytes.add(1000);
  }
  const auto snapshot = CounterReader().read(plane.region(), {});
  ASSERT_EQ(snapshot.workers.size(), 2u);
  EXPECT_EQ(snapshot.workers[1].received, 11u);
  EXPECT_EQ(snapshot.total.received, 21u);
  EXPECT_EQ(snapshot.total.of(abi::Verdict::to_client), 21u);
  EXPECT_EQ(snapshot.total.flows_live, 6u);
  EXPECT_EQ(snapshot.total.ports[1].tx_bytes, 2000u);
}

TEST(Counters, OfServersAreFoundByName) {
  FakeDataPlane plane(2);
  Ids ids;
  round_of(ids, {"web/web1", "web/web2", "webmail/web1"});
  for (std::uint32_t worker = 0; worker < 2; ++worker) {
    plane.region().servers(worker)[0].connections.add(5);
    plane.region().servers(worker)[1].connections.add(1);
    plane.region().servers(worker)[1].active.set(1);
    plane.region().servers(worker)[2].connections.add(100);
  }
  const auto snapshot = CounterReader().read(plane.region(), ids);
  EXPECT_EQ(snapshot.servers.at("web/web1").connections, 10u);
  EXPECT_EQ(snapshot.servers.at("web/web2").active, 2u);
  EXPECT_EQ(snapshot.service("web").connections, 12u);
  EXPECT_EQ(snapshot.service("none"), ServerTotals{});
}

TEST(Counters, AServerDoesNotInheritThoseOfAnother) {
  FakeDataPlane plane(1);
  Ids ids;
  ids.servers = IndexPool<std::string>(1);
  CounterReader reader;
  round_of(ids, {"web/old"});
  auto& counters = plane.region().servers(0)[0];
  counters.connections.add(7);
  counters.active.set(2);
  EXPECT_EQ(reader.read(plane.region(), ids).servers.at("web/old").connections, 7u);
  round_of(ids, {});
  EXPECT_THAT(reader.read(plane.region(), ids).servers, IsEmpty());
  round_of(ids, {"web/new"});
  EXPECT_EQ(reader.read(plane.region(), ids).servers.at("web/new").connections, 0u);
  counters.connections.add(1);
  counters.active.set(1);  // the old server's two are gone
  const auto snapshot = reader.read(plane.region(), ids);
  EXPECT_EQ(snapshot.servers.at("web/new").connections, 1u);
  EXPECT_EQ(snapshot.servers.size(), 1u);
}

TEST(Liveness, NamesThreadsThatMakeNoProgress) {
  Liveness liveness(100ms);
  struct Row {
    Duration at;
    std::vector<std::uint64_t> heartbeats;
    std::vector<std::uint32_t> stopped;
  };
  const Row rows[] = {
      {0ms, {1, 1, 1}, {}},    {50ms, {2, 1, 1}, {}},   {100ms, {3, 1, 2}, {}},
      {150ms, {4, 1, 2}, {1}}, {200ms, {5, 1, 2}, {1}}, {250ms, {6, 1, 2}, {1, 2}},
      {300ms, {7, 2, 2}, {2}}, {310ms, {7, 2, 3}, {}},
  };
  for (const auto& [at, heartbeats, stopped] : rows)
    EXPECT_EQ(liveness.observe(heartbeats, Instant(at)), stopped) << at.count();
}

TEST(Liveness, OneLongGapProvesNothing) {
  Liveness liveness(100ms);
  const std::vector<std::uint64_t> same = {1};
  EXPECT_THAT(liveness.observe(same, Instant(0s)), IsEmpty());
  EXPECT_THAT(liveness.observe(same, Instant(10s)), IsEmpty()) << "the machine was asleep";
  EXPECT_THAT(liveness.observe(same, Instant(10'040ms)), IsEmpty());
  EXPECT_THAT(liveness.observe(same, Instant(10'080ms)), ElementsAre(0));
}

TEST(Liveness, AnotherDataPlaneStartsAnew) {
  FakeDataPlane plane(1);
  plane.turn();
  EXPECT_THAT(heartbeats(plane.region()), ElementsAre(1, 1));
  Liveness liveness(100ms);
  EXPECT_THAT(liveness.observe(std::vector<std::uint64_t>{1, 1}, Instant(0s)), IsEmpty());
  EXPECT_THAT(liveness.observe(std::vector<std::uint64_t>{1, 1, 1}, Instant(90ms)), IsEmpty());
  EXPECT_THAT(liveness.observe(std::vector<std::uint64_t>{1, 1, 1}, Instant(140ms)), IsEmpty());
}

}  // namespace
}  // namespace carpool::link
