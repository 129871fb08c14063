#include "controlplane/mirror/session.h"

#include <algorithm>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/mirror/records.h"
#include "tests/unit/mirror/talk.h"

namespace carpool::mirror {
namespace {

using namespace std::chrono_literals;
using test::End;
using test::record;
using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;

struct SessionTest : testing::Test, test::Talk {
  static std::vector<std::uint32_t> numbers(const std::vector<abi::MirrorRecord>& records) {
    std::vector<std::uint32_t> result;
    for (const abi::MirrorRecord& each : records)
      result.push_back(test::number_of(each));
    return result;
  }
  Session& sa() { return *a.session; }
  Session& sb() { return *b.session; }
};

// ---- Finding each other -------------------------------------------------------------------------

TEST_F(SessionTest, TwoNodesFindEachOtherAndAskForEverything) {
  run(1ms);
  EXPECT_EQ(sa().state(), SessionState::up);
  EXPECT_EQ(sb().state(), SessionState::up);
  EXPECT_THAT(a.events(), ElementsAre("peer 'b' is there",
                                      "asking the peer for all its connections: the nodes have "
                                      "found each other",
                                      testing::StartsWith("telling the peer of all connections")));
  EXPECT_THAT(b.events(), testing::SizeIs(3));
}

TEST_F(SessionTest, AloneANodeKeepsCalling) {
  cut_a_to_b = true;
  unsigned openings = 0;
  tap = [&](const Datagram& datagram) {
    openings += parse_header(datagram.view())->type == DatagramType::opening;
  };
  run(1s);
  EXPECT_EQ(openings, 10u);
  EXPECT_EQ(sa().state(), SessionState::down);
  EXPECT_THAT(a.events(), IsEmpty());
}

// Lost datagrams of the greeting only cost time.
TEST_F(SessionTest, GreetingsThatAreLostAreSaidAgain) {
  run(1ms);
  for (int lost = 1; lost < 12; ++lost) {
    Talk talk;
    talk.b.start(9);
    int count = 0;
    talk.tap = [&](const Datagram&) { talk.cut_a_to_b = ++count % lost != 0; };
    talk.run(10s);
    talk.cut_a_to_b = false;
    talk.tap = [](const Datagram&) {};
    talk.run(3s);
    EXPECT_EQ(talk.a.session->state(), SessionState::up) << lost;
    EXPECT_EQ(talk.b.session->state(), SessionState::up) << lost;
  }
}

TEST_F(SessionTest, SilenceIsNoticedWithinItsBound) {
  meet();
  cut_b_to_a = true;
  const Instant cut = now;
  while (sa().state() == SessionState::up && now < cut + 5s)
    run(1ms);
  EXPECT_GE(now - cut, 1s - SessionTiming{}.keepalive);
  EXPECT_LE(now - cut, 1s + 5ms);
  EXPECT_THAT(a.events(), ElementsAre("peer lost: it is silent"));
}

// One direction is enough: who is not heard starts anew, and the other follows.
TEST_F(SessionTest, AOneWayCutHealsIntoOneSession) {
  meet();
  cut_a_to_b = true;
  run(5s);
  EXPECT_EQ(sb().state(), SessionState::down);
  cut_a_to_b = false;
  run(2s);
  EXPECT_EQ(sa().state(), SessionState::up);
  EXPECT_EQ(sb().state(), SessionState::up);
  tell(a, {record(5)});
  run(5ms);
  EXPECT_THAT(numbers(b.records()), ElementsAre(5));
}

TEST_F(SessionTest, APeerThatStartsAnewIsKnownAtOnce) {
  meet();
  b.start(3);
  run(105ms);
  EXPECT_THAT(a.events(), ElementsAre("peer lost: it has started anew", "peer 'b' is there",
                                      testing::StartsWith("asking the peer"),
                                      testing::StartsWith("telling the peer")));
  EXPECT_EQ(sb().state(), SessionState::up);
}

// ---- Records ------------------------------------------------------------------------------------

TEST_F(SessionTest, RecordsArriveInOrderWithTheOtherNodesIndices) {
  sb().set_names(test::names_of({"", "", "api", "web"}, {"", "api/x", "web/web1"}), now);
  meet();
  tell(a, {record(1), record(2), record(1, abi::MirrorKind::ended)});
  exchange();
  const auto records = b.records();
  EXPECT_THAT(numbers(records), ElementsAre(1, 2, 1));
  EXPECT_EQ(records[0].service, 3);
  EXPECT_EQ(records[0].server, 2);
  EXPECT_EQ(records[2].kind, abi::MirrorKind::ended);
}

TEST_F(SessionTest, ALostDatagramHoldsBackWhatComesAfter) {
  meet();
  cut_a_to_b = true;
  tell(a, {record(1)});
  exchange();
  cut_a_to_b = false;
  tell(a, {record(1, abi::MirrorKind::ended)});
  exchange();
  EXPECT_THAT(b.records(), IsEmpty()) << "an end must not overtake its opening";
  run(300ms);
  EXPECT_THAT(numbers(b.records()), ElementsAre(1, 1));
}

TEST_F(SessionTest, UnknownNamesAreCountedAndSaidOnce) {
  sa().set_names(test::names_of({"web", "shop"}, {"web/web1", "web/new", "shop/s1"}), now);
  meet();
  auto unknown_service = record(1);
  unknown_service.service = 1;
  unknown_service.server = 2;
  auto unknown_server = record(2);
  unknown_server.server = 1;
  tell(a, {unknown_service, unknown_service, unknown_server, record(3)});
  exchange();
  EXPECT_THAT(numbers(b.records()), ElementsAre(3));
  EXPECT_EQ(sb().counters().records_unknown, 3u);
  EXPECT_THAT(b.events(),
              ElementsAre("the peer balances service 'shop', which this node does not have: "
                          "configurations differ",
                          "the peer balances server 'web/new', which this node does not have: "
                          "configurations differ"));
  // Once it has them, it takes them.
  sb().set_names(test::names_of({"web", "shop"}, {"web/web1", "web/new", "shop/s1"}), now);
  tell(a, {unknown_service, unknown_server});
  exchange();
  EXPECT_THAT(numbers(b.records()), ElementsAre(1, 2));
  EXPECT_THAT(sb().unknown(), IsEmpty());
}

TEST_F(SessionTest, NamesFollowTheSendersImage) {
  meet();
  sa().set_names(test::names_of({"web", "web@inside"}, {"", "web@inside/web1"}), now);
  sb().set_names(test::names_of({"web@inside"}, {"web@inside/web1"}), now);
  auto moved = record(1);
  moved.service = 1;
  moved.server = 1;
  tell(a, {moved});
  exchange();
  const auto records = b.records();
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].service, 0);
  EXPECT_EQ(records[0].server, 0);
}

TEST_F(SessionTest, WhatHasNoNameIsNotTold) {
  meet();
  auto nameless = record(2);
  nameless.service = 700;
  tell(a, {nameless, record(3)});
  exchange();
  EXPECT_THAT(numbers(b.records()), ElementsAre(3));
  EXPECT_EQ(sa().counters().records_nameless, 1u);
}

TEST_F(SessionTest, NobodyIsToldWhileNobodyIsThere) {
  cut_a_to_b = true;
  run(10ms);
  tell(a, {record(1)});
  EXPECT_EQ(sa().counters().records_unheard, 1u);
  EXPECT_EQ(sa().sender().items(), 0u);
}

// Workers that cannot take more are given more later: nothing is lost.
TEST_F(SessionTest, AReceiverThatPausesGetsEverythingLater) {
  meet();
  sb().set_paused(true);
  for (std::uint32_t at = 0; at < 500; ++at)
    tell(a, {record(at)});
  run(500ms);
  EXPECT_THAT(b.records(), IsEmpty());
  EXPECT_EQ(sa().state(), SessionState::up);
  sb().set_paused(false);
  run(2s);
  EXPECT_EQ(b.records().size(), 500u);
}

// ---- Bulk ---------------------------------------------------------------------------------------

TEST_F(SessionTest, ABulkEndsWhenEveryWorkerHasToldAll) {
  sa().set_workers(3);
  run(5ms);
  const auto* walk = a.find<WalkWanted>();
  ASSERT_NE(walk, nullptr);
  abi::MirrorRecord end;
  end.kind = abi::MirrorKind::bulk_end;
  end.serial = walk->serial;
  const auto finish = [&](std::uint32_t worker) {
    sa().add(worker, {&end, 1}, now);
    run(1ms);
  };
  tell(a, {record(1), record(2)});
  finish(0);
  finish(2);
  finish(2);
  EXPECT_EQ(sb().inbound().state(), BulkState::running);
  tell(a, {record(3)});
  finish(1);
  EXPECT_EQ(sb().inbound().state(), BulkState::complete);
  EXPECT_EQ(sb().inbound().records(), 3u);
  EXPECT_EQ(sa().outbound().state(), BulkState::complete);
}

TEST_F(SessionTest, TheEndOfAnOldWalkEndsNoNewOne) {
  run(5ms);
  const std::uint32_t old_walk = a.find<WalkWanted>()->serial;
  a.output.events.clear();
  b.start(7);
  run(120ms);
  const auto* walk = a.find<WalkWanted>();
  ASSERT_NE(walk, nullptr);
  EXPECT_NE(walk->serial, old_walk);
  abi::MirrorRecord end;
  end.kind = abi::MirrorKind::bulk_end;
  end.serial = old_walk;
  sa().add(0, {&end, 1}, now);
  run(5ms);
  EXPECT_EQ(sb().inbound().state(), BulkState::running);
}

TEST_F(SessionTest, ABulkWithoutProgressFails) {
  run(5ms);
  b.output.events.clear();
  run(BulkTiming{}.progress - 100ms);
  EXPECT_THAT(b.events(), IsEmpty());
  run(200ms);
  EXPECT_THAT(b.events(), ElementsAre("not in sync: the peer has stopped telling"));
  EXPECT_EQ(sb().state(), SessionState::up);
}

TEST_F(SessionTest, ABulkThatOnlySeesNewConnectionsFailsToo) {
  run(5ms);
  b.output.events.clear();
  for (std::uint32_t at = 0; at < 61; ++at) {
    tell(a, {record(at)});
    run(1s);
  }
  EXPECT_THAT(b.events(), ElementsAre("not in sync: it did not come to an end"));
}

TEST_F(SessionTest, ABulkDoesNotOutliveThePeer) {
  run(5ms);
  b.output.events.clear();
  cut_a_to_b = true;
  run(2s);
  EXPECT_THAT(b.events(), ElementsAre("not in sync: the peer is gone", "peer lost: it is silent"));
}

TEST_F(SessionTest, AWalkWaitsForADataPlane) {
  sa().set_workers(0);
  run(50ms);
  EXPECT_EQ(a.find<WalkWanted>(), nullptr);
  EXPECT_EQ(a.find<BulkBegan>(), nullptr) << "nor is there anybody to be told";
  sa().set_workers(2);
  run(5ms);
  EXPECT_NE(a.find<WalkWanted>(), nullptr);
  EXPECT_NE(a.find<BulkBegan>(), nullptr);
}

TEST_F(SessionTest, AGapLeadsToANewBulk) {
  meet();
  run(BulkTiming{}.interval);
  sa().add_gap(12);
  run(5ms);
  EXPECT_THAT(b.events(),
              ElementsAre("the peer could not tell 12 changes",
                          "asking the peer for all its connections: the peer could not tell every "
                          "change"));
  const auto first = a.find<WalkWanted>()->serial;
  // Gaps that follow each other do not make bulks follow each other.
  finish_walk(a);
  a.output.events.clear();
  sa().add_gap(1);
  run(1s);
  EXPECT_EQ(a.find<WalkWanted>(), nullptr);
  run(BulkTiming{}.interval);
  ASSERT_NE(a.find<WalkWanted>(), nullptr);
  EXPECT_NE(a.find<WalkWanted>()->serial, first);
}

TEST_F(SessionTest, AWalkStaysInTheRingsWhileThePeerIsBusy) {
  run(5ms);
  ASSERT_NE(a.find<WalkWanted>(), nullptr);
  EXPECT_TRUE(sa().wants_records());
  cut_a_to_b = true;
  std::uint32_t told = 0;
  while (sa().wants_records() && told < 1'000'000)
    tell(a, {record(told++)});
  EXPECT_LT(told, 20'000u);
  cut_a_to_b = false;
  run(500ms);
  EXPECT_TRUE(sa().wants_records());
  EXPECT_EQ(b.records().size(), told);
}

// ---- Status, keys, strangers --------------------------------------------------------------------

TEST_F(SessionTest, StatusTravelsWithTheHeartbeat) {
  meet();
  sa().set_status({"a", "digest", 0, {"public"}});
  run(101ms);
  ASSERT_TRUE(sb().peer());
  EXPECT_THAT(sb().peer()->claims, ElementsAre("public"));
  EXPECT_EQ(sb().peer()->workers, 1);
}

TEST_F(SessionTest, DifferentConfigurationsAreSaidOnce) {
  meet();
  sa().set_status({"a", "other", 0, {}});
  run(1s);
  EXPECT_THAT(b.events(), ElementsAre("the peer runs another configuration than this node"));
  sa().set_status({"a", "digest", 0, {}});
  run(1s);
  EXPECT_THAT(b.events(), ElementsAre("the peer runs the same configuration again"));
}

// Everything that a ever said to b, again and again, at any later time: it changes nothing.
TEST_F(SessionTest, ReplaysOfAWholeLifeChangeNothing) {
  std::vector<Datagram> recorded;
  tap = [&](const Datagram& datagram) { recorded.push_back(datagram); };
  run(5ms);
  tell(a, {record(1), record(2)});
  finish_walk(a);
  run(200ms);
  a.start(11);  // recorded is an earlier life of a from here on
  run(200ms);
  finish_walk(a);
  finish_walk(b);
  run(200ms);
  tap = [](const Datagram&) {};
  ASSERT_EQ(sb().state(), SessionState::up);
  b.output = {};
  const auto replay = [&](std::vector<Datagram> datagrams) {
    for (Datagram& datagram : datagrams)
      sb().receive(std::span(datagram.bytes).first(datagram.length), now, b.output);
  };
  replay(recorded);
  EXPECT_THAT(b.events(), IsEmpty());
  EXPECT_THAT(b.records(), IsEmpty());
  EXPECT_GT(sb().counters().drops(DropReason::stale), 0u);
  EXPECT_GT(sb().counters().drops(DropReason::replayed), 0u);
  b.start(12);  // and an earlier life of b, too
  run(200ms);
  b.output = {};
  replay(recorded);
  EXPECT_THAT(b.events(), IsEmpty());
  EXPECT_THAT(b.records(), IsEmpty());
  EXPECT_GT(sb().counters().drops(DropReason::other_epoch), 0u);
  run(2s);
  EXPECT_EQ(sb().state(), SessionState::up);
  EXPECT_THAT(b.events(), Not(Contains(testing::HasSubstr("peer lost"))));
}

// A recorded opening gets answers, but only so many.
TEST_F(SessionTest, OpeningsAreAnsweredWithinABound) {
  Datagram opening;
  tap = [&](const Datagram& datagram) { opening = datagram; };
  cut_a_to_b = cut_b_to_a = true;
  run(1ms);
  ASSERT_EQ(parse_header(opening.view())->type, DatagramType::opening);
  b.output = {};
  for (int at = 0; at < 1000; ++at) {
    Datagram copy = opening;
    sb().receive(std::span(copy.bytes).first(copy.length), now, b.output);
  }
  EXPECT_LE(b.output.datagrams.size(), 8u);
  EXPECT_EQ(sb().state(), SessionState::down);
}

TEST_F(SessionTest, DeadlinesAreKeptByTheCaller) {
  meet();
  EXPECT_GT(sa().deadline(), now - 1ms);
  EXPECT_LE(sa().deadline(), now + SessionTiming{}.keepalive);
  cut_a_to_b = true;
  tell(a, {record(1)});
  exchange();
  EXPECT_LE(sa().deadline(), now + StreamSender::kMaxTimeout);
}

}  // namespace
}  // namespace carpool::mirror
