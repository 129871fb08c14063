// Mirroring: one bed holds the groups and tells, the other learns, and takes over.

#include "dataplane/abi/mirror.h"

#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "dataplane/flow/owner.h"
#include "tests/golden/bed.h"

namespace carpool::test {
namespace {

using abi::MirrorKind;
using abi::MirrorRecord;

constexpr std::uint32_t kSmallRing = 8;

// A ring of a bed's own, and both of its ends.
class Ring {
 public:
  explicit Ring(std::uint32_t capacity)
      : memory_(abi::ring_bytes<MirrorRecord>(capacity) / sizeof(Line)),
        place_(abi::RingPlace<MirrorRecord>::at(memory_.data(), capacity)),
        consumer_(place_) {}

  [[nodiscard]] abi::RingProducer<MirrorRecord> producer() const {
    return abi::RingProducer<MirrorRecord>(place_);
  }
  std::vector<MirrorRecord> take_all() {
    std::vector<MirrorRecord> all;
    MirrorRecord one;
    while (consumer_.pop(one))
      all.push_back(one);
    return all;
  }

 private:
  struct alignas(abi::kCacheLine) Line {
    std::byte bytes[abi::kCacheLine];
  };
  std::vector<Line> memory_;
  abi::RingPlace<MirrorRecord> place_;
  abi::RingConsumer<MirrorRecord> consumer_;
};

// The holder of all groups, who tells.
struct Holder {
  explicit Holder(const ImageContent& content = usual_content(),
                  std::uint32_t ring_size = abi::kMirrorRingSize)
      : bed({}, content), ring(ring_size) {
    bed.pipeline().attach_mirror(ring.producer());
    bed.pipeline().set_mirror(true);
  }
  std::vector<MirrorKind> told_kinds() {
    std::vector<MirrorKind> kinds;
    for (const MirrorRecord& told : ring.take_all())
      kinds.push_back(told.kind);
    return kinds;
  }

  Bed bed;
  Ring ring;
};

// Its peer, who holds nothing yet.
struct Standby {
  Standby() {
    bed.hold_groups(0);
    bed.advance_ms(stage::kLingerMs);
  }
  void learn(const std::vector<MirrorRecord>& all) {
    for (const MirrorRecord& told : all)
      bed.learn(told);
  }
  void take_over() {
    bed.hold_groups(~0u);
    bed.advance_ms(stage::kTakeoverGraceMs);
  }

  Bed bed;
};

std::vector<MirrorKind> kinds(std::initializer_list<MirrorKind> list) {
  return list;
}

TEST(Mirror, AConnectionGoesOnAfterATakeover) {
  Holder holder;
  Standby standby;
  const auto connection = Connection::established(holder.bed, client(1), kWeb);
  const Frame request = connection.client_frame(kTcpAck | kTcpPsh, "GET /");
  const Frame reply = connection.server_frame(kTcpAck | kTcpPsh, "200 OK");
  const Outcome to_server = holder.bed.send(request, kWan);
  const Outcome to_client = holder.bed.send(reply, kLan);
  ASSERT_EQ(to_server.verdict, Verdict::to_server);
  ASSERT_EQ(to_client.verdict, Verdict::to_client);

  standby.learn(holder.ring.take_all());
  EXPECT_EQ(standby.bed.send(request, kWan).verdict, Verdict::group_not_active);
  standby.take_over();
  // The server may be the first to send: nothing has shown yet where the client is.
  EXPECT_EQ(standby.bed.send(reply, kLan), to_client);
  EXPECT_EQ(standby.bed.send(request, kWan), to_server);
  EXPECT_EQ(standby.bed.counters().flows_created.get(), 0u);
  EXPECT_EQ(standby.bed.counters().mirror_learned.get(), 1u);
}

TEST(Mirror, AConnectionIsToldOnceOpenAndOnceOver) {
  Holder holder;
  Connection connection(holder.bed, client(1), kWeb);
  connection.from_server(kTcpSyn | kTcpAck);
  EXPECT_EQ(holder.told_kinds(), kinds({}));  // it may be a flood's
  connection.from_client(kTcpAck);
  connection.from_client(kTcpAck | kTcpPsh, "x");
  EXPECT_EQ(holder.told_kinds(), kinds({MirrorKind::opened}));
  connection.from_client(kTcpFin | kTcpAck);
  EXPECT_EQ(holder.told_kinds(), kinds({}));
  connection.from_server(kTcpFin | kTcpAck);
  connection.from_client(kTcpAck);
  EXPECT_EQ(holder.told_kinds(), kinds({MirrorKind::ended}));
  holder.bed.advance_ms(kClosedTimeoutMs + 1);
  holder.bed.sweep_all();
  EXPECT_EQ(holder.told_kinds(), kinds({}));
  EXPECT_EQ(holder.bed.counters().mirror_told.get(), 2u);
}

TEST(Mirror, WhatWasNeverOpenIsNotTold) {
  Holder holder;
  Connection refused(holder.bed, client(1), kWeb);
  refused.from_server(kTcpRst | kTcpAck);
  Connection silent(holder.bed, client(2), kWeb);
  holder.bed.sweep_all();
  holder.bed.advance_ms(kConnectTimeoutMs + 1);
  holder.bed.sweep_all();
  EXPECT_EQ(holder.told_kinds(), kinds({}));
}

TEST(Mirror, EveryWayToEndEndsThePeersCopy) {
  struct Way {
    const char* name;
    void (*end)(Bed& bed, Connection& connection);
    TcpState left;
  };
  const Way ways[] = {
      {"closed",
       [](Bed&, Connection& connection) {
         connection.from_server(kTcpFin | kTcpAck);
         connection.from_client(kTcpFin | kTcpAck);
       },
       TcpState::closed},
      {"reset", [](Bed&, Connection& connection) { connection.from_client(kTcpRst); },
       TcpState::reset},
      {"expired",
       [](Bed& bed, Connection&) {
         bed.advance_ms(kEstablishedTimeoutMs + 1);
         bed.sweep_all();
       },
       TcpState::free},
  };
  for (const Way& way : ways) {
    SCOPED_TRACE(way.name);
    Holder holder;
    Standby standby;
    auto connection = Connection::established(holder.bed, client(1), kMysql);
    standby.learn(holder.ring.take_all());
    EXPECT_EQ(standby.bed.state_of(client(1), kMysql), TcpState::established);
    EXPECT_EQ(standby.bed.server(kDb1Index).active.get(), 1u);
    way.end(holder.bed, connection);
    standby.learn(holder.ring.take_all());
    EXPECT_EQ(standby.bed.state_of(client(1), kMysql), way.left);
    EXPECT_EQ(standby.bed.server(kDb1Index).active.get(), 0u);
  }
}

TEST(Mirror, ConnectionsInUseAreRefreshedAndOthersAreNot) {
  Holder holder;
  Standby standby;
  auto busy = Connection::established(holder.bed, client(1), kMysql);
  auto quiet = Connection::established(holder.bed, client(2), kMysql);
  standby.learn(holder.ring.take_all());
  std::size_t refreshes = 0;
  constexpr std::uint32_t kStepMs = 10'000;
  for (std::uint32_t ms = 0; ms < kEstablishedTimeoutMs; ms += kStepMs) {
    holder.bed.advance_ms(kStepMs);
    standby.bed.advance_ms(kStepMs);
    busy.from_client(kTcpAck);
    holder.bed.sweep_all();
    const auto told = holder.ring.take_all();
    for (const MirrorRecord& one : told)
      EXPECT_EQ(one.kind, MirrorKind::refreshed);
    refreshes += told.size();
    standby.learn(told);
  }
  EXPECT_EQ(refreshes, 3u);  // at 30, 60 and 90 s: the first step past a quarter of the timeout
  holder.bed.advance_ms(1);
  standby.bed.advance_ms(1);
  holder.bed.sweep_all();
  standby.learn(holder.ring.take_all());
  standby.bed.sweep_all();
  for (Bed* bed : {&holder.bed, &standby.bed}) {
    EXPECT_EQ(bed->state_of(client(1), kMysql), TcpState::established);
    EXPECT_EQ(bed->state_of(client(2), kMysql), TcpState::free);
  }
}

TEST(Mirror, WhatAFullRingDidNotTakeIsToldLater) {
  Holder holder(usual_content(), kSmallRing);
  Standby standby;
  for (std::uint32_t i = 0; i < kSmallRing + 3; ++i)
    Connection::established(holder.bed, client(i), kWeb);
  EXPECT_EQ(holder.bed.counters().mirror_changes_delayed.get(), 3u);
  standby.learn(holder.ring.take_all());
  holder.bed.sweep_all();
  const auto late = holder.ring.take_all();
  EXPECT_EQ(late.size(), 3u);
  standby.learn(late);
  EXPECT_EQ(standby.bed.pipeline().flows().live(), kSmallRing + 3);
  holder.bed.sweep_all();
  EXPECT_TRUE(holder.ring.take_all().empty());
}

TEST(Mirror, ABulkTellsAllThatIsOpenThenEnds) {
  Holder holder;
  holder.bed.pipeline().set_mirror(false);  // no peer yet
  constexpr std::uint32_t kConnections = 500;
  for (std::uint32_t i = 0; i < kConnections; ++i)
    Connection::established(holder.bed, client(i), i % 2 == 0 ? kWeb : kMysql);
  Connection half_open(holder.bed, client(kConnections), kWeb);
  auto over = Connection::established(holder.bed, client(kConnections + 1), kWeb);
  over.from_client(kTcpRst);
  EXPECT_TRUE(holder.ring.take_all().empty());

  holder.bed.pipeline().set_mirror(true);
  holder.bed.pipeline().begin_bulk(7);
  while (holder.bed.bulk_turn() != 0) {
  }
  auto told = holder.ring.take_all();
  ASSERT_EQ(told.size(), kConnections + 1);
  EXPECT_EQ(told.back().kind, MirrorKind::bulk_end);
  EXPECT_EQ(told.back().serial, 7u);
  told.pop_back();
  Standby standby;
  standby.learn(told);
  EXPECT_EQ(standby.bed.counters().mirror_learned.get(), kConnections);
  EXPECT_EQ(standby.bed.pipeline().flows().live(), kConnections);
}

TEST(Mirror, ABulkWaitsForRoomAndLeavesSomeForChanges) {
  Holder holder;
  holder.bed.pipeline().set_mirror(false);
  constexpr std::uint32_t kConnections = 1'000;
  for (std::uint32_t i = 0; i < kConnections; ++i)
    Connection::established(holder.bed, client(i), kWeb);
  holder.bed.pipeline().set_mirror(true);
  Ring& ring = holder.ring;
  auto filler = ring.producer();
  const MirrorRecord nothing;
  for (std::uint32_t i = 0; i < abi::kMirrorRingForChanges - 100; ++i)
    ASSERT_TRUE(filler.push(nothing));
  holder.bed.pipeline().attach_mirror(ring.producer());
  holder.bed.pipeline().begin_bulk(1);
  std::uint32_t looked_at = 0;
  while (const std::uint32_t count = holder.bed.bulk_turn())
    looked_at += count;
  EXPECT_EQ(looked_at, 100u);
  ring.take_all();
  while (const std::uint32_t count = holder.bed.bulk_turn())
    looked_at += count;
  EXPECT_EQ(looked_at, kConnections);
  EXPECT_EQ(ring.take_all().back().kind, MirrorKind::bulk_end);
}

TEST(Mirror, OfAnEmptyTableABulkIsItsEnd) {
  Holder holder;
  holder.bed.pipeline().begin_bulk(3);
  holder.bed.bulk_turn();
  EXPECT_EQ(holder.told_kinds(), kinds({MirrorKind::bulk_end}));
}

TEST(Mirror, AServiceThatIsNotMirroredIsNotTold) {
  ImageContent content = usual_content();
  content.services[1].fields.mirror = 0;
  Holder holder(content);
  Connection::established(holder.bed, client(1), kMysql);
  Connection::established(holder.bed, client(2), kWeb);
  holder.bed.pipeline().begin_bulk(1);
  while (holder.bed.bulk_turn() != 0) {
  }
  EXPECT_EQ(holder.told_kinds(),
            kinds({MirrorKind::opened, MirrorKind::opened, MirrorKind::bulk_end}));
}

TEST(Mirror, WhoHoldsTheGroupKnowsBetter) {
  Holder holder;
  Connection::established(holder.bed, client(1), kWeb);
  const auto told = holder.ring.take_all();
  Bed rival;
  for (const MirrorRecord& one : told)
    rival.learn(one);
  EXPECT_EQ(rival.counters().mirror_outdated.get(), 1u);
  EXPECT_EQ(rival.pipeline().flows().live(), 0u);
}

TEST(Mirror, RightAfterATakeoverTheLastRecordsStillCount) {
  Holder holder;
  auto connection = Connection::established(holder.bed, client(1), kWeb);
  const Frame request = connection.client_frame(kTcpAck | kTcpPsh, "GET /");
  const auto told = holder.ring.take_all();

  Standby standby;
  standby.bed.hold_groups(~0u);
  EXPECT_EQ(standby.bed.send(request).verdict, Verdict::no_flow_yet);
  standby.learn(told);
  EXPECT_EQ(standby.bed.send(request).verdict, Verdict::to_server);

  Standby without;
  without.bed.hold_groups(~0u);
  EXPECT_EQ(without.bed.send(request).verdict, Verdict::no_flow_yet);
  without.bed.advance_ms(stage::kTakeoverGraceMs);
  EXPECT_EQ(without.bed.send(request).verdict, Verdict::reset_no_flow);
}

TEST(Mirror, WhatIsInTheWayOfALearnedConnectionGoes) {
  Holder holder;
  const auto first = Connection::established(holder.bed, client(1), kMysql);
  auto told = holder.ring.take_all();
  ASSERT_EQ(told.size(), 1u);
  Standby standby;
  standby.learn(told);
  // Another client of the same slot has that source port by now.
  MirrorRecord other = told.front();
  const auto& header = holder.bed.pipeline().image().header();
  const flow::HashSecret secret{{header.secret[0], header.secret[1]}};
  std::uint32_t number = 2;
  while (flow::slot_of_client(client(number).address, be16(client(number).port), secret) !=
         other.slot) {
    ++number;
  }
  other.client = client(number).address;
  other.client_port = be16(client(number).port);
  standby.learn({other});
  EXPECT_EQ(standby.bed.state_of(client(1), kMysql), TcpState::free);
  EXPECT_EQ(standby.bed.state_of(client(number), kMysql), TcpState::established);
  EXPECT_EQ(standby.bed.server(kDb1Index).active.get(), 1u);
}

TEST(Mirror, AConnectionOnTheSamePortsReplacesTheOldOne) {
  Holder holder;
  Standby standby;
  auto first = Connection::established(holder.bed, client(1), kWeb);
  standby.learn(holder.ring.take_all());
  first.from_client(kTcpRst);
  const auto second = Connection::established(holder.bed, client(1), kWeb);  // another server
  ASSERT_NE(first.server(), second.server());
  const Frame request = second.client_frame(kTcpAck, "x");
  standby.learn(holder.ring.take_all());
  EXPECT_EQ(standby.bed.pipeline().flows().live(), 1u);
  standby.take_over();
  EXPECT_EQ(standby.bed.send(request).frame, holder.bed.send(request).frame);
}

TEST(Mirror, RepeatedRecordsChangeNothing) {
  Holder holder;
  Standby standby;
  Connection::established(holder.bed, client(1), kWeb);
  const auto told = holder.ring.take_all();
  for (int i = 0; i < 3; ++i)
    standby.learn(told);
  EXPECT_EQ(standby.bed.pipeline().flows().live(), 1u);
  EXPECT_EQ(
      standby.bed.server(kWeb1Index).active.get() + standby.bed.server(kWeb2Index).active.get(),
      1u);
}

TEST(Mirror, WhatDoesNotFitTheConfigurationIsRefused) {
  Holder holder;
  Connection::established(holder.bed, client(1), kWeb);
  const auto told = holder.ring.take_all();
  ASSERT_EQ(told.size(), 1u);
  const MirrorRecord good = told.front();

  std::vector<MirrorRecord> bad;
  const auto with = [&](auto change) {
    bad.push_back(good);
    change(bad.back());
  };
  with([](MirrorRecord& r) { r.kind = MirrorKind::none; });
  with([](MirrorRecord& r) { r.kind = MirrorKind::bulk_end; });
  with([](MirrorRecord& r) { r.kind = static_cast<MirrorKind>(200); });
  with([](MirrorRecord& r) { r.protocol = 17; });
  with([](MirrorRecord& r) { r.tcp_state = 0; });
  with([](MirrorRecord& r) { r.tcp_state = static_cast<std::uint8_t>(TcpState::syn_sent); });
  with([](MirrorRecord& r) { r.tcp_state = 99; });
  with([](MirrorRecord& r) { r.service = 1; });
  with([](MirrorRecord& r) { r.service = 40'000; });
  with([](MirrorRecord& r) { r.server = 65'535; });
  with([](MirrorRecord& r) { r.server = kDb1Index; });
  with([](MirrorRecord& r) { r.virtual_address = Ipv4Address::of(192, 0, 2, 99); });
  with([](MirrorRecord& r) { r.virtual_port = be16(81); });
  with([](MirrorRecord& r) { r.local = Ipv4Address::of(10, 0, 0, 99); });
  with([](MirrorRecord& r) { r.local_port = be16(r.local_port.host() ^ 1); });  // another slot
  with([](MirrorRecord& r) { r.server_address = Ipv4Address::of(10, 0, 0, 99); });
  with([](MirrorRecord& r) { r.server_port = be16(1); });
  for (std::size_t i = 0; i < bad.size(); ++i) {
    Standby standby;
    standby.learn({bad[i]});
    EXPECT_EQ(standby.bed.counters().mirror_refused.get(), 1u) << "case " << i;
    EXPECT_EQ(standby.bed.pipeline().flows().live(), 0u) << "case " << i;
  }
  Standby standby;
  standby.learn({good});
  EXPECT_EQ(standby.bed.pipeline().flows().live(), 1u);
}

TEST(Mirror, AnotherWorkersFlowIsRefused) {
  Holder holder;
  Connection::established(holder.bed, client(1), kWeb);
  const auto told = holder.ring.take_all();
  constexpr std::uint32_t kWorkers = 3;
  std::uint64_t learned = 0;
  for (std::uint32_t worker = 0; worker < kWorkers; ++worker) {
    Bed bed({.worker = worker, .workers = kWorkers});
    bed.hold_groups(0);
    bed.learn(told.front());
    learned += bed.counters().mirror_learned.get();
    EXPECT_EQ(bed.counters().mirror_learned.get(),
              abi::owner_of_slot(told.front().slot, kWorkers) == worker ? 1u : 0u);
  }
  EXPECT_EQ(learned, 1u);
}

TEST(Mirror, AWayThatIsFoundLaterIsTaken) {
  Holder holder;
  const auto connection = Connection::established(holder.bed, client(1), kMysql);
  const Frame request = connection.client_frame(kTcpAck | kTcpPsh, "x");
  Standby standby;
  ImageContent content = usual_content();
  const std::uint16_t way = content.servers[kDb1Index].next_hop;
  content.servers[kDb1Index].next_hop = 0;
  content.generation = 2;
  standby.bed.install(content);
  standby.learn(holder.ring.take_all());
  content.servers[kDb1Index].next_hop = way;
  content.generation = 3;
  standby.bed.install(content);
  standby.take_over();
  EXPECT_EQ(standby.bed.send(request).verdict, Verdict::next_hop_unresolved);
  EXPECT_EQ(standby.bed.send(request).verdict, Verdict::to_server);
}

TEST(Mirror, AFullTableLearnsNoMore) {
  Holder holder;
  constexpr std::uint32_t kRoom = 16;
  for (std::uint32_t i = 0; i < kRoom + 5; ++i)
    Connection::established(holder.bed, client(i), kWeb);
  Bed small({.limits = {.flows = kRoom, .half_open = 4}});
  small.hold_groups(0);
  for (const MirrorRecord& told : holder.ring.take_all())
    small.learn(told);
  EXPECT_EQ(small.counters().mirror_learned.get(), kRoom);
  EXPECT_EQ(small.counters().mirror_no_room.get(), 5u);
}

}  // namespace
}  // namespace carpool::test
