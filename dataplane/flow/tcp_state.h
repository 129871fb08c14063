// What we need to know of a connection's life: enough to time it out rightly, not to police it.
// Endpoints check sequence numbers; we forward, and remember how far the connection has come (RFC
// 9293, 3.3.2). UDP has states of its own in the same table, so that every flow moves on by one
// look-up: a datagram counts as a SYN, for any of them may be the first, and the last answer that
// is expected as a FIN.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "dataplane/net/headers.h"

namespace carpool::flow {

enum class TcpState : std::uint8_t {
  free,          // the record is not in use
  syn_sent,      // the client's SYN went to the server
  syn_received,  // the server has answered; the client has yet to show that it is real
  one_way_syn,   // as syn_sent, where the server's packets do not pass by here
  udp_asked,     // no datagram from the server yet
  established,
  udp_answered,
  client_closing,  // FIN from the client
  server_closing,  // FIN from the server
  closed,          // FIN from both
  reset,           // RST from either
  count,
};

enum class TcpEvent : std::uint8_t {
  client_syn,
  client_ack,
  client_fin,
  client_rst,
  server_syn,
  server_ack,
  server_fin,
  server_rst,
  count,
};

inline constexpr std::size_t kTcpStates = static_cast<std::size_t>(TcpState::count);
inline constexpr std::size_t kTcpEvents = static_cast<std::size_t>(TcpEvent::count);

inline constexpr std::array<std::string_view, kTcpStates> kTcpStateNames = {
    "free",         "syn_sent",       "syn_received",   "one_way_syn", "udp_asked", "established",
    "udp_answered", "client_closing", "server_closing", "closed",      "reset"};

namespace detail {
using enum TcpState;
// A SYN from the client in closed or reset is a new connection that reuses the port numbers; the
// caller looks for it before it asks this table (is_reopening).
inline constexpr std::array<std::array<TcpState, kTcpEvents>, kTcpStates> kTcpTransitions = {{
    // client: syn,       ack,            fin,            rst;   server: syn,   ack, fin, rst
    /* free: no packet finds it. */
    {free, free, free, free, free, free, free, free},
    /* syn_sent: only the server's SYN moves it on. A server that still holds an older connection on
       these ports (of a node that died, or in TIME_WAIT) answers with a bare ACK; the client
       resets that one and sends its SYN again, which must find the same server and port. */
    {syn_sent, syn_sent, syn_sent, syn_sent, syn_received, syn_sent, syn_sent, reset},
    /* syn_received: the client's ACK proves that its address is its own; until then the flow
       counts as half-open. */
    {syn_received, established, client_closing, reset, syn_received, syn_received, server_closing,
     reset},
    /* one_way_syn: the client's ACK is all that there is to see of the server's agreement. From
       here on the rows below hold, in which only the client's events ever come; a connection that
       the server closes first, or resets, idles out. */
    {one_way_syn, established, client_closing, reset, one_way_syn, one_way_syn, one_way_syn,
     one_way_syn},
    /* udp_asked: whoever sends with an address that is not its own never gets further, so it counts
       as half-open. So does a service that does not answer at all, like syslog: being pushed out
       costs it nothing, as the next datagram opens its flow again. */
    {udp_asked, udp_asked, udp_asked, udp_asked, udp_answered, udp_asked, closed, udp_asked},
    /* established: a stray SYN is answered by the endpoint (challenge ACK, RFC 5961) and
       changes nothing here. */
    {established, established, client_closing, reset, established, established, server_closing,
     reset},
    /* udp_answered */
    {udp_answered, udp_answered, udp_answered, udp_answered, udp_answered, udp_answered, closed,
     udp_answered},
    /* client_closing: half-closed connections may go on for long; only the server's FIN
       completes them. */
    {client_closing, client_closing, client_closing, reset, client_closing, client_closing, closed,
     reset},
    /* server_closing */
    {server_closing, server_closing, closed, reset, server_closing, server_closing, server_closing,
     reset},
    /* closed: last ACKs and retransmitted FINs. */
    {closed, closed, closed, reset, closed, closed, closed, reset},
    /* reset: packets that were on their way. They refresh the (short) timer, so a forged RST
       that the endpoints ignored does not cut a connection that is in use. */
    {reset, reset, reset, reset, reset, reset, reset, reset},
}};
}  // namespace detail

// Flags of a packet -> event. RST counts before FIN before SYN. `from_server` is 0 or 1.
[[nodiscard]] constexpr TcpEvent tcp_event(std::uint8_t flags, unsigned from_server) {
  const unsigned base = from_server * 4;
  if (flags & kTcpRst) return static_cast<TcpEvent>(base + 3);
  if (flags & kTcpFin) return static_cast<TcpEvent>(base + 2);
  if (flags & kTcpSyn) return static_cast<TcpEvent>(base);
  return static_cast<TcpEvent>(base + 1);
}

[[nodiscard]] constexpr TcpState next_state(TcpState state, TcpEvent event) {
  return detail::kTcpTransitions[static_cast<std::size_t>(state)][static_cast<std::size_t>(event)];
}

// Whether a flow of this protocol can be in this state.
[[nodiscard]] constexpr bool is_state_of(std::uint8_t protocol, TcpState state) {
  const bool is_udp_state = state == TcpState::udp_asked || state == TcpState::udp_answered;
  const bool is_of_both = state == TcpState::free || state == TcpState::closed;
  return is_of_both || is_udp_state == (protocol == kProtocolUdp);
}

// Counts against the half-open budget.
[[nodiscard]] constexpr bool is_half_open(TcpState state) {
  return state >= TcpState::syn_sent && state <= TcpState::udp_asked;
}
// A connection that its server holds open (what `active` counts).
[[nodiscard]] constexpr bool is_open(TcpState state) {
  return state >= TcpState::syn_sent && state <= TcpState::server_closing;
}
// May give up its record and its source port when they are needed.
[[nodiscard]] constexpr bool is_over(TcpState state) {
  return state >= TcpState::closed;
}
// A client's SYN on such a flow begins a new connection.
[[nodiscard]] constexpr bool is_reopening(TcpState state) {
  return state >= TcpState::client_closing;
}

}  // namespace carpool::flow
