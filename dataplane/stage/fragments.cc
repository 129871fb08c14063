// Fragments: the first one of a packet is judged like a whole packet and decides for the others
// (fragment_table.h). In fullnat and nat only the addresses of later ones change.
#include "dataplane/stage/fragment_table.h"
#include "dataplane/stage/pipeline.h"
#include "dataplane/stage/rewrite.h"

namespace carpool::stage {

Verdict Pipeline::first_fragment(Arrival arrival) {
  const flow::FlowKey key = arrival.parsed.key;  // before the packet is rewritten
  const auto fragment =
      FragmentKey::of(*reinterpret_cast<const Ipv4Header*>(arrival.packet.data + kIpOffset));
  const std::uint64_t hash = flows_.hash_of(key);
  const flow::FlowRef known = flows_.find(key, hash);
  const Verdict verdict = known != flow::kNoFlow ? track(arrival, known) : without_flow(arrival);
  FragmentWay way;
  switch (verdict) {
    case Verdict::to_server:
    case Verdict::to_client:
      way.flow = flows_.find(key, hash);
      break;
    case Verdict::handed_over:
      way.owner = arrival.packet.owner;
      break;
    default:
      return verdict;  // the others will be forgotten in time
  }
  fragments_.remember(fragment, way, now_ms_);
  fragments_.release(fragment, [&](Packet packet) {
    const Verdict of_held = follow(packet, way);
    if (abi::info(of_held).is_drop) return counters_.fragments_lost.add(1);
    counters_.fragments_released.add(1);
    if (released_count_ < released_.size()) released_[released_count_++] = {packet, of_held};
  });
  return verdict;
}

Verdict Pipeline::later_fragment(Arrival arrival) {
  if (!image_) return Verdict::not_for_us;
  const auto& ip = *reinterpret_cast<const Ipv4Header*>(arrival.packet.data + kIpOffset);
  const auto key = FragmentKey::of(ip);
  if (const FragmentWay* way = fragments_.find(key, now_ms_)) return follow(arrival.packet, *way);
  const abi::ImageAddress* to = image_.find_address(ip.destination);
  if (to == nullptr && !has_nat_) return Verdict::not_for_us;
  if (to != nullptr && !holds(to->group)) return Verdict::group_not_active;
  std::uint32_t pushed_out = 0;
  const bool is_held = fragments_.hold(key, arrival.packet, now_ms_, pushed_out);
  if (pushed_out != 0) counters_.fragments_lost.add(pushed_out);
  return is_held ? Verdict::fragment_held : Verdict::fragment_unsupported;
}

// The way of the first fragment. Its flow may have ended since.
Verdict Pipeline::follow(Packet& packet, const FragmentWay& way) {
  if (way.flow == flow::kNoFlow) {
    packet.owner = way.owner;
    return Verdict::handed_over;
  }
  flow::FlowRecord& record = flows_.record_of(way.flow);
  const flow::Direction direction = flow::FlowTable::direction_of(way.flow);
  auto& ip = *reinterpret_cast<Ipv4Header*>(packet.data + kIpOffset);
  const FragmentKey key = FragmentKey::of(ip);
  const bool is_same = record.state != flow::TcpState::free &&
                       record.addresses[direction] == key.addresses &&
                       record.protocol == key.protocol;
  if (!is_same) return Verdict::no_flow;
  if (!holds(record.group)) return Verdict::group_not_active;
  if (ttl_is_used_up(packet)) return Verdict::ipv4_ttl_expired;
  const auto& hop = image_.next_hops()[record.next_hop];
  if (direction == flow::kFromClient && hop.resolved == 0) return Verdict::next_hop_unresolved;
  const std::uint8_t out = direction == flow::kFromClient ? hop.port : record.client_port_id;
  if (packet.length > frame_limit(record, out)) return Verdict::does_not_fit;

  auto& counters = servers_[record.server];
  if (direction == flow::kFromClient) {
    counters.packets_in.add(1);
    counters.bytes_in.add(packet.length);
    if (record.is_one_way()) return send_one_way(packet, nullptr, record, hop);
    rewrite_addresses(ip, record, direction);
    packet.port = out;
    address_frame(packet, hop.destination, hop.source);
    return Verdict::to_server;
  }
  counters.packets_out.add(1);
  counters.bytes_out.add(packet.length);
  rewrite_addresses(ip, record, direction);
  packet.port = out;
  address_frame(packet, record.client_mac, image_.groups()[record.group].mac);
  return Verdict::to_client;
}

}  // namespace carpool::stage
