// Select: the first packet of a connection finds its server, a source port towards it, and a
// record.
#include "dataplane/flow/owner.h"
#include "dataplane/flow/source_port.h"
#include "dataplane/stage/pipeline.h"
#include "dataplane/stage/rewrite.h"

namespace carpool::stage {

Verdict Pipeline::open_flow(Arrival arrival, std::uint16_t service, const abi::ImageAddress& to) {
  if (ttl_is_used_up(arrival.packet)) return Verdict::ipv4_ttl_expired;
  const flow::FlowKey& key = arrival.parsed.key;
  const int chosen = selector_.select(image_, service, key.source());
  if (chosen == balance::kNoServer) return reset(arrival, to.group, Verdict::reset_no_server);
  const abi::ImageServer& server = image_.servers()[static_cast<std::size_t>(chosen)];

  const std::uint32_t flow = free_record();
  if (flow == flow::FlowTable::kNone) return Verdict::flow_table_full;
  flow::FlowRecord& record = flows_.record(flow);
  record.addresses[flow::kFromClient] = key.addresses;
  record.ports[flow::kFromClient] = key.ports;
  record.protocol = static_cast<std::uint8_t>(key.protocol);
  record.service = service;
  record.server = static_cast<std::uint16_t>(chosen);
  record.next_hop = server.next_hop;
  record.group = to.group & (abi::kMaxGroups - 1);
  record.forward = image_.services()[service].forward;
  if (!aim(record, server)) {
    flows_.give_back(flow);
    return Verdict::no_source_port;
  }
  prepare_deltas(record);
  const bool is_udp = record.protocol == kProtocolUdp;
  record.state = is_udp                ? flow::TcpState::udp_asked
                 : record.is_one_way() ? flow::TcpState::one_way_syn
                                       : flow::TcpState::syn_sent;
  record.replies_due = is_udp ? image_.services()[service].udp_replies : 0;
  record.last_seen_ms = now_ms_;  // also if this packet goes nowhere yet: the next hop may follow
  if (!flows_.enter(flow)) {
    flows_.give_back(flow);
    return Verdict::flow_table_full;
  }
  counters_.flows_created.add(1);
  servers_[record.server].connections.add(1);
  servers_[record.server].active.add(1);
  return forward(arrival, flow * 2 + flow::kFromClient, flow::TcpEvent::client_syn);
}

// Within the half-open budget by pushing out the oldest handshake, within the table by pushing out
// what is over.
std::uint32_t Pipeline::free_record() {
  if (const std::uint32_t oldest = flows_.half_open_to_recycle();
      oldest != flow::FlowTable::kNone) {
    counters_.half_open_recycled.add(1);
    forget(oldest);
  }
  const std::uint32_t flow = flows_.allocate();
  if (flow != flow::FlowTable::kNone) return flow;
  const std::uint32_t over = flows_.over_to_recycle(now_ms_);
  if (over == flow::FlowTable::kNone) return over;
  counters_.closing_recycled.add(1);
  forget(over);
  return flows_.allocate();
}

// Fills in the key of the server's direction. False if there is none to be had.
bool Pipeline::aim(flow::FlowRecord& record, const abi::ImageServer& server) {
  if (record.forward == abi::Forward::fullnat) return find_source_port(record, server);
  const flow::FlowKey client = record.key(flow::kFromClient);
  const bool keeps_port = record.is_one_way() || server.port.raw() == 0;
  const auto key =
      flow::FlowKey::of(server.address, keeps_port ? client.destination_port() : server.port,
                        client.source(), client.source_port(), record.protocol);
  record.addresses[flow::kFromServer] = key.addresses;
  record.ports[flow::kFromServer] = key.ports;
  if (record.is_one_way()) return true;
  // The client may have a connection to the same server through another service from this port.
  const flow::FlowRef ref = flows_.find(key, flows_.hash_of(key));
  if (ref == flow::kNoFlow) return true;
  if (!flow::is_over(flows_.record_of(ref).state)) return false;
  counters_.closing_recycled.add(1);
  forget(ref >> 1);
  return true;
}

// Fills in the key of the server's direction. Where every port that the walk passes is taken, one
// whose flow is over gives way.
bool Pipeline::find_source_port(flow::FlowRecord& record, const abi::ImageServer& server) {
  const flow::FlowKey client = record.key(flow::kFromClient);
  const be16 server_port = server.port.raw() != 0 ? server.port : client.destination_port();
  const std::uint32_t slot =
      flow::slot_of_client(client.source(), client.source_port(), shared_secret_);
  const abi::ImageAddress* local = image_.find_address(server.local);
  const bool is_shared = local != nullptr && (local->roles & abi::kRoleVirtual) != 0;
  flow::SourcePortWalk walk(client.source(), client.source_port(), server.address.value, slot,
                            shared_secret_);
  std::uint32_t over = flow::FlowTable::kNone;
  be16 over_port;
  const auto take = [&](be16 port) {
    const auto key =
        flow::FlowKey::of(server.address, server_port, server.local, port, record.protocol);
    record.addresses[flow::kFromServer] = key.addresses;
    record.ports[flow::kFromServer] = key.ports;
  };
  for (std::uint32_t i = 0; i < flow::kMaxPortProbes; ++i, walk.advance()) {
    const be16 port = walk.port();
    // A port of a virtual address that clients connect to is not ours to use.
    if (is_shared && image_.find_service(server.local, port, record.protocol) >= 0) continue;
    const auto key =
        flow::FlowKey::of(server.address, server_port, server.local, port, record.protocol);
    const flow::FlowRef ref = flows_.find(key, flows_.hash_of(key));
    if (ref == flow::kNoFlow) {
      take(port);
      return true;
    }
    if (over == flow::FlowTable::kNone && flow::is_over(flows_.record_of(ref).state)) {
      over = ref >> 1;
      over_port = port;
    }
  }
  if (over == flow::FlowTable::kNone) return false;
  counters_.closing_recycled.add(1);
  forget(over);
  take(over_port);
  return true;
}

void Pipeline::forget(std::uint32_t flow) {
  flow::FlowRecord& record = flows_.record(flow);
  tell_erased(record);
  auto& active = servers_[record.server].active;
  if (flow::is_open(record.state)) active.set(active.get() - 1);
  flows_.erase(flow);
}

}  // namespace carpool::stage
