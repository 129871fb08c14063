// The stages put together: a batch of packets in, one verdict for each out.
//
//   parse      what is it, are its headers sound                        parse.h
//   track      to which flow does it belong, how does that move on      pipeline.cc
//   classify   no flow: is it for one of our addresses and services     pipeline.cc
//   select     a new connection: server, source port, record            new_flow.cc
//   rewrite    what the other end expects to see                        rewrite.h
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

#include "dataplane/abi/counters.h"
#include "dataplane/abi/image.h"
#include "dataplane/abi/messages.h"
#include "dataplane/abi/mirror.h"
#include "dataplane/abi/ring.h"
#include "dataplane/balance/select.h"
#include "dataplane/flow/flow_table.h"
#include "dataplane/stage/batch.h"

namespace carpool::stage {

// For so long after a takeover packets of unknown connections are dropped, not reset: the
// connection may be in the last records that the peer has sent, and a retransmission will find it.
inline constexpr std::uint32_t kTakeoverGraceMs = 300;

// For so long after this node gave a group up, packets of its connections that still come here go
// on: longer than the new holder takes to repeat its announcement.
inline constexpr std::uint32_t kLingerMs = 500;

struct PipelineSettings {
  std::uint32_t worker = 0;
  std::uint32_t workers = 1;
  flow::FlowLimits limits;
  flow::HashSecret table_secret;                       // of this process alone
  std::array<MacAddress, abi::kMaxPorts> port_macs{};  // the ports' own
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
  Verdict without_flow(Arrival arrival);
  Verdict towards_service(Arrival arrival, const abi::ImageAddress& to);
  Verdict answer_arp(Arrival arrival);
  Verdict answer_echo(Arrival arrival);
  Verdict reset(Arrival arrival, std::uint8_t group, Verdict verdict);
  [[nodiscard]] bool hand_over(Arrival arrival, const abi::ImageAddress* to) const;

  // new_flow.cc
  Verdict open_flow(Arrival arrival, std::uint16_t service, const abi::ImageAddress& to);
  [[nodiscard]] std::uint32_t free_record();
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
  std::optional<abi::Event> event_;

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
