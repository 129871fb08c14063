// One connection, in one cache line. Both directions are found through their own key and share this
// record; what a packet of one direction is rewritten to is the key of the other direction, turned
// round.
#pragma once

#include <bit>
#include <cstdint>

#include "dataplane/abi/image.h"
#include "dataplane/flow/flow_key.h"
#include "dataplane/flow/tcp_state.h"
#include "dataplane/net/address.h"

namespace carpool::flow {

enum Direction : std::uint32_t {
  kFromClient = 0,  // client -> virtual address, leaves as local -> server
  kFromServer = 1,  // server -> local address (nat: client), leaves as virtual -> client
};

struct alignas(64) FlowRecord {
  // Keys by direction. Of a one-way flow only the first one is looked for, and the second says who
  // the server is: server -> client. While the record is free, addresses[0] links the free list.
  std::uint64_t addresses[2];
  std::uint32_t ports[2];
  // What replacing client by local and virtual by server adds to the checksums (adjust_checksum);
  // the way back is the complement.
  std::uint16_t ipv4_delta;
  std::uint16_t transport_delta;
  std::uint16_t service;  // indices of the forwarding image
  std::uint16_t server;
  std::uint16_t next_hop;  // towards the server
  std::uint8_t protocol;
  TcpState state;
  std::uint32_t last_seen_ms;   // wraps; compared by difference
  MacAddress client_mac;        // where the client's packets come from, and so where answers go
  std::uint8_t client_port_id;  // port they come in by
  std::uint8_t group : 5;
  abi::Forward forward : 3;
  // Half-open flows form a list, oldest first: the records before and after this one. The others
  // remember what the peer was told of them.
  union {
    std::uint32_t older;
    std::uint32_t told_ms;  // last_seen_ms as last told
  };
  union {
    std::uint32_t newer;
    std::uint32_t is_told;  // 0: the peer does not know how the flow stands
  };
  union {
    std::uint32_t reserved[2];  // sequence tracking
    std::uint32_t replies_due;  // UDP: datagrams that the server still owes; 0: not counted
  };

  [[nodiscard]] bool is_one_way() const { return abi::is_one_way(forward); }
  [[nodiscard]] FlowKey key(Direction direction) const {
    return {addresses[direction], ports[direction], protocol};
  }
  [[nodiscard]] bool matches(const FlowKey& wanted, Direction direction) const {
    return ((addresses[direction] ^ wanted.addresses) | (ports[direction] ^ wanted.ports) |
            (protocol ^ wanted.protocol)) == 0 &&
           state != TcpState::free;
  }
  [[nodiscard]] std::uint32_t age_ms(std::uint32_t now_ms) const { return now_ms - last_seen_ms; }
};
static_assert(sizeof(FlowRecord) == 64);
static_assert(abi::kMaxGroups <= 1u << 5 && static_cast<unsigned>(abi::Forward::count) <= 1u << 3);

}  // namespace carpool::flow
