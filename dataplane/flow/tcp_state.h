// What we need to know of a TCP connection's life: enough to time it out rightly, not to police it.
// Endpoints check sequence numbers; we forward, and remember how far the connection has come (RFC
// 9293, 3.3.2).
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
  established,
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
    "free",           "syn_sent",       "syn_received", "established",
    "client_closing", "server_closing", "closed",       "reset"};

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
    /* established: a stray SYN is answered by the endpoint (challenge ACK, RFC 5961) and
       changes nothing here. */
    {established, established, client_closing, reset, established, established, server_closing,
     reset},
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

// Counts against the half-open budget.
[[nodiscard]] constexpr bool is_half_open(TcpState state) {
  return state == TcpState::syn_sent || state == TcpState::syn_received;
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
