#include "dataplane/flow/tcp_state.h"

#include <initializer_list>

#include <gtest/gtest.h>

namespace carpool::flow {
namespace {

using enum TcpState;
using TcpEvent::client_syn, TcpEvent::client_ack, TcpEvent::client_fin, TcpEvent::client_rst;
using TcpEvent::server_syn, TcpEvent::server_ack, TcpEvent::server_fin, TcpEvent::server_rst;

TcpState after(std::initializer_list<TcpEvent> events) {
  TcpState state = syn_sent;
  for (const TcpEvent event : events)
    state = next_state(state, event);
  return state;
}

TEST(TcpState, HandshakeEndsWithTheClientsAck) {
  EXPECT_EQ(after({client_syn}), syn_sent);
  EXPECT_EQ(after({server_syn}), syn_received);
  EXPECT_EQ(after({server_syn, server_syn}), syn_received);
  EXPECT_EQ(after({server_syn, client_ack}), established);
}

// A spoofed SYN never gets past half-open, whatever the server sends.
TEST(TcpState, OnlyTheClientCanLeaveHalfOpen) {
  for (const TcpEvent event : {server_syn, server_ack}) {
    EXPECT_TRUE(is_half_open(after({server_syn, event})));
  }
}

TEST(TcpState, ClosesFromEitherSide) {
  EXPECT_EQ(after({server_syn, client_ack, client_fin}), client_closing);
  EXPECT_EQ(after({server_syn, client_ack, server_fin}), server_closing);
  EXPECT_EQ(after({server_syn, client_ack, client_fin, server_ack, server_fin}), closed);
  EXPECT_EQ(after({server_syn, client_ack, server_fin, client_ack, client_fin, server_ack}),
            closed);
}

TEST(TcpState, ResetEndsWhatIsOpen) {
  for (const auto state : {syn_received, established, client_closing, server_closing, closed}) {
    EXPECT_EQ(next_state(state, client_rst), reset);
    EXPECT_EQ(next_state(state, server_rst), reset);
  }
  EXPECT_EQ(next_state(syn_sent, server_rst), reset);
}

// What the client resets before the server's SYN is an older connection; its own goes on.
TEST(TcpState, ClientsResetOfAChallengeIsNotTheEnd) {
  EXPECT_EQ(after({server_ack, client_rst, client_syn, server_syn, client_ack}), established);
}

// A challenge ACK of a server in TIME_WAIT must not look like a handshake.
TEST(TcpState, BareAckDoesNotOpen) {
  EXPECT_EQ(after({server_ack, client_ack}), syn_sent);
}

TEST(TcpState, FlagsToEvents) {
  EXPECT_EQ(tcp_event(kTcpSyn, 0), client_syn);
  EXPECT_EQ(tcp_event(kTcpSyn | kTcpAck, 1), server_syn);
  EXPECT_EQ(tcp_event(kTcpFin | kTcpAck, 0), client_fin);
  EXPECT_EQ(tcp_event(kTcpRst | kTcpAck, 1), server_rst);
  EXPECT_EQ(tcp_event(kTcpPsh | kTcpAck, 1), server_ack);
  EXPECT_EQ(tcp_event(0, 0), client_ack);
}

TEST(TcpState, OnlyClosingStatesReopen) {
  EXPECT_FALSE(is_reopening(established));
  EXPECT_FALSE(is_reopening(syn_sent));
  for (const auto state : {client_closing, server_closing, closed, reset}) {
    EXPECT_TRUE(is_reopening(state));
  }
}

TEST(UdpState, LeavesHalfOpenByAnAnswerOnly) {
  EXPECT_EQ(next_state(udp_asked, client_syn), udp_asked);
  EXPECT_TRUE(is_half_open(udp_asked));
  EXPECT_EQ(next_state(udp_asked, server_syn), udp_answered);
  EXPECT_FALSE(is_half_open(udp_answered));
  EXPECT_TRUE(is_open(udp_answered));
}

TEST(UdpState, EndsWithTheLastAnswer) {
  EXPECT_EQ(next_state(udp_asked, server_fin), closed);
  EXPECT_EQ(next_state(udp_answered, server_fin), closed);
  EXPECT_TRUE(is_reopening(closed));
}

// No event leads from the states of one protocol to those of the other.
TEST(UdpState, IsApartFromTcp) {
  for (std::size_t state = 0; state < kTcpStates; ++state) {
    for (std::size_t event = 0; event < kTcpEvents; ++event) {
      const auto from = static_cast<TcpState>(state);
      const auto to = next_state(from, static_cast<TcpEvent>(event));
      const bool is_udp = from == udp_asked || from == udp_answered;
      if (from != closed) {
        EXPECT_TRUE(is_state_of(is_udp ? kProtocolUdp : kProtocolTcp, to));
      }
    }
  }
}

}  // namespace
}  // namespace carpool::flow
