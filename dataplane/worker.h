// A worker: one pinned thread that receives, judges and sends, and nothing else. Once run() has
// begun it takes no lock, allocates nothing and, between ports that need none, makes no system call
// (AF_XDP and AF_PACKET send by one; idle sleep is one).
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <span>
#include <vector>

#include <poll.h>

#include "dataplane/abi/region.h"
#include "dataplane/stage/pipeline.h"

struct rte_mbuf;
struct rte_mempool;
struct rte_ring;

namespace carpool {

enum class Idle : std::uint8_t { poll, sleep };

struct WorkerPort {
  std::uint16_t ethdev_id = 0;
  std::uint16_t queues = 1;  // of the device; worker i has queue i if there is one
  int receive_fd = -1;       // readable when this worker's queue has packets; -1: no such thing
};

struct WorkerSettings {
  stage::PipelineSettings pipeline;
  std::vector<WorkerPort> ports;   // by port index
  std::vector<rte_ring*> inboxes;  // by worker: packets handed over to it; many producers
  rte_mempool* pool = nullptr;     // for frames of the control plane
  Idle idle = Idle::poll;
  std::uint32_t fence_ms = 1'500;
  const std::atomic<bool>* stop = nullptr;
};

class Worker {
 public:
  Worker(const WorkerSettings& settings, const abi::Region& region, flow::TableMemory memory);

  void run();   // until *stop
  void turn();  // one turn of the loop

 private:
  static constexpr std::uint32_t kCommandsPerTurn = 8;
  static constexpr std::uint32_t kAdvertsPerTurn = 8;
  static constexpr std::uint32_t kHellosPerTurn = 8;
  static constexpr std::uint32_t kMirrorRecordsPerTurn = 64;

  struct TransmitQueue {  // packets on their way out of one port, and where in the batch they stand
    std::uint32_t count = 0;
    rte_mbuf* buffers[stage::kBatch];
    std::uint8_t places[stage::kBatch];
  };

  // Control (worker_control.cc).
  std::uint32_t control_turn(std::uint64_t now);
  void obey(const abi::Command& command);
  void install(const abi::Command& command);
  void watch_control_plane(std::uint64_t now);
  std::uint32_t send_injected();
  std::uint32_t send_hellos(std::uint64_t now);
  void inject(const abi::AdvertFrame& frame);
  std::uint32_t mirror_turn();
  void report(const abi::Event& event);

  // Packets (worker.cc).
  std::uint32_t receive_from_ports();
  std::uint32_t receive_handed_over();
  void serve();  // the packets in batch_ and buffers_
  void dispatch(std::uint32_t place);
  void send_released(const stage::Packet& packet, abi::Verdict verdict);
  [[nodiscard]] abi::Verdict punt(std::uint32_t place);
  void transmit(std::uint8_t port, TransmitQueue& queue);
  [[nodiscard]] bool hand_over(std::uint32_t worker, rte_mbuf* buffer) const;
  std::uint16_t send(std::uint8_t port, rte_mbuf** buffers, std::uint16_t count);

  void sweep();
  void account(std::uint64_t now);
  void rest(std::uint32_t work);
  [[nodiscard]] bool has_queue(const WorkerPort& port) const {
    return settings_.pipeline.worker < port.queues;
  }

  WorkerSettings settings_;
  const abi::Region& region_;
  abi::ThreadStatus& status_;
  abi::WorkerCounters& counters_;
  abi::RingConsumer<abi::Command> commands_;
  abi::RingProducer<abi::Event> events_;
  abi::RingProducer<abi::AdvertFrame> punted_;
  abi::RingConsumer<abi::AdvertFrame> injected_;
  abi::RingProducer<abi::AdvertFrame> hellos_heard_;
  abi::RingConsumer<abi::AdvertFrame> hellos_;  // of worker 0 only
  abi::RingConsumer<abi::MirrorRecord> learned_;
  stage::Pipeline pipeline_;

  stage::Batch batch_;
  rte_mbuf* buffers_[stage::kBatch] = {};
  std::vector<TransmitQueue> transmit_;  // by port

  std::uint64_t cycles_per_ms_;
  std::uint64_t fence_cycles_;
  std::uint64_t control_heartbeat_ = 0;  // as last seen
  std::uint64_t control_seen_at_ = 0;    // TSC; 0: never
  std::uint32_t commanded_groups_ = 0;
  std::uint32_t next_port_ = 0;
  abi::AdvertFrame hello_;    // the next one to send
  bool hello_waits_ = false;  // there is one in hello_
  std::uint64_t hello_at_;    // TSC: not before then is there one to send
  // What a turn fetches; kept, as it would be cleared on every turn's stack.
  std::array<abi::MirrorRecord, kMirrorRecordsPerTurn> told_;
  std::array<abi::AdvertFrame, kAdvertsPerTurn> frames_;

  std::uint64_t turn_began_ = 0;
  std::uint32_t turn_ms_ = 0;  // the same on the pipeline's clock, which wraps
  bool turn_found_work_ = false;
  std::uint32_t swept_at_ms_ = 0;
  std::uint32_t idle_turns_ = 0;
  std::vector<pollfd> wakers_;  // idle sleep: what ends it early
};

}  // namespace carpool
