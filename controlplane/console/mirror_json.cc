#include "controlplane/console/mirror_json.h"

#include <string_view>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "controlplane/runtime/join.h"

namespace carpool::console {
namespace {

using json = nlohmann::ordered_json;
using mirror::BulkState;
using mirror::SessionState;
using mirror::Snapshot;

double seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

// In one word what the peer's connections here are worth.
std::string_view state_of(const Snapshot& from) {
  if (from.state != SessionState::up) return "alone";
  if (from.inbound == BulkState::complete) return "in sync";
  return from.inbound == BulkState::failed ? "out of sync" : "synchronising";
}

json drops_json(const mirror::Counters& counters) {
  json drops = json::object();
  for (std::size_t reason = 0; reason < mirror::kDropReasons; ++reason) {
    if (counters.dropped[reason] == 0) continue;
    drops[std::string(name(static_cast<mirror::DropReason>(reason)))] = counters.dropped[reason];
  }
  return drops;
}

json bulk_json(const Snapshot& from) {
  json bulk = {{"state", name(from.inbound)},
               {"records", from.inbound_records},
               {"took_s", seconds(from.inbound_took)}};
  if (from.inbound == BulkState::failed) bulk["why"] = text(from.inbound_failure);
  return bulk;
}

}  // namespace

json mirror_json(const std::optional<Snapshot>& mirroring, const std::string& why_off,
                 const link::WorkerTotals& workers, Instant now) {
  if (!mirroring) return {{"state", "off"}, {"why", why_off}};
  const Snapshot& from = *mirroring;
  const mirror::Counters& counters = from.counters;
  json result = {{"state", state_of(from)},
                 {"since_s", seconds(now - from.since)},
                 {"peer", from.peer.node},
                 {"peer_claims", from.peer.claims},
                 {"digests_differ", from.digests_differ},
                 {"key_id", from.key_id},
                 {"peer_key_id", from.peer_key_id}};
  if (from.heard) result["heard_s"] = seconds(now - *from.heard);
  result["lag_records"] = from.lag_records;
  result["lag_s"] = seconds(from.lag);
  result["bulk"] = bulk_json(from);
  result["told"] = {
      {"records", counters.records_out},
      {"unheard", counters.records_unheard},
      {"refreshes_dropped", counters.refreshes_dropped + workers.mirror_refreshes_skipped},
      {"delayed", workers.mirror_changes_delayed},
      {"lost", counters.changes_lost + workers.mirror_ends_lost}};
  result["learned"] = {{"records", counters.records_in},      {"taken", workers.mirror_learned},
                       {"refused", workers.mirror_refused},   {"outdated", workers.mirror_outdated},
                       {"unknown", counters.records_unknown}, {"no_room", workers.mirror_no_room}};
  result["unknown"] = from.unknown;
  result["datagrams"] = {{"sent", counters.sent},
                         {"received", counters.received},
                         {"retransmitted_items", counters.retransmitted},
                         {"send_errors", counters.send_errors},
                         {"dropped", drops_json(counters)}};
  return result;
}

std::optional<std::string> mirror_problem(const std::optional<Snapshot>& mirroring) {
  if (!mirroring) return std::nullopt;
  const Snapshot& from = *mirroring;
  if (from.state != SessionState::up) {
    return "the peer is not heard on the peer link: connections are not mirrored, and would be "
           "lost with this node";
  }
  if (from.inbound == BulkState::failed) {
    return fmt::format("{} could not tell all of its connections: {}", from.peer.node,
                       text(from.inbound_failure));
  }
  if (!from.unknown.empty()) {
    return fmt::format(
        "{} has what this node does not know, so these connections are not "
        "mirrored: {}",
        from.peer.node, joined(from.unknown, ", "));
  }
  if (from.digests_differ) {
    return fmt::format("{} runs another configuration", from.peer.node);
  }
  return std::nullopt;
}

}  // namespace carpool::console
