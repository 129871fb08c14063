// What an end of the mirroring counts, all since the start of this program.
#pragma once

#include <array>
#include <cstdint>

#include "controlplane/mirror/datagram.h"

namespace carpool::mirror {

struct Counters {
  // Datagrams.
  std::uint64_t sent = 0;
  std::uint64_t received = 0;  // and opened
  std::array<std::uint64_t, kDropReasons> dropped{};
  std::uint64_t send_errors = 0;
  std::uint64_t retransmitted = 0;  // items
  std::uint64_t duplicates = 0;     // items that had arrived already
  std::uint64_t paused = 0;         // items that came while the workers could take no more

  // Records of this node.
  std::uint64_t records_out = 0;        // given to the peer's stream
  std::uint64_t records_unheard = 0;    // there was no peer
  std::uint64_t records_nameless = 0;   // of a service that names say nothing of
  std::uint64_t refreshes_dropped = 0;  // too much was waiting for the peer
  std::uint64_t changes_lost = 0;       // likewise: the peer is asked to ask for all
  // Records of the peer.
  std::uint64_t records_in = 0;       // handed to the workers
  std::uint64_t records_unknown = 0;  // of a service or server that is unknown here
  std::uint64_t peer_gaps = 0;

  std::uint64_t sessions = 0;
  std::uint64_t bulks_received = 0;
  std::uint64_t bulks_sent = 0;
  std::uint64_t bulks_failed = 0;

  [[nodiscard]] std::uint64_t& drops(DropReason reason) {
    return dropped[static_cast<std::size_t>(reason)];
  }
  [[nodiscard]] std::uint64_t drops(DropReason reason) const {
    return dropped[static_cast<std::size_t>(reason)];
  }
};

}  // namespace carpool::mirror
