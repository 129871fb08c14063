// ICMP errors on their way through: what they quote says which flow they are about. And our own.
#include "dataplane/stage/encapsulate.h"
#include "dataplane/stage/pipeline.h"
#include "dataplane/stage/rewrite.h"

namespace carpool::stage {
namespace {

// In nat the servers know their clients, so that a router on the clients' side is known, too. All
// others know us for the other end, and nothing behind us.
ErrorSender sender_of(const flow::FlowRecord& record, flow::Direction direction) {
  const bool knows = record.forward == abi::Forward::nat && direction == flow::kFromClient;
  return knows ? ErrorSender::as_it_is : ErrorSender::other_end;
}

}  // namespace

// An error never touches its flow: anybody can send one.
Verdict Pipeline::relay_error(Arrival arrival) {
  if (!image_) return Verdict::not_for_us;
  const flow::FlowKey& key = arrival.parsed.key;
  const flow::FlowRef ref = flows_.find(key, flows_.hash_of(key));
  if (ref == flow::kNoFlow) return error_without_flow(arrival);
  flow::FlowRecord& record = flows_.record_of(ref);
  const flow::Direction direction = flow::FlowTable::direction_of(ref);
  Packet& packet = arrival.packet;
  if (!holds(record.group)) return Verdict::group_not_active;
  if (ttl_is_used_up(packet)) return Verdict::ipv4_ttl_expired;
  if (direction == flow::kFromServer) {
    note_refusal(arrival, record);
    translate_error(packet, arrival.parsed.l4_offset, record, direction,
                    sender_of(record, direction));
    packet.port = record.client_port_id;
    address_frame(packet, record.client_mac, image_.groups()[record.group].mac);
    return Verdict::error_to_client;
  }
  const auto& hop = image_.next_hops()[record.next_hop];
  if (hop.resolved == 0) {
    look_for_way(record);
    return Verdict::next_hop_unresolved;
  }
  if (record.is_one_way()) {
    const Verdict sent = send_one_way(packet, &arrival.parsed, record, hop);
    return sent == Verdict::to_server ? Verdict::error_to_server : sent;
  }
  translate_error(packet, arrival.parsed.l4_offset, record, direction,
                  sender_of(record, direction));
  packet.port = hop.port;
  address_frame(packet, hop.destination, hop.source);
  return Verdict::error_to_server;
}

Verdict Pipeline::error_without_flow(Arrival arrival) const {
  const abi::ImageAddress* to = image_.find_address(arrival.parsed.key.destination());
  if (to == nullptr) return foreign(arrival);
  if (settings_.workers > 1 && hand_over(arrival, to)) return Verdict::handed_over;
  return holds(to->group) ? Verdict::error_no_flow : Verdict::group_not_active;
}

// A server that has no socket on the port says so to a datagram, as it would reset a connection.
void Pipeline::note_refusal(Arrival arrival, const flow::FlowRecord& record) {
  const auto& icmp =
      *reinterpret_cast<const IcmpHeader*>(arrival.packet.data + arrival.parsed.l4_offset);
  const bool refuses = icmp.type == kIcmpUnreachable && icmp.code == kIcmpPortUnreachable;
  if (refuses && record.state == flow::TcpState::udp_asked) servers_[record.server].refused.add(1);
}

// The sender of what must not be fragmented hears how long it may be (RFC 1191). We fragment
// nothing ourselves.
Verdict Pipeline::too_long(Arrival arrival, std::uint8_t group, std::uint32_t mtu) {
  const auto& ip = *reinterpret_cast<const Ipv4Header*>(arrival.packet.data + kIpOffset);
  if (ip.may_be_fragmented()) return Verdict::does_not_fit;
  return answer_by_error(arrival, group,
                         {.type = kIcmpUnreachable,
                          .code = kIcmpFragmentationNeeded,
                          .mtu = static_cast<std::uint16_t>(mtu)},
                         Verdict::does_not_fit);
}

// `otherwise` is the verdict where no error may be sent.
Verdict Pipeline::answer_by_error(Arrival arrival, std::uint8_t group, const IcmpError& error,
                                  Verdict otherwise) {
  if (!may_answer_by_error(arrival.packet)) return otherwise;
  if (!may_send_error()) return Verdict::errors_limited;
  make_icmp_error(arrival.packet, error, image_.groups()[group].mac);
  return error.code == kIcmpFragmentationNeeded ? Verdict::fragmentation_needed
                                                : Verdict::port_unreachable;
}

bool Pipeline::may_send_error() {
  if (now_ms_ - errors_.second_began_ms >= 1'000) errors_ = {.second_began_ms = now_ms_};
  return errors_.sent++ < kErrorsPerSecond;
}

}  // namespace carpool::stage
