// How the mirroring is: what status, metrics and the appliance's decisions are made from.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "controlplane/mirror/bulk.h"
#include "controlplane/mirror/counters.h"
#include "controlplane/mirror/message.h"
#include "controlplane/mirror/session.h"
#include "dataplane/base/time.h"

namespace carpool::mirror {

struct Snapshot {
  SessionState state = SessionState::down;
  Instant since;                 // of that state
  std::optional<Instant> heard;  // when the peer was heard last
  NodeStatus peer;               // what it said of itself then
  bool digests_differ = false;
  std::uint16_t key_id = 0;       // that this node seals with
  std::uint16_t peer_key_id = 0;  // that the peer does; 0: not heard yet

  // What this node has to tell and the peer has not acknowledged.
  std::uint64_t lag_records = 0;
  Duration lag{};  // how long the oldest of it has waited
  std::size_t window = 0;

  // What this node asked the peer for, and the peer this node.
  BulkState inbound = BulkState::none;
  Instant inbound_began;
  Duration inbound_took{};
  std::uint64_t inbound_records = 0;
  BulkFailure inbound_failure{};  // where it failed
  BulkState outbound = BulkState::none;

  // What the peer thinks of the servers, as far as it has told; never null.
  std::shared_ptr<const PeerViews> peer_views = std::make_shared<PeerViews>();
  std::vector<std::string> unknown;  // "service 'web'": what the peer has and this node has not
  Counters counters;

  // Everything that the peer had has arrived here, and since then the peer was able to tell
  // everything. Also true of a peer that is gone.
  [[nodiscard]] bool in_sync() const { return inbound == BulkState::complete; }
};

}  // namespace carpool::mirror
