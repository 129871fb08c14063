// What the thread of the hellos tells of itself, for status.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "controlplane/peer/hello_message.h"
#include "controlplane/peer/hello_session.h"
#include "dataplane/base/time.h"

namespace carpool::hello {

struct Snapshot {
  bool has_peer = false;    // another carpool was heard
  bool peer_ended = false;  // and said goodbye
  std::vector<LinkReport> links;
  std::array<std::uint64_t, kDrops> dropped{};
  std::string priority;         // "real-time", or "normal" and why
  Duration latest_turn{};       // by how much the thread was late at most, in the last minutes
  std::uint64_t not_taken = 0;  // hellos for which the data plane had no room
};

}  // namespace carpool::hello
