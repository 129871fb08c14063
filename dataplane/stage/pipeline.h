// The stages put together: a batch of packets in, one verdict for each out.
//
//   parse      what is it, are its headers sound                        parse.h
//   track      to which flow does it belong, how does that move on      pipeline.cc
//   classify   no flow: is it for one of our addresses and services     pipeline.cc
//   select     a new connection: server, source port, record            new_flow.cc
//   rewrite    what the other end expects to see                        rewrite.h
//   encapsulate  the way through a tunnel                               encapsulate.cc
//   fragments  what belongs together                                    fragments.cc
//   icmp error what is said about packets of flows, by others and by us  errors.cc
//   answer     what we answer ourselves                                 answer.h
//   mirror     what the peer is told, and what it tells                 mirror.cc
//   linger     what still comes for a group that has gone to the peer   linger.cc
//
// Receiving, sending, punting and handing over (dispatch) are the worker's.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>

#include "dataplane/abi/counters.h"
#include "dataplane/abi/image.h"
#include "dataplane/abi/messages.h"
#include "dataplane/abi/mirror.h"
#include "dataplane/abi/ring.h"
#include "dataplane/balance/select.h"
#include "dataplane/flow/flow_table.h"
#include "dataplane/stage/batch.h"
#include "dataplane/stage/fragment_table.h"
#include "dataplane/stage/icmp_error.h"

namespace carpool::stage {

// For so long after a takeover packets of unknown connections are dropped, not reset: the
// connection may be in the last records that the peer has sent, and a retransmission will find it.
inline constexpr std::uint32_t kTakeoverGraceMs = 300;

// For so long after this node gave a group up, packets of its connections that still come here go
// on: longer than the new holder takes to repeat its announcement.
inline constexpr std::uint32_t kLingerMs = 500;

// ICMP errors of our own that a worker sends in a second (RFC 1812, 4.3.2.8).
inline constexpr std::uint32_t kErrorsPerSecond = 1'000;

struct PipelineSettings {
  std::uint32_t worker = 0;
  std::uint32_t workers = 1;
  flow::FlowLimits limits;
  flow::HashSecret table_secret;                       // of this process alone
  std::array<MacAddress, abi::kMaxPorts> port_macs{};  // the ports' own
  // Longest IPv4 packet that a port takes, by port index.
  std::array<std::uint16_t, abi::kMaxPorts> mtus = all_of(65'535);

  static constexpr std::array<std::uint16_t, abi::kMaxPorts> all_of(std::uint16_t mtu) {
    std::array<std::uint16_t, abi::kMaxPorts> mtus{};
    mtus.fill(mtu);
    return mtus;
  }
};

class Pipeline {
 public:
  // `counters` and `servers` are this worker's; `load` sees all workers'.
  Pipeline(const PipelineSettings& settings, flow::TableMemory memory,
           abi::WorkerCounters& counters, std::span<abi::ServerCounters> servers,
           balance::Load load);

  // The image must be validated and stay in place until another one is installed.
  void install(abi::ImageView image);
  // Bit per group that this node holds. Packets of other groups are not touched, but for those of
  // connections right after the group was given up.
  void hold_groups(std::uint32_t groups, std::uint32_t now_ms);
  // Nobody says what this node holds: nothing, from now on and without an afterlife.
  void drop_groups() { held_groups_ = lingering_groups_ = 0; }

  // Judges, rewrites and answers in place. `now_ms` wraps.
  void process(Batch& batch, std::uint32_t now_ms);
  // Counts the verdicts, once dispatch has had its say (a full transmit queue changes one).
  void tally(const Batch& batch);
  // Forgets idle flows among the next `records` ones, and publishes the gauges.
  void sweep(std::uint32_t records, std::uint32_t now_ms);

  // Mirroring (mirror.cc): tells the peer of connections, through a ring that exists for as long as
  // the pipeline does; takes up the peer's.
  void attach_mirror(abi::RingProducer<abi::MirrorRecord> out) { mirror_.out = out; }
  void set_mirror(bool on) { mirror_.on = on; }
  void begin_bulk(std::uint32_t serial) { mirror_.bulk = {.serial = serial, .running = true}; }
  // Goes on with the bulk; returns the number of records that it looked at.
  std::uint32_t bulk_turn(std::uint32_t now_ms);
  void learn(const abi::MirrorRecord& told, std::uint32_t now_ms);

  // Fragments that were held, now that the first of their packet has come: to be sent or handed
  // over besides the batch that has been processed, and before the next one is. They have been
  // counted when they came.
  struct Released {
    Packet packet;
    Verdict verdict{};
  };
  [[nodiscard]] std::span<const Released> take_released() {
    return std::span(released_).first(std::exchange(released_count_, 0));
  }

  // Something the control plane should hear of, at most one per call to process().
  std::optional<abi::Event> take_event();

  [[nodiscard]] flow::FlowTable& flows() { return flows_; }
  [[nodiscard]] abi::ImageView image() const { return image_; }

 private:
  struct Arrival {  // one packet, while it is judged
    Packet& packet;
    const Parsed& parsed;
  };

  void look_up(Batch& batch) const;
  Verdict judge(Arrival arrival);
  Verdict track(Arrival arrival, flow::FlowRef ref);
  Verdict forward(Arrival arrival, flow::FlowRef ref, flow::TcpEvent event);
  // `parsed` is of a whole packet, or nullptr.
  Verdict send_one_way(Packet& packet, const Parsed* parsed, const flow::FlowRecord& record,
                       const abi::ImageNextHop& hop);
  // Longest frame of the flow that leaves by the port.
  [[nodiscard]] std::uint32_t frame_limit(const flow::FlowRecord& record, std::uint8_t out) const;
  Verdict without_flow(Arrival arrival);
  Verdict foreign(Arrival arrival) const;
  Verdict towards_service(Arrival arrival, const abi::ImageAddress& to);
  Verdict answer_arp(Arrival arrival);
  Verdict answer_echo(Arrival arrival);
  Verdict reset(Arrival arrival, std::uint8_t group, Verdict verdict);
  [[nodiscard]] bool hand_over(Arrival arrival, const abi::ImageAddress* to) const;

  // fragments.cc
  Verdict first_fragment(Arrival arrival);
  Verdict later_fragment(Arrival arrival);
  Verdict follow(Packet& packet, const FragmentWay& way);

  // errors.cc
  Verdict relay_error(Arrival arrival);
  void note_refusal(Arrival arrival, const flow::FlowRecord& record);
  Verdict error_without_flow(Arrival arrival) const;
  Verdict too_long(Arrival arrival, std::uint8_t group, std::uint32_t mtu);
  Verdict answer_by_error(Arrival arrival, std::uint8_t group, const IcmpError& error,
                          Verdict otherwise);
  [[nodiscard]] bool may_send_error();

  // new_flow.cc
  Verdict open_flow(Arrival arrival, std::uint16_t service, const abi::ImageAddress& to);
  [[nodiscard]] std::uint32_t free_record();
  [[nodiscard]] bool aim(flow::FlowRecord& record, const abi::ImageServer& server);
  [[nodiscard]] bool find_source_port(flow::FlowRecord& record, const abi::ImageServer& server);
  void forget(std::uint32_t flow);

  // linger.cc
  [[nodiscard]] bool lingers(std::uint32_t group) const {
    return (lingering_groups_ >> group & 1) != 0 && now_ms_ - given_up_at_ms_[group] < kLingerMs;
  }
  Verdict forward_for_holder(Arrival arrival, flow::FlowRef ref);
  void end_lingering();

  // mirror.cc
  [[nodiscard]] bool is_mirrored(const flow::FlowRecord& record) const;
  [[nodiscard]] bool push_told(flow::FlowRecord& record, abi::MirrorKind kind);
  void tell_change(flow::FlowRecord& record);
  void tell_erased(flow::FlowRecord& record);
  void tell_again(flow::FlowRecord& record);
  [[nodiscard]] bool is_plausible(const abi::MirrorRecord& told) const;
  [[nodiscard]] bool aims_right(const abi::MirrorRecord& told, std::uint32_t slot) const;
  void learn_change(flow::FlowRecord& record, const abi::MirrorRecord& told);
  void learn_new(const abi::MirrorRecord& told);
  void look_for_way(flow::FlowRecord& record) const;

  [[nodiscard]] flow::TcpEvent note_datagram(flow::FlowRecord& record, flow::TcpEvent event);
  void note_repeated_syn(const flow::FlowRecord& record, flow::TcpEvent event);
  void note_answer(const flow::FlowRecord& record, flow::TcpEvent event);
  void move_on(flow::FlowRecord& record, flow::TcpState next);
  [[nodiscard]] std::uint32_t timeout_ms(const flow::FlowRecord& record) const;
  [[nodiscard]] bool holds(std::uint32_t group) const { return held_groups_ >> group & 1; }
  // Whether what the peer told last may still be on its way.
  [[nodiscard]] bool has_just_taken(std::uint32_t group) const {
    return now_ms_ - taken_at_ms_[group] < kTakeoverGraceMs;
  }

  PipelineSettings settings_;
  flow::FlowTable flows_;
  balance::Selector selector_;
  abi::WorkerCounters& counters_;
  std::span<abi::ServerCounters> servers_;
  abi::ImageView image_;
  flow::HashSecret shared_secret_;  // from the image
  std::uint32_t held_groups_ = 0;
  std::uint32_t lingering_groups_ = 0;
  std::array<std::uint32_t, abi::kMaxGroups> taken_at_ms_{};
  std::array<std::uint32_t, abi::kMaxGroups> given_up_at_ms_{};
  std::uint32_t now_ms_ = 0;
  bool has_nat_ = false;  // packets for clients may be ours, too
  std::uint16_t tunnel_id_ = 0;
  std::optional<abi::Event> event_;

  FragmentTable fragments_;
  std::array<Released, kHeldFragments> released_;
  std::uint32_t released_count_ = 0;

  struct ErrorBudget {
    std::uint32_t second_began_ms = 0;
    std::uint32_t sent = 0;  // in this second
  };
  ErrorBudget errors_;

  struct Bulk {
    std::uint32_t serial = 0;
    std::uint32_t at = 0;  // next record to look at
    bool running = false;
  };
  struct Mirror {
    abi::RingProducer<abi::MirrorRecord> out;
    bool on = false;
    Bulk bulk;
  };
  Mirror mirror_;
};

}  // namespace carpool::stage
