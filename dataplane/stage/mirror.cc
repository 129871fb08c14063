// Mirror: the peer is told of connections once they are established and once they are over, and now
// and then that they are still in use; what the peer tells of its own is taken up, so that after a
// takeover they are there already.
//
// Only the holder of a group tells, and only who does not hold it learns. Where the ring is full
// nothing waits: the record remembers that the peer does not know, and the sweep tells it again.
#include <algorithm>

#include "dataplane/flow/owner.h"
#include "dataplane/stage/pipeline.h"
#include "dataplane/stage/rewrite.h"

namespace carpool::stage {
namespace {

// Of a connection in use: often enough that the peer's copy never comes near its timeout.
constexpr std::uint32_t kRefreshesPerTimeout = 4;
constexpr std::uint32_t kShortestRefreshMs = 1'000;
constexpr std::uint32_t kLongestRefreshMs = 60'000;

// Records that a bulk looks at per turn of a worker, which is about what a batch of packets costs.
constexpr std::uint32_t kBulkRecordsPerTurn = 128;
constexpr std::uint32_t kBulkPrefetch = 16;

std::uint32_t refresh_interval_ms(std::uint32_t timeout_ms) {
  return std::clamp(timeout_ms / kRefreshesPerTimeout, kShortestRefreshMs, kLongestRefreshMs);
}

abi::MirrorRecord to_told(const flow::FlowRecord& record, abi::MirrorKind kind,
                          std::uint32_t now_ms, const flow::HashSecret& shared_secret) {
  const flow::FlowKey client = record.key(flow::kFromClient);
  const flow::FlowKey server = record.key(flow::kFromServer);
  abi::MirrorRecord told;
  told.kind = kind;
  told.protocol = record.protocol;
  told.tcp_state = static_cast<std::uint8_t>(record.state);
  told.slot = static_cast<std::uint8_t>(
      flow::slot_of_client(client.source(), client.source_port(), shared_secret));
  told.age_ms = record.age_ms(now_ms);
  told.client = client.source();
  told.virtual_address = client.destination();
  told.local = server.destination();
  told.server_address = server.source();
  told.client_port = client.source_port();
  told.virtual_port = client.destination_port();
  told.local_port = server.destination_port();
  told.server_port = server.source_port();
  told.service = record.service;
  told.server = record.server;
  told.client_mac = record.client_mac;
  return told;
}

flow::FlowKey client_key(const abi::MirrorRecord& told) {
  return flow::FlowKey::of(told.client, told.client_port, told.virtual_address, told.virtual_port,
                           told.protocol);
}
flow::FlowKey server_key(const abi::MirrorRecord& told) {
  return flow::FlowKey::of(told.server_address, told.server_port, told.local, told.local_port,
                           told.protocol);
}

flow::TcpState state_of(const abi::MirrorRecord& told) {
  return static_cast<flow::TcpState>(told.tcp_state);
}

}  // namespace

// ------------------------------------------------------------------------------------- telling

bool Pipeline::is_mirrored(const flow::FlowRecord& record) const {
  return mirror_.on && holds(record.group) && image_.services()[record.service].mirror != 0;
}

bool Pipeline::push_told(flow::FlowRecord& record, abi::MirrorKind kind) {
  if (!mirror_.out.push(to_told(record, kind, now_ms_, shared_secret_))) return false;
  record.is_told = 1;
  record.told_ms = record.last_seen_ms;
  counters_.mirror_told.add(1);
  return true;
}

// The flow has just been established, or has just ended and keeps its record for a while.
void Pipeline::tell_change(flow::FlowRecord& record) {
  if (!is_mirrored(record)) return;
  record.is_told = 0;
  const auto kind = flow::is_over(record.state) ? abi::MirrorKind::ended : abi::MirrorKind::opened;
  if (!push_told(record, kind)) counters_.mirror_changes_delayed.add(1);
}

// The flow's record is about to go. That a flow was over has been told when it happened.
void Pipeline::tell_erased(flow::FlowRecord& record) {
  if (flow::is_half_open(record.state) || !is_mirrored(record)) return;
  if (flow::is_over(record.state) && record.is_told != 0) return;
  if (!push_told(record, abi::MirrorKind::ended)) counters_.mirror_ends_lost.add(1);
}

// What the ring had no room for, and that the flow is in use. Changes go before refreshes.
void Pipeline::tell_again(flow::FlowRecord& record) {
  if (flow::is_half_open(record.state) || !is_mirrored(record)) return;
  if (record.is_told == 0) return tell_change(record);
  if (flow::is_over(record.state)) return;
  const std::uint32_t used_for_ms = record.last_seen_ms - record.told_ms;
  if (used_for_ms < refresh_interval_ms(timeout_ms(record))) return;
  const bool has_room = mirror_.out.room() > abi::kMirrorRingForChanges;
  if (!has_room || !push_told(record, abi::MirrorKind::refreshed)) {
    counters_.mirror_refreshes_skipped.add(1);
  }
}

std::uint32_t Pipeline::bulk_turn(std::uint32_t now_ms) {
  Bulk& bulk = mirror_.bulk;
  if (!bulk.running) return 0;
  now_ms_ = now_ms;
  const std::uint32_t room = mirror_.out.room();
  const std::uint32_t spare =
      room > abi::kMirrorRingForChanges ? room - abi::kMirrorRingForChanges : 0;
  const std::uint32_t end = std::min(bulk.at + std::min(spare, kBulkRecordsPerTurn), flows_.used());
  const std::uint32_t begin = bulk.at;
  for (; bulk.at < end; ++bulk.at) {
    if (bulk.at + kBulkPrefetch < end) __builtin_prefetch(&flows_.record(bulk.at + kBulkPrefetch));
    flow::FlowRecord& record = flows_.record(bulk.at);
    if (record.state == flow::TcpState::free || flow::is_half_open(record.state) ||
        flow::is_over(record.state) || !is_mirrored(record)) {
      continue;
    }
    static_cast<void>(push_told(record, abi::MirrorKind::opened));  // there is room for all
  }
  if (bulk.at == flows_.used() && spare > bulk.at - begin) {
    abi::MirrorRecord last;
    last.kind = abi::MirrorKind::bulk_end;
    last.serial = bulk.serial;
    bulk.running = !mirror_.out.push(last);
  }
  return bulk.at - begin;
}

// ------------------------------------------------------------------------------------- learning

// The peer may have another configuration, and what comes from a ring is not to be trusted.
bool Pipeline::is_plausible(const abi::MirrorRecord& told) const {
  const bool is_known_protocol = told.protocol == kProtocolTcp || told.protocol == kProtocolUdp;
  if (!image_ || !is_known_protocol) return false;
  if (told.kind != abi::MirrorKind::opened && told.kind != abi::MirrorKind::refreshed &&
      told.kind != abi::MirrorKind::ended) {
    return false;
  }
  const bool is_known_state = told.tcp_state < flow::kTcpStates &&
                              state_of(told) >= flow::TcpState::established &&
                              flow::is_state_of(told.protocol, state_of(told));
  if (!is_known_state || told.server >= image_.servers().size()) return false;
  const abi::ImageServer& server = image_.servers()[told.server];
  const int service = image_.find_service(told.virtual_address, told.virtual_port, told.protocol);
  const abi::ImageAddress* to = image_.find_address(told.virtual_address);
  const std::uint32_t slot = flow::slot_of_client(told.client, told.client_port, shared_secret_);
  return service >= 0 && service == told.service && server.service == told.service &&
         server.address == told.server_address && to != nullptr &&
         (to->roles & abi::kRoleVirtual) != 0 && aims_right(told, slot) &&
         abi::owner_of_slot(slot, settings_.workers) == settings_.worker;
}

// Whether the server's side of it is what this node would have made of it.
bool Pipeline::aims_right(const abi::MirrorRecord& told, std::uint32_t slot) const {
  const abi::Forward forward = image_.services()[told.service].forward;
  const abi::ImageServer& server = image_.servers()[told.server];
  const bool keeps_port = abi::is_one_way(forward) || server.port.raw() == 0;
  if (told.server_port != (keeps_port ? told.virtual_port : server.port)) return false;
  if (forward != abi::Forward::fullnat) {
    return told.local == told.client && told.local_port == told.client_port;
  }
  const abi::ImageAddress* local = image_.find_address(told.local);
  return local != nullptr && (local->roles & abi::kRoleLocal) != 0 &&
         slot == flow::slot_of_local_port(told.local_port);
}

void Pipeline::learn(const abi::MirrorRecord& told, std::uint32_t now_ms) {
  now_ms_ = now_ms;
  if (!is_plausible(told)) return counters_.mirror_refused.add(1);
  const std::uint32_t group = image_.find_address(told.virtual_address)->group;
  const flow::FlowKey key = client_key(told);
  const flow::FlowRef found = flows_.find(key, flows_.hash_of(key));
  // Who holds the group knows its connections better, but for the last ones before a takeover.
  if (holds(group) && (found != flow::kNoFlow || !has_just_taken(group))) {
    return counters_.mirror_outdated.add(1);
  }
  const bool is_gone = told.kind == abi::MirrorKind::ended && !flow::is_over(state_of(told));
  if (found != flow::kNoFlow) {
    const bool is_same = flows_.record_of(found).key(flow::kFromServer) == server_key(told);
    if (is_same && !is_gone) return learn_change(flows_.record_of(found), told);
    if (is_same || told.kind != abi::MirrorKind::ended) forget(found >> 1);
  }
  if (told.kind != abi::MirrorKind::ended) {
    learn_new(told);
  } else if (is_gone) {
    counters_.mirror_learned.add(1);
  }
}

void Pipeline::learn_change(flow::FlowRecord& record, const abi::MirrorRecord& told) {
  // A connection that was over here and lives there is another one on the same ports.
  auto& active = servers_[record.server].active;
  if (!flow::is_open(record.state) && flow::is_open(state_of(told))) active.add(1);
  if (flow::is_open(record.state) && !flow::is_open(state_of(told))) active.set(active.get() - 1);
  flows_.set_state(record, state_of(told));
  record.last_seen_ms = now_ms_ - told.age_ms;
  record.client_mac = told.client_mac;
  record.told_ms = record.last_seen_ms;
  record.is_told = 1;
  counters_.mirror_learned.add(1);
}

void Pipeline::learn_new(const abi::MirrorRecord& told) {
  const flow::FlowKey from_server = server_key(told);
  const abi::Forward forward = image_.services()[told.service].forward;
  if (!abi::is_one_way(forward)) {
    const flow::FlowRef in_the_way = flows_.find(from_server, flows_.hash_of(from_server));
    if (in_the_way != flow::kNoFlow) forget(in_the_way >> 1);
  }
  const std::uint32_t flow = free_record();
  if (flow == flow::FlowTable::kNone) return counters_.mirror_no_room.add(1);

  const flow::FlowKey from_client = client_key(told);
  const abi::ImageAddress* to = image_.find_address(told.virtual_address);
  flow::FlowRecord& record = flows_.record(flow);
  record.addresses[flow::kFromClient] = from_client.addresses;
  record.ports[flow::kFromClient] = from_client.ports;
  record.addresses[flow::kFromServer] = from_server.addresses;
  record.ports[flow::kFromServer] = from_server.ports;
  record.protocol = told.protocol;
  record.service = told.service;
  record.server = told.server;
  record.next_hop = image_.servers()[told.server].next_hop;
  record.group = to->group & (abi::kMaxGroups - 1);
  record.forward = forward;
  // Until a packet of the client's shows it: the nodes share their networks, so the router too.
  record.client_mac = told.client_mac;
  record.client_port_id = to->port;
  record.state = state_of(told);
  record.last_seen_ms = now_ms_ - told.age_ms;
  record.told_ms = record.last_seen_ms;
  record.is_told = 1;
  record.replies_due = 0;  // those that are due now may have come while nobody forwarded
  prepare_deltas(record);
  if (!flows_.enter(flow)) {
    flows_.give_back(flow);
    return counters_.mirror_no_room.add(1);
  }
  if (flow::is_open(record.state)) servers_[record.server].active.add(1);
  counters_.mirror_learned.add(1);
}

// A connection may have been learned before there was a way to its server: the next packet of it
// will find the one that there is by now.
void Pipeline::look_for_way(flow::FlowRecord& record) const {
  const abi::ImageServer& server = image_.servers()[record.server];
  const bool is_same = server.address == record.key(flow::kFromServer).source();
  if (record.next_hop == 0 && is_same) record.next_hop = server.next_hop;
}

}  // namespace carpool::stage
