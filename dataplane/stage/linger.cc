// Linger: when a group has gone to the other node, packets of its connections are still on their
// way to this one: in queues, and from switches that have not learned yet. Both nodes know the
// connection, so for a short while this one forwards what it gets instead of dropping it.
//
// It does so under its ports' own link-layer addresses. A frame from the group's address would make
// the switches believe that the group is back here.
#include "dataplane/stage/pipeline.h"
#include "dataplane/stage/rewrite.h"

namespace carpool::stage {

Verdict Pipeline::forward_for_holder(Arrival arrival, flow::FlowRef ref) {
  const flow::FlowRecord& record = flows_.record_of(ref);
  if (!lingers(record.group)) return Verdict::group_not_active;
  if (ttl_is_used_up(arrival.packet)) return Verdict::ipv4_ttl_expired;
  const flow::TcpEvent event =
      flow::tcp_event(arrival.parsed.tcp_flags, flow::FlowTable::direction_of(ref));
  // Whoever begins a connection now begins it with the holder.
  if (event == flow::TcpEvent::client_syn) return Verdict::group_not_active;
  const Verdict verdict = forward(arrival, ref, event);
  if (!abi::info(verdict).is_drop) {
    auto& ethernet = *reinterpret_cast<EthernetHeader*>(arrival.packet.data);
    ethernet.source = settings_.port_macs[arrival.packet.port];
  }
  return verdict;
}

// The clock wraps: what is over must not come back with it.
void Pipeline::end_lingering() {
  if (lingering_groups_ == 0) return;
  for (std::uint32_t group = 0; group < abi::kMaxGroups; ++group) {
    if (!lingers(group)) lingering_groups_ &= ~(1u << group);
  }
}

}  // namespace carpool::stage
