#include "dataplane/stage/pipeline.h"

#include <algorithm>
#include <cassert>

#include "dataplane/flow/owner.h"
#include "dataplane/stage/answer.h"
#include "dataplane/stage/encapsulate.h"
#include "dataplane/stage/parse.h"
#include "dataplane/stage/rewrite.h"

namespace carpool::stage {
namespace {

constexpr std::uint32_t kResetTimeoutMs = 10'000;

constexpr std::uint8_t protocol_of(const flow::FlowKey& key) {
  return static_cast<std::uint8_t>(key.protocol);
}

// The same for what knows no reset.
constexpr Verdict without_reset(Verdict verdict) {
  switch (verdict) {
    case Verdict::reset_no_service:
      return Verdict::no_service;
    case Verdict::reset_no_server:
      return Verdict::no_server;
    default:
      return Verdict::no_flow;
  }
}

constexpr IcmpError kPortUnreachable{.type = kIcmpUnreachable, .code = kIcmpPortUnreachable};

// Enough of the flow that all of its packets take one way through the network, and different flows
// different ones.
std::uint16_t entropy_of(const flow::FlowRecord& record) {
  const std::uint64_t ends = record.addresses[flow::kFromClient] + record.ports[flow::kFromClient];
  return static_cast<std::uint16_t>(ends * 0x9e3779b97f4a7c15 >> 50);
}

// What a packet without a flow should hear from us depends on whom it was for.
constexpr bool is_virtual(const abi::ImageAddress& address) {
  return (address.roles & abi::kRoleVirtual) != 0;
}

}  // namespace

Pipeline::Pipeline(const PipelineSettings& settings, flow::TableMemory memory,
                   abi::WorkerCounters& counters, std::span<abi::ServerCounters> servers,
                   balance::Load load)
    : settings_(settings),
      flows_(std::move(memory), settings.limits, settings.table_secret),
      selector_(load, settings.table_secret.words[0] ^ settings.worker),
      counters_(counters),
      servers_(servers) {
  counters_.flows_capacity.set(settings.limits.flows);
  counters_.half_open_capacity.set(settings.limits.half_open);
}

void Pipeline::install(abi::ImageView image) {
  image_ = image;
  has_nat_ = std::ranges::any_of(image.services(), [](const abi::ImageService& service) {
    return !service.name.empty() && service.forward == abi::Forward::nat;
  });
  shared_secret_ = {{image.header().secret[0], image.header().secret[1]}};
}

void Pipeline::hold_groups(std::uint32_t groups, std::uint32_t now_ms) {
  if (groups == held_groups_) [[likely]]
    return;
  for (std::uint32_t group = 0; group < abi::kMaxGroups; ++group) {
    if ((groups & ~held_groups_) >> group & 1) taken_at_ms_[group] = now_ms;
    if ((held_groups_ & ~groups) >> group & 1) given_up_at_ms_[group] = now_ms;
  }
  lingering_groups_ = (lingering_groups_ | held_groups_) & ~groups;
  held_groups_ = groups;
}

void Pipeline::process(Batch& batch, std::uint32_t now_ms) {
  now_ms_ = now_ms;
  look_up(batch);
  for (std::uint32_t i = 0; i < batch.count; ++i) {
    batch.verdicts[i] = judge({batch.packets[i], batch.parsed[i]});
  }
}

void Pipeline::tally(const Batch& batch) {
  std::array<std::uint32_t, abi::kVerdicts> verdicts{};
  for (std::uint32_t i = 0; i < batch.count; ++i) {
    assert(batch.verdicts[i] < Verdict::count);
    ++verdicts[static_cast<std::size_t>(batch.verdicts[i])];
  }
  counters_.received.add(batch.count);
  for (std::size_t i = 0; i < abi::kVerdicts; ++i) {
    if (verdicts[i] != 0) counters_.verdicts[i].add(verdicts[i]);
  }
  counters_.batches.add(1);  // last: a reader that sees it unchanged has seen sums that add up
}

// Parses all packets, then walks index and records for all of them together, so that the memory
// latencies of a batch overlap: each loop touches what the loop before it has prefetched.
void Pipeline::look_up(Batch& batch) const {
  const flow::FlowIndex& index = flows_.index();
  for (std::uint32_t i = 0; i < batch.count; ++i) {
    Parsed& parsed = batch.parsed[i];
    parsed = parse_one(batch.packets[i]);
    if (parsed.kind != PacketKind::flow) continue;
    parsed.hash = flows_.hash_of(parsed.key);
    index.prefetch(index.first_bucket(parsed.hash));
  }
  for (std::uint32_t i = 0; i < batch.count; ++i) {
    Parsed& parsed = batch.parsed[i];
    if (parsed.kind != PacketKind::flow) continue;
    const std::uint32_t bucket = index.first_bucket(parsed.hash);
    const std::uint16_t tag = flow::FlowIndex::tag(parsed.hash);
    parsed.candidate = index.candidate(bucket, tag);
    if (parsed.candidate != flow::kNoFlow) {
      flows_.prefetch(parsed.candidate);
    } else if (index.has_spilled(bucket)) {
      index.prefetch(index.other_bucket(bucket, tag));
    }
  }
}

Verdict Pipeline::judge(Arrival arrival) {
  const Parsed& parsed = arrival.parsed;
  switch (parsed.kind) {
    case PacketKind::flow: {
      // Almost always the candidate is the one; records may also have changed hands earlier in this
      // batch.
      flow::FlowRef ref = parsed.candidate;
      if (ref == flow::kNoFlow ||
          !flows_.record_of(ref).matches(parsed.key, flow::FlowTable::direction_of(ref))) {
        ref = flows_.find(parsed.key, parsed.hash);
      }
      return ref != flow::kNoFlow ? track(arrival, ref) : without_flow(arrival);
    }
    case PacketKind::arp:
      return answer_arp(arrival);
    case PacketKind::echo:
      return answer_echo(arrival);
    case PacketKind::first_fragment:
      return first_fragment(arrival);
    case PacketKind::later_fragment:
      return later_fragment(arrival);
    case PacketKind::error:
      return relay_error(arrival);
    case PacketKind::advert:
    case PacketKind::hello:
      return Verdict::punted;
    case PacketKind::other:
      return parsed.verdict;
  }
  return Verdict::not_for_us;
}

// A packet of a known flow.
Verdict Pipeline::track(Arrival arrival, flow::FlowRef ref) {
  flow::FlowRecord& record = flows_.record_of(ref);
  const flow::Direction direction = flow::FlowTable::direction_of(ref);
  Packet& packet = arrival.packet;
  if (!holds(record.group)) [[unlikely]] {
    return forward_for_holder(arrival, ref);
  }
  if (ttl_is_used_up(packet)) [[unlikely]] {
    return Verdict::ipv4_ttl_expired;
  }
  flow::TcpEvent event = flow::tcp_event(arrival.parsed.tcp_flags, direction);
  if ((arrival.parsed.tcp_flags & kTcpSyn) != 0) [[unlikely]] {
    if (event == flow::TcpEvent::client_syn && flow::is_reopening(record.state)) {
      forget(ref >> 1);
      return without_flow(arrival);
    }
    if (record.protocol == kProtocolUdp) {
      event = note_datagram(record, event);
    } else {
      note_repeated_syn(record, event);
    }
  }
  return forward(arrival, ref, event);
}

// A packet of a flow that may take it.
Verdict Pipeline::forward(Arrival arrival, flow::FlowRef ref, flow::TcpEvent event) {
  flow::FlowRecord& record = flows_.record_of(ref);
  const flow::Direction direction = flow::FlowTable::direction_of(ref);
  Packet& packet = arrival.packet;
  const auto& ethernet = *reinterpret_cast<const EthernetHeader*>(packet.data);
  const auto& hop = image_.next_hops()[record.next_hop];
  if (direction == flow::kFromClient && hop.resolved == 0) [[unlikely]] {
    look_for_way(record);
    return Verdict::next_hop_unresolved;
  }
  const std::uint8_t out = direction == flow::kFromClient ? hop.port : record.client_port_id;
  const std::uint32_t limit = frame_limit(record, out);
  if (packet.length > limit) [[unlikely]] {
    return too_long(arrival, record.group, limit - kIpOffset);
  }

  const flow::TcpState next = flow::next_state(record.state, event);
  if (next != record.state) [[unlikely]] {
    note_answer(record, event);
    move_on(record, next);
  }
  record.last_seen_ms = now_ms_;
  auto& counters = servers_[record.server];
  if (direction == flow::kFromClient) {
    counters.packets_in.add(1);
    counters.bytes_in.add(packet.length);
    // The way back is the way it came, also after the client's router has changed.
    record.client_mac = ethernet.source;
    record.client_port_id = packet.port;
    if (record.is_one_way()) [[unlikely]]
      return send_one_way(packet, &arrival.parsed, record, hop);
    rewrite_one(packet, arrival.parsed.l4_offset, record, direction);
    packet.port = hop.port;
    address_frame(packet, hop.destination, hop.source);
    return Verdict::to_server;
  }
  rewrite_one(packet, arrival.parsed.l4_offset, record, direction);
  counters.packets_out.add(1);
  counters.bytes_out.add(packet.length);
  packet.port = record.client_port_id;
  address_frame(packet, record.client_mac, image_.groups()[record.group].mac);
  return Verdict::to_client;
}

std::uint32_t Pipeline::frame_limit(const flow::FlowRecord& record, std::uint8_t out) const {
  std::uint32_t limit = settings_.mtus[out] + kIpOffset;
  if (record.is_one_way()) [[unlikely]] {
    limit -= header_bytes(record.forward);
  }
  return limit;
}

// A client's packet whose answers do not come back this way: unchanged, but for its time to live.
Verdict Pipeline::send_one_way(Packet& packet, const Parsed* parsed, const flow::FlowRecord& record,
                               const abi::ImageNextHop& hop) {
  if (record.forward == abi::Forward::dsr) {
    decrement_ttl(*reinterpret_cast<Ipv4Header*>(packet.data + kIpOffset));
  } else {
    const bool is_syn = parsed != nullptr && parsed->kind == PacketKind::flow &&
                        record.protocol == kProtocolTcp && (parsed->tcp_flags & kTcpSyn) != 0;
    if (is_syn) clamp_mss(packet, parsed->l4_offset, record.forward, settings_.mtus[hop.port]);
    encapsulate(packet, record.forward,
                {.from = image_.servers()[record.server].local,
                 .to = record.key(flow::kFromServer).source(),
                 .id = tunnel_id_++,
                 .entropy = entropy_of(record)});
  }
  packet.port = hop.port;
  address_frame(packet, hop.destination, hop.source);
  return Verdict::to_server;
}

// Counts what the server owes, where that is known. Its last answer ends the flow: to a client that
// asks again later, from the same port, the next server may answer.
flow::TcpEvent Pipeline::note_datagram(flow::FlowRecord& record, flow::TcpEvent event) {
  if (event == flow::TcpEvent::client_syn) {
    record.replies_due += image_.services()[record.service].udp_replies;
  } else if (record.replies_due != 0 && --record.replies_due == 0) {
    return flow::TcpEvent::server_fin;
  }
  return event;
}

// Handshakes that take more than one try.
void Pipeline::note_repeated_syn(const flow::FlowRecord& record, flow::TcpEvent event) {
  auto& counters = servers_[record.server];
  if (event == flow::TcpEvent::client_syn && flow::is_half_open(record.state)) {
    counters.syn_retransmits.add(1);
  } else if (event == flow::TcpEvent::server_syn && record.state == flow::TcpState::syn_received) {
    counters.answer_retransmits.add(1);
  }
}

// What the server makes of a connection; the record is still in the state before it.
void Pipeline::note_answer(const flow::FlowRecord& record, flow::TcpEvent event) {
  auto& counters = servers_[record.server];
  const bool asked =
      record.state == flow::TcpState::syn_sent || record.state == flow::TcpState::udp_asked;
  const bool answers = event == flow::TcpEvent::server_syn || event == flow::TcpEvent::server_fin;
  if (asked && answers) {
    counters.answered.add(1);
    counters.answer_times[abi::answer_time_class(record.age_ms(now_ms_))].add(1);
  }
  if (event == flow::TcpEvent::server_rst) (asked ? counters.refused : counters.resets).add(1);
}

// A packet of TCP or UDP that belongs to no flow we know.
Verdict Pipeline::without_flow(Arrival arrival) {
  if (!image_) return Verdict::not_for_us;
  const abi::ImageAddress* to = image_.find_address(arrival.parsed.key.destination());
  if (to == nullptr) return foreign(arrival);
  if (settings_.workers > 1 && hand_over(arrival, to)) return Verdict::handed_over;
  if (!holds(to->group)) return Verdict::group_not_active;
  if (is_virtual(*to)) return towards_service(arrival, *to);
  return reset(arrival, to->group, Verdict::reset_no_flow);
}

// For none of our addresses: in nat a server's answer is for the client itself, and its flow may be
// another worker's.
Verdict Pipeline::foreign(Arrival arrival) const {
  if (!has_nat_ || settings_.workers == 1) return Verdict::not_for_us;
  const auto& key = arrival.parsed.key;
  const std::uint32_t slot =
      flow::slot_of_client(key.destination(), key.destination_port(), shared_secret_);
  const std::uint32_t owner = abi::owner_of_slot(slot, settings_.workers);
  arrival.packet.owner = static_cast<std::uint8_t>(owner);
  return owner != settings_.worker ? Verdict::handed_over : Verdict::not_for_us;
}

Verdict Pipeline::towards_service(Arrival arrival, const abi::ImageAddress& to) {
  const auto& key = arrival.parsed.key;
  const int service =
      image_.find_service(key.destination(), key.destination_port(), protocol_of(key));
  const bool opens = (arrival.parsed.tcp_flags & (kTcpSyn | kTcpAck | kTcpRst)) == kTcpSyn;
  if (service >= 0 && opens) {
    return open_flow(arrival, static_cast<std::uint16_t>(service), to);
  }
  // An address may serve clients and be the source towards servers at once.
  const bool is_answer = service < 0 && (to.roles & abi::kRoleLocal) != 0 && !opens;
  return reset(arrival, to.group,
               service >= 0 || is_answer ? Verdict::reset_no_flow : Verdict::reset_no_service);
}

// Whether another worker owns the packet's flow; sets packet.owner.
bool Pipeline::hand_over(Arrival arrival, const abi::ImageAddress* to) const {
  const auto& key = arrival.parsed.key;
  const bool from_client =
      is_virtual(*to) &&
      ((to->roles & abi::kRoleLocal) == 0 ||
       image_.find_service(key.destination(), key.destination_port(), protocol_of(key)) >= 0);
  const std::uint32_t slot =
      from_client ? flow::slot_of_client(key.source(), key.source_port(), shared_secret_)
                  : flow::slot_of_local_port(key.destination_port());
  const std::uint32_t owner = abi::owner_of_slot(slot, settings_.workers);
  arrival.packet.owner = static_cast<std::uint8_t>(owner);
  return owner != settings_.worker;
}

// TCP hears that there is nothing here for it.
Verdict Pipeline::reset(Arrival arrival, std::uint8_t group, Verdict verdict) {
  if (arrival.parsed.key.protocol == kProtocolUdp) {
    if (verdict == Verdict::reset_no_flow) return Verdict::no_flow;
    return answer_by_error(arrival, group, kPortUnreachable, without_reset(verdict));
  }
  if (verdict == Verdict::reset_no_flow && has_just_taken(group)) return Verdict::no_flow_yet;
  const bool answered =
      make_reset(arrival.packet, arrival.parsed.l4_offset, image_.groups()[group].mac);
  return answered ? verdict : Verdict::no_flow;
}

Verdict Pipeline::answer_arp(Arrival arrival) {
  const auto& arp = *reinterpret_cast<const ArpHeader*>(arrival.packet.data + kIpOffset);
  if (!image_ || arp.hardware_type != be16(1) || arp.protocol_type != kEtherTypeIpv4 ||
      arp.hardware_length != 6 || arp.protocol_length != 4) {
    return Verdict::arp_ignored;
  }
  const abi::ImageAddress* sender = image_.find_address(arp.sender_ip);
  if (sender != nullptr && holds(sender->group) &&
      arp.sender_mac != image_.groups()[sender->group].mac) {
    abi::Event event;
    event.kind = abi::EventKind::address_conflict;
    event.address = arp.sender_ip;
    event.mac = arp.sender_mac;
    event.port = arrival.packet.port;
    event_ = event;
    return Verdict::arp_ignored;
  }
  const abi::ImageAddress* target = image_.find_address(arp.target_ip);
  if (target == nullptr || arp.operation != kArpRequest || target->port != arrival.packet.port ||
      arp.sender_ip == arp.target_ip) {
    return Verdict::arp_ignored;
  }
  if (!holds(target->group)) return Verdict::group_not_active;
  make_arp_reply(arrival.packet, image_.groups()[target->group].mac);
  return Verdict::arp_reply;
}

Verdict Pipeline::answer_echo(Arrival arrival) {
  const auto& ip = *reinterpret_cast<const Ipv4Header*>(arrival.packet.data + kIpOffset);
  const abi::ImageAddress* to = image_ ? image_.find_address(ip.destination) : nullptr;
  if (to == nullptr) return Verdict::not_for_us;
  if (!holds(to->group)) return Verdict::group_not_active;
  make_echo_reply(arrival.packet, arrival.parsed.l4_offset, image_.groups()[to->group].mac);
  return Verdict::echo_reply;
}

void Pipeline::move_on(flow::FlowRecord& record, flow::TcpState next) {
  auto& active = servers_[record.server].active;
  if (flow::is_open(record.state) && !flow::is_open(next)) active.set(active.get() - 1);
  const flow::TcpState before = record.state;
  flows_.set_state(record, next);
  // What lies between established and over is not told: it ends soon, or idles out like the rest.
  const bool was_half_open = flow::is_half_open(before);
  const bool is_over_now = flow::is_over(next) && !flow::is_over(before);
  if (was_half_open ? flow::is_open(next) && !flow::is_half_open(next) : is_over_now) {
    tell_change(record);
  }
}

std::uint32_t Pipeline::timeout_ms(const flow::FlowRecord& record) const {
  const auto& service = image_.services()[record.service];
  switch (record.state) {
    case flow::TcpState::syn_sent:
    case flow::TcpState::syn_received:
      return service.connect_timeout_ms;
    case flow::TcpState::client_closing:
    case flow::TcpState::server_closing:
      return service.closing_timeout_ms;
    case flow::TcpState::closed:
      return service.closed_timeout_ms;
    case flow::TcpState::reset:
      return kResetTimeoutMs;
    default:
      return service.established_timeout_ms;
  }
}

void Pipeline::sweep(std::uint32_t records, std::uint32_t now_ms) {
  if (!image_) return;
  now_ms_ = now_ms;
  flows_.sweep(records, [&](flow::FlowRecord& record) {
    if (record.age_ms(now_ms) <= timeout_ms(record)) {
      if (mirror_.on) tell_again(record);
      return false;
    }
    counters_.flows_expired.add(1);
    auto& server = servers_[record.server];
    if (record.state == flow::TcpState::syn_sent) server.connect_timeouts.add(1);
    if (flow::is_open(record.state)) server.active.set(server.active.get() - 1);
    tell_erased(record);
    return true;
  });
  end_lingering();
  if (const std::uint32_t lost = fragments_.expire(now_ms); lost != 0) {
    counters_.fragments_lost.add(lost);
  }
  counters_.flows_live.set(flows_.live());
  counters_.flows_half_open.set(flows_.half_open());
}

std::optional<abi::Event> Pipeline::take_event() {
  auto event = event_;
  event_.reset();
  return event;
}

}  // namespace carpool::stage
