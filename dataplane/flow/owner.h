// Which worker owns a flow, from either direction and without a shared table: the client's end
// hashes to one of 64 slots, local source ports are chosen congruent to the slot modulo 64, and a
// slot belongs to one worker. The slot does not depend on how many workers a node has, so both
// nodes of a pair agree on it.
#pragma once

#include <cstdint>

#include "dataplane/abi/limits.h"
#include "dataplane/flow/flow_key.h"

namespace carpool::flow {

[[nodiscard]] constexpr std::uint32_t slot_of_client(Ipv4Address client, be16 port,
                                                     const HashSecret& shared_secret) {
  const std::uint64_t mixed = fold_multiply(client.value.raw() ^ shared_secret.words[0],
                                            port.raw() ^ shared_secret.words[1]);
  return static_cast<std::uint32_t>(mixed >> 16) % abi::kSlots;
}

[[nodiscard]] constexpr std::uint32_t slot_of_local_port(be16 port) {
  return port.host() % abi::kSlots;
}

}  // namespace carpool::flow
