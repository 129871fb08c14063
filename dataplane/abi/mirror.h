// Mirroring: what a worker tells of its connections so that the peer can go on with them, and what
// it is told of the peer's. The same element both ways; between the two nodes the control plane
// carries it, by name where an index is a node's own affair.
#pragma once

#include <cstdint>

#include "dataplane/abi/limits.h"
#include "dataplane/base/endian.h"
#include "dataplane/net/address.h"

namespace carpool::abi {

enum class MirrorKind : std::uint8_t {
  none,
  opened,     // established, or established again on this node after a takeover
  refreshed,  // still in use: age_ms counts anew
  ended,      // closed, reset, expired or pushed out
  bulk_end,   // serial: what this worker had when the bulk was asked for has all been told
};
inline constexpr std::size_t kMirrorKinds = 5;

// Every field is a state, none a step: a record may arrive twice, and the last one counts.
struct MirrorRecord {
  MirrorKind kind = MirrorKind::none;
  std::uint8_t protocol = 0;
  std::uint8_t tcp_state = 0;  // of flow::TcpState
  std::uint8_t slot = 0;       // share of the flow space that the flow is in, below kSlots
  std::uint32_t age_ms = 0;    // since the flow's last packet
  Ipv4Address client;
  Ipv4Address virtual_address;
  Ipv4Address local;
  Ipv4Address server_address;
  be16 client_port;
  be16 virtual_port;
  be16 local_port;
  be16 server_port;
  std::uint16_t service = 0;  // indices of the image of the node whose ring this is in
  std::uint16_t server = 0;
  MacAddress client_mac;  // where the client's packets came from
  std::uint16_t reserved = 0;
  std::uint32_t serial = 0;  // of a bulk; bulk_end only
  std::uint32_t reserved2[4] = {};
};
static_assert(sizeof(MirrorRecord) == 64);

// A flow's slot belongs to one worker of each node, whatever their numbers of workers.
[[nodiscard]] constexpr std::uint32_t owner_of_slot(std::uint32_t slot, std::uint32_t workers) {
  return slot % workers;
}

// The ring in which a worker tells, and the one in which it is told. Refreshes are dropped first:
// they leave this much of it to what matters more.
inline constexpr std::uint32_t kMirrorRingSize = 16'384;
inline constexpr std::uint32_t kMirrorRingForChanges = kMirrorRingSize / 2;

}  // namespace carpool::abi
