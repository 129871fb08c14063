// The life of a connection: its states packet by packet, and when it is forgotten.

#include <functional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/golden/bed.h"

namespace carpool::test {
namespace {

constexpr Endpoint kClient{Ipv4Address::of(198, 51, 100, 7), 40'123};
constexpr unsigned kSynAck = kTcpSyn | kTcpAck;
constexpr unsigned kFinAck = kTcpFin | kTcpAck;
constexpr unsigned kRstAck = kTcpRst | kTcpAck;

// Transcript: who sends which flags, and the state after it. All are forwarded.
struct Step {
  enum Side { client, server } side;
  unsigned flags;
  TcpState after;
};
using enum Step::Side;

void play(Bed& bed, const std::vector<Step>& steps) {
  Connection connection(bed, kClient, kMysql);
  ASSERT_EQ(connection.opened().verdict, Verdict::to_server);
  ASSERT_EQ(connection.state(), TcpState::syn_sent);
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const auto& [side, flags, after] = steps[i];
    const Outcome out =
        side == client ? connection.from_client(flags) : connection.from_server(flags);
    EXPECT_EQ(out.verdict, side == client ? Verdict::to_server : Verdict::to_client)
        << "step " << i;
    EXPECT_TRUE(read_tcp(out.frame)->checksums_hold) << "step " << i;
    EXPECT_EQ(connection.state(), after) << "step " << i;
  }
}

TEST(Connection, ClientClosesFirst) {
  Bed bed;
  play(bed, {{server, kSynAck, TcpState::syn_received},
             {client, kTcpAck, TcpState::established},
             {client, kTcpAck | kTcpPsh, TcpState::established},
             {server, kTcpAck, TcpState::established},
             {server, kTcpAck | kTcpPsh, TcpState::established},
             {client, kFinAck, TcpState::client_closing},
             {server, kTcpAck, TcpState::client_closing},
             {server, kTcpAck | kTcpPsh, TcpState::client_closing},
             {server, kFinAck, TcpState::closed},
             {client, kTcpAck, TcpState::closed}});
}

TEST(Connection, ServerClosesFirst) {
  Bed bed;
  play(bed, {{server, kSynAck, TcpState::syn_received},
             {client, kTcpAck, TcpState::established},
             {server, kFinAck, TcpState::server_closing},
             {client, kTcpAck | kTcpPsh, TcpState::server_closing},
             {client, kFinAck, TcpState::closed},
             {server, kTcpAck, TcpState::closed},
             {server, kFinAck, TcpState::closed}});  // retransmitted
}

TEST(Connection, EitherSideResets) {
  for (const auto side : {client, server}) {
    Bed bed;
    play(bed, {{server, kSynAck, TcpState::syn_received},
               {client, kTcpAck, TcpState::established},
               {side, kRstAck, TcpState::reset},
               {client, kTcpAck, TcpState::reset}});
    EXPECT_EQ(bed.server(kDb1Index).resets.get(), side == server ? 1u : 0u);
    EXPECT_EQ(bed.server(kDb1Index).active.get(), 0u);
  }
}

TEST(Connection, ServerRefuses) {
  Bed bed;
  play(bed, {{server, kRstAck, TcpState::reset}});
  EXPECT_EQ(bed.server(kDb1Index).refused.get(), 1u);
  EXPECT_EQ(bed.server(kDb1Index).resets.get(), 0u);
}

// What is counted of a server beside its packets: transcripts, and the counters after them.
TEST(Connection, MishapsAreCountedForTheServer) {
  struct Case {
    const char* what;
    std::vector<Step> steps;
    std::uint64_t answered, refused, resets, syn_retransmits, answer_retransmits;
  };
  const Step answer{server, kSynAck, TcpState::syn_received};
  const Step ack{client, kTcpAck, TcpState::established};
  const Case cases[] = {
      {"a SYN alone", {}, 0, 0, 0, 0, 0},
      {"a handshake and data",
       {answer, ack, ack, {server, kTcpAck, TcpState::established}},
       1,
       0,
       0,
       0,
       0},
      {"SYNs sent again, before and after the answer",
       {{client, kTcpSyn, TcpState::syn_sent}, answer, {client, kTcpSyn, TcpState::syn_received}},
       1,
       0,
       0,
       2,
       0},
      {"the answer sent again", {answer, answer, answer, ack}, 1, 0, 0, 0, 2},
      {"refused",
       {{server, kRstAck, TcpState::reset}, {server, kRstAck, TcpState::reset}},
       0,
       1,
       0,
       0,
       0},
      {"reset after it agreed", {answer, {server, kRstAck, TcpState::reset}}, 1, 0, 1, 0, 0},
      {"reset by the client", {answer, ack, {client, kRstAck, TcpState::reset}}, 1, 0, 0, 0, 0},
      {"a stray SYN of an established connection",
       {answer, ack, {client, kTcpSyn, TcpState::established}},
       1,
       0,
       0,
       0,
       0},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.what);
    Bed bed;
    play(bed, c.steps);
    const auto& counted = bed.server(kDb1Index);
    EXPECT_EQ(counted.connections.get(), 1u);
    EXPECT_EQ(counted.answered.get(), c.answered);
    EXPECT_EQ(counted.refused.get(), c.refused);
    EXPECT_EQ(counted.resets.get(), c.resets);
    EXPECT_EQ(counted.syn_retransmits.get(), c.syn_retransmits);
    EXPECT_EQ(counted.answer_retransmits.get(), c.answer_retransmits);
    EXPECT_EQ(counted.connect_timeouts.get(), 0u);
  }
}

// From the last SYN on: an answer to the second one is not a late answer to the first.
TEST(Connection, AnswersAreCountedByTheirTime) {
  struct Case {
    std::uint32_t ms;
    std::size_t time;
  };
  for (const auto& [ms, time] : {Case{0, 0}, {1, 1}, {3, 1}, {4, 2}, {100, 4}, {4000, 6}}) {
    SCOPED_TRACE(ms);
    Bed bed;
    Connection connection(bed, kClient, kMysql);
    bed.advance_ms(1000);
    connection.from_client(kTcpSyn);
    bed.advance_ms(ms);
    connection.from_server(kSynAck);
    connection.from_server(kSynAck);
    for (std::size_t other = 0; other < abi::kAnswerTimes; ++other)
      EXPECT_EQ(bed.server(kDb1Index).answer_times[other].get(), other == time ? 1u : 0u) << other;
  }
  EXPECT_EQ(abi::answer_time_class(4096), abi::kAnswerTimes - 1);
  EXPECT_EQ(abi::answer_time_class(~0u), abi::kAnswerTimes - 1);
}

TEST(Connection, RetransmissionsChangeNothing) {
  Bed bed;
  play(bed, {{client, kTcpSyn, TcpState::syn_sent},
             {server, kSynAck, TcpState::syn_received},
             {client, kTcpSyn, TcpState::syn_received},
             {server, kSynAck, TcpState::syn_received},
             {client, kTcpAck, TcpState::established},
             {client, kTcpSyn, TcpState::established},
             {server, kSynAck, TcpState::established}});
  EXPECT_EQ(bed.counters().flows_created.get(), 1u);
}

TEST(Connection, ARetransmittedSynGoesTheSameWay) {
  Bed bed;
  Connection connection(bed, kClient, kWeb);
  EXPECT_EQ(connection.from_client(kTcpSyn).frame, connection.opened().frame);
}

// A server that still holds an older connection on this source port answers a SYN with a bare ACK
// (RFC 5961, or TIME_WAIT). The client resets that connection and sends its SYN again, which must
// reach the server that has just been cleared, not the next one in turn.
TEST(Connection, ASynAfterAChallengedOneGoesTheSameWay) {
  Bed bed;
  Connection connection(bed, kClient, kWeb);
  EXPECT_EQ(connection.from_server(kTcpAck).verdict, Verdict::to_client);
  EXPECT_EQ(connection.from_client(kTcpRst).verdict, Verdict::to_server);
  EXPECT_EQ(connection.from_client(kTcpSyn).frame, connection.opened().frame);
  EXPECT_EQ(bed.counters().flows_created.get(), 1u);
  EXPECT_EQ(connection.from_server(kSynAck).verdict, Verdict::to_client);
}

TEST(Connection, ActiveCountsFromSynToTheLastFin) {
  Bed bed;
  const auto active = [&] { return bed.server(kDb1Index).active.get(); };
  Connection connection(bed, kClient, kMysql);
  EXPECT_EQ(active(), 1u);
  (void)connection.from_server(kSynAck);
  (void)connection.from_client(kTcpAck);
  (void)connection.from_client(kFinAck);
  EXPECT_EQ(active(), 1u);
  (void)connection.from_server(kFinAck);
  EXPECT_EQ(active(), 0u);
  bed.advance_ms(kClosedTimeoutMs + 1);
  bed.sweep_all();
  EXPECT_EQ(active(), 0u);
}

// Each state's idle time: on the last millisecond the flow is known, one later it is forgotten.
TEST(Expiry, EveryStateHasItsTimeout) {
  struct Case {
    TcpState state;
    std::uint32_t timeout_ms;
    std::function<void(Connection&)> reach;
  };
  const auto establish = [](Connection& connection) {
    (void)connection.from_server(kSynAck);
    (void)connection.from_client(kTcpAck);
  };
  const std::vector<Case> cases = {
      {TcpState::syn_sent, kConnectTimeoutMs, [](Connection&) {}},
      {TcpState::syn_received, kConnectTimeoutMs, [](auto& c) { (void)c.from_server(kSynAck); }},
      {TcpState::established, kEstablishedTimeoutMs, establish},
      {TcpState::client_closing, kClosingTimeoutMs,
       [&](auto& c) {
         establish(c);
         (void)c.from_client(kFinAck);
       }},
      {TcpState::server_closing, kClosingTimeoutMs,
       [&](auto& c) {
         establish(c);
         (void)c.from_server(kFinAck);
       }},
      {TcpState::closed, kClosedTimeoutMs,
       [&](auto& c) {
         establish(c);
         (void)c.from_server(kFinAck);
         (void)c.from_client(kFinAck);
       }},
      {TcpState::reset, kResetTimeoutMs,
       [&](auto& c) {
         establish(c);
         (void)c.from_client(kTcpRst);
       }},
  };
  for (const auto& [state, timeout_ms, reach] : cases) {
    SCOPED_TRACE(flow::kTcpStateNames[static_cast<std::size_t>(state)]);
    Bed bed;
    Connection connection(bed, kClient, kMysql);
    reach(connection);
    EXPECT_EQ(connection.state(), state);

    bed.advance_ms(timeout_ms);
    bed.sweep_all();
    EXPECT_EQ(connection.state(), state);
    EXPECT_EQ(bed.counters().flows_live.get(), 1u);

    bed.advance_ms(1);
    bed.sweep_all();
    EXPECT_EQ(connection.state(), TcpState::free);
    EXPECT_EQ(bed.state_of(connection.server(), connection.local()), TcpState::free);
    EXPECT_EQ(bed.counters().flows_live.get(), 0u);
    EXPECT_EQ(bed.counters().flows_half_open.get(), 0u);
    EXPECT_EQ(bed.counters().flows_expired.get(), 1u);
    EXPECT_EQ(bed.server(kDb1Index).active.get(), 0u);
    EXPECT_EQ(bed.server(kDb1Index).connect_timeouts.get(), state == TcpState::syn_sent ? 1u : 0u);
  }
}

TEST(Expiry, EitherDirectionKeepsAFlow) {
  Bed bed;
  Connection connection = Connection::established(bed, kClient, kMysql);
  for (int i = 0; i < 10; ++i) {
    bed.advance_ms(kEstablishedTimeoutMs - 1);
    bed.sweep_all();
    const Outcome out =
        i % 2 == 0 ? connection.from_client(kTcpAck) : connection.from_server(kTcpAck);
    EXPECT_EQ(out.verdict, i % 2 == 0 ? Verdict::to_server : Verdict::to_client);
  }
}

// Time is 32 bits of milliseconds and wraps after seven weeks.
TEST(Expiry, SurvivesTheWrapOfTime) {
  Bed bed;
  bed.advance_ms(~std::uint32_t{0} - 1'000'000 - 50'000);  // 50 s before it
  Connection connection = Connection::established(bed, kClient, kMysql);
  bed.advance_ms(kEstablishedTimeoutMs);
  bed.sweep_all();
  EXPECT_EQ(connection.state(), TcpState::established);
  bed.advance_ms(1);
  bed.sweep_all();
  EXPECT_EQ(connection.state(), TcpState::free);
}

// The server's link-layer address may take a while to be found out: the flow waits for it as long
// as for an answer, and the client's next SYN goes the same way.
TEST(Expiry, AFlowWithoutNextHopLivesAsLongAsItsHandshakeMay) {
  ImageContent content = usual_content();
  content.next_hops[3].resolved = 0;
  Bed bed({}, content);
  Connection connection(bed, kClient, kMysql);
  EXPECT_EQ(connection.opened().verdict, Verdict::next_hop_unresolved);
  bed.sweep_all();
  EXPECT_EQ(connection.state(), TcpState::syn_sent);
  bed.advance_ms(1000);
  bed.install(usual_content());
  EXPECT_EQ(connection.from_client(kTcpSyn).verdict, Verdict::to_server);
  EXPECT_EQ(bed.counters().flows_created.get(), 1u);
}

// A client that uses its port again starts anew wherever the old connection is over or ending.
TEST(Reuse, ASynOnAnEndedConnectionOpensANewOne) {
  const std::vector<std::pair<TcpState, std::vector<Step>>> endings = {
      {TcpState::reset, {{client, kTcpRst, TcpState::reset}}},
      {TcpState::closed,
       {{client, kFinAck, TcpState::client_closing}, {server, kFinAck, TcpState::closed}}},
      {TcpState::client_closing, {{client, kFinAck, TcpState::client_closing}}},
      {TcpState::server_closing, {{server, kFinAck, TcpState::server_closing}}},
  };
  for (const auto& [state, ending] : endings) {
    SCOPED_TRACE(flow::kTcpStateNames[static_cast<std::size_t>(state)]);
    Bed bed;
    Connection old = Connection::established(bed, kClient, kWeb);
    for (const auto& [side, flags, after] : ending)
      (void)(side == client ? old.from_client(flags) : old.from_server(flags));
    ASSERT_EQ(old.state(), state);

    Connection fresh = Connection::established(bed, kClient, kWeb);
    EXPECT_EQ(fresh.state(), TcpState::established);
    EXPECT_EQ(bed.counters().flows_created.get(), 2u);
    EXPECT_NE(fresh.server(), old.server()) << "round robin goes on";
    EXPECT_EQ(bed.state_of(old.server(), old.local()), TcpState::free);
    bed.sweep_all();
    EXPECT_EQ(bed.counters().flows_live.get(), 1u);
    EXPECT_EQ(bed.server(kWeb1Index).active.get() + bed.server(kWeb2Index).active.get(), 1u);
  }
}

// The same client port towards the same server: the server sees the same source port, and so a
// connection that it may still hold in TIME_WAIT.
TEST(Reuse, KeepsTheSourcePort) {
  Bed bed;
  Connection old = Connection::established(bed, kClient, kMysql);
  (void)old.from_client(kFinAck);
  (void)old.from_server(kFinAck);
  Connection fresh(bed, kClient, kMysql);
  EXPECT_EQ(fresh.local(), old.local());
}

}  // namespace
}  // namespace carpool::test
