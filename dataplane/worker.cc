#include "dataplane/worker.h"

#include <algorithm>
#include <cstring>
#include <ctime>

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_pause.h>
#include <rte_ring.h>

namespace carpool {
namespace {

// A packet in an inbox is either to be judged or, where its worker has no queue of its own on the
// port it leaves by, to be sent as it is. The mark lies in the buffer's hash field, which nothing
// else uses here.
constexpr std::uint32_t kToBeJudged = 0;
constexpr std::uint32_t to_be_sent(std::uint8_t port) {
  return port + 1u;
}

constexpr std::uint32_t kSweepTurnMs = 2'000;  // time in which the sweep passes every flow once
constexpr std::uint32_t kSweepAtMost = 4'096;  // records a turn

// Sleeping starts after some empty turns. Ports that can wake us do; what cannot (inboxes, the
// control plane, other ports) waits for at most the bound.
constexpr std::uint32_t kEmptyTurnsBeforeSleep = 4;
constexpr timespec kLongestSleep{0, 1'000'000};
constexpr timespec kLongestSleepUnwakeable{0, 100'000};

}  // namespace

Worker::Worker(const WorkerSettings& settings, const abi::Region& region, flow::TableMemory memory)
    : settings_(settings),
      region_(region),
      status_(region.status(settings.pipeline.worker)),
      counters_(region.counters(settings.pipeline.worker)),
      commands_(region.commands(settings.pipeline.worker)),
      events_(region.events(settings.pipeline.worker)),
      punted_(region.punted(settings.pipeline.worker)),
      injected_(region.injected(settings.pipeline.worker)),
      hellos_heard_(region.hellos_in(settings.pipeline.worker)),
      hellos_(region.hellos_out()),
      learned_(region.mirror_in(settings.pipeline.worker)),
      pipeline_(settings.pipeline, std::move(memory), counters_,
                region.servers(settings.pipeline.worker),
                [&] {
                  std::vector<std::span<abi::ServerCounters>> all;
                  for (std::uint32_t i = 0; i < region.workers(); ++i)
                    all.push_back(region.servers(i));
                  return balance::Load(all);
                }()),
      transmit_(settings.ports.size()),
      cycles_per_ms_(rte_get_tsc_hz() / 1000),
      fence_cycles_(cycles_per_ms_ * settings.fence_ms),
      hello_at_(settings.pipeline.worker == 0 ? 0 : UINT64_MAX) {
  pipeline_.attach_mirror(
      abi::RingProducer<abi::MirrorRecord>(region.mirror_out(settings.pipeline.worker)));
  for (const WorkerPort& port : settings.ports) {
    if (port.receive_fd >= 0) wakers_.push_back({port.receive_fd, POLLIN, 0});
  }
}

void Worker::run() {
  while (!settings_.stop->load(std::memory_order_relaxed))
    turn();
}

void Worker::turn() {
  const std::uint64_t now = rte_rdtsc();
  account(now);
  std::uint32_t work = control_turn(now);
  work += receive_from_ports();
  if (settings_.pipeline.workers > 1) work += receive_handed_over();
  sweep();
  status_.heartbeat.store(now, std::memory_order_relaxed);
  turn_found_work_ = work != 0;
  rest(work);
}

// One batch from all ports: each gets its share, the first one changes from turn to turn.
std::uint32_t Worker::receive_from_ports() {
  const auto ports = static_cast<std::uint32_t>(settings_.ports.size());
  const auto share = static_cast<std::uint16_t>(stage::kBatch / ports);
  std::uint32_t count = 0;
  for (std::uint32_t i = 0; i < ports; ++i) {
    const std::uint32_t port = (next_port_ + i) % ports;
    if (!has_queue(settings_.ports[port])) continue;
    const std::uint16_t got = rte_eth_rx_burst(
        settings_.ports[port].ethdev_id, static_cast<std::uint16_t>(settings_.pipeline.worker),
        buffers_ + count, share);
    std::uint64_t bytes = 0;
    for (std::uint32_t at = count; at < count + got; ++at) {
      rte_mbuf* const buffer = buffers_[at];
      rte_prefetch0(rte_pktmbuf_mtod(buffer, void*));
      bytes += buffer->data_len;
      buffer->port = static_cast<std::uint16_t>(port);  // our index, not DPDK's
    }
    if (got != 0) {
      counters_.ports[port].rx_packets.add(got);
      counters_.ports[port].rx_bytes.add(bytes);
    }
    count += got;
  }
  next_port_ = next_port_ + 1 == ports ? 0 : next_port_ + 1;
  batch_.count = count;
  if (count != 0) serve();
  return count;
}

std::uint32_t Worker::receive_handed_over() {
  rte_mbuf* arrived[stage::kBatch];
  const std::uint32_t count =
      rte_ring_sc_dequeue_burst(settings_.inboxes[settings_.pipeline.worker],
                                reinterpret_cast<void**>(arrived), stage::kBatch, nullptr);
  batch_.count = 0;
  for (std::uint32_t i = 0; i < count; ++i) {
    rte_mbuf* buffer = arrived[i];
    if (buffer->hash.usr == kToBeJudged) {
      buffers_[batch_.count++] = buffer;
    } else if (send(static_cast<std::uint8_t>(buffer->hash.usr - 1), &buffer, 1) == 0) {
      rte_pktmbuf_free(buffer);
    }
  }
  if (batch_.count != 0) serve();
  return count;
}

void Worker::serve() {
  for (std::uint32_t i = 0; i < batch_.count; ++i) {
    rte_mbuf* const buffer = buffers_[i];
    batch_.packets[i] = {.data = rte_pktmbuf_mtod(buffer, std::uint8_t*),
                         .length = buffer->data_len,
                         .port = static_cast<std::uint8_t>(buffer->port)};
  }
  pipeline_.process(batch_, turn_ms_);
  for (std::uint32_t i = 0; i < batch_.count; ++i)
    dispatch(i);
  for (std::size_t port = 0; port < transmit_.size(); ++port) {
    if (transmit_[port].count != 0) transmit(static_cast<std::uint8_t>(port), transmit_[port]);
  }
  pipeline_.tally(batch_);
  for (const auto& released : pipeline_.take_released())
    send_released(released.packet, released.verdict);
  if (const auto event = pipeline_.take_event()) report(*event);
}

// Sends every packet where its verdict says; after this its buffer is no longer ours.
void Worker::dispatch(std::uint32_t place) {
  using abi::Verdict;
  rte_mbuf* const buffer = buffers_[place];
  const stage::Packet& packet = batch_.packets[place];
  Verdict& verdict = batch_.verdicts[place];
  switch (verdict) {
    case Verdict::to_server:
    case Verdict::to_client:
    case Verdict::arp_reply:
    case Verdict::echo_reply:
    case Verdict::error_to_server:
    case Verdict::error_to_client:
    case Verdict::fragmentation_needed:
    case Verdict::port_unreachable:
    case Verdict::reset_no_service:
    case Verdict::reset_no_server:
    case Verdict::reset_no_flow: {
      // A header that was put before the packet lies in the buffer's headroom.
      buffer->data_off =
          static_cast<std::uint16_t>(packet.data - static_cast<std::uint8_t*>(buffer->buf_addr));
      buffer->data_len = packet.length;
      buffer->pkt_len = packet.length;
      TransmitQueue& queue = transmit_[packet.port];
      queue.places[queue.count] = static_cast<std::uint8_t>(place);
      queue.buffers[queue.count++] = buffer;
      return;
    }
    case Verdict::handed_over:
      buffer->hash.usr = kToBeJudged;
      if (hand_over(packet.owner, buffer)) return;
      verdict = Verdict::handover_ring_full;
      break;
    case Verdict::punted:
      verdict = punt(place);
      break;
    default:
      break;
  }
  rte_pktmbuf_free(buffer);
}

// A fragment that had been held, in memory of the pipeline's.
void Worker::send_released(const stage::Packet& packet, abi::Verdict verdict) {
  rte_mbuf* buffer = rte_pktmbuf_alloc(settings_.pool);
  char* const data = buffer == nullptr ? nullptr : rte_pktmbuf_append(buffer, packet.length);
  if (data == nullptr) {
    rte_pktmbuf_free(buffer);
    return counters_.fragments_lost.add(1);
  }
  std::memcpy(data, packet.data, packet.length);
  bool is_gone = false;
  if (verdict == abi::Verdict::handed_over) {
    buffer->hash.usr = kToBeJudged;
    buffer->port = packet.port;
    is_gone = hand_over(packet.owner, buffer);
  } else {
    is_gone = send(packet.port, &buffer, 1) == 1;
  }
  if (is_gone) return;
  rte_pktmbuf_free(buffer);
  counters_.fragments_lost.add(1);
}

// Who wants no hellos does not fetch them, so that they are nobody's.
abi::Verdict Worker::punt(std::uint32_t place) {
  using abi::Verdict;
  const stage::Packet& packet = batch_.packets[place];
  const bool hello = batch_.parsed[place].kind == stage::PacketKind::hello;
  const Verdict otherwise = hello ? Verdict::not_for_us : Verdict::advert_ring_full;
  if (packet.length > abi::kMaxAdvertBytes) return otherwise;
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  abi::AdvertFrame frame;
  frame.time_ns = static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 +
                  static_cast<std::uint64_t>(now.tv_nsec);
  frame.port = packet.port;
  frame.length = packet.length;
  std::copy_n(packet.data, packet.length, frame.bytes);
  return (hello ? hellos_heard_ : punted_).push(frame) ? Verdict::punted : otherwise;
}

bool Worker::hand_over(std::uint32_t worker, rte_mbuf* buffer) const {
  return rte_ring_mp_enqueue(settings_.inboxes[worker], buffer) == 0;
}

void Worker::transmit(std::uint8_t port, TransmitQueue& queue) {
  const auto count = static_cast<std::uint16_t>(queue.count);
  const std::uint16_t sent = send(port, queue.buffers, count);
  for (std::uint16_t i = sent; i < count; ++i) {
    batch_.verdicts[queue.places[i]] = abi::Verdict::transmit_queue_full;
    rte_pktmbuf_free(queue.buffers[i]);
  }
  queue.count = 0;
}

// Returns how many left; the rest stays the caller's.
std::uint16_t Worker::send(std::uint8_t port, rte_mbuf** buffers, std::uint16_t count) {
  const WorkerPort& to = settings_.ports[port];
  std::uint64_t bytes = 0;
  for (std::uint16_t i = 0; i < count; ++i)
    bytes += buffers[i]->pkt_len;
  std::uint16_t sent = 0;
  if (has_queue(to)) [[likely]] {
    sent = rte_eth_tx_burst(to.ethdev_id, static_cast<std::uint16_t>(settings_.pipeline.worker),
                            buffers, count);
  } else {
    const std::uint32_t sender = settings_.pipeline.worker % to.queues;
    while (sent < count) {
      buffers[sent]->hash.usr = to_be_sent(port);
      if (!hand_over(sender, buffers[sent])) break;
      ++sent;
    }
    return sent;  // counted by the worker that sends
  }
  for (std::uint16_t i = sent; i < count; ++i)
    bytes -= buffers[i]->pkt_len;
  auto& counters = counters_.ports[port];
  counters.tx_packets.add(sent);
  counters.tx_bytes.add(bytes);
  if (sent < count) counters.tx_dropped.add(count - sent);
  return sent;
}

void Worker::sweep() {
  const std::uint32_t now_ms = turn_ms_;
  const std::uint32_t elapsed = std::min(now_ms - swept_at_ms_, kSweepTurnMs);
  if (elapsed == 0) return;
  swept_at_ms_ = now_ms;
  const std::uint64_t due =
      std::uint64_t{settings_.pipeline.limits.flows} * elapsed / kSweepTurnMs + 1;
  pipeline_.sweep(static_cast<std::uint32_t>(std::min<std::uint64_t>(due, kSweepAtMost)), now_ms);
}

// Books the time since the last turn began as busy or idle.
void Worker::account(std::uint64_t now) {
  auto& cycles = turn_found_work_ ? status_.busy_cycles : status_.idle_cycles;
  cycles.store(cycles.load(std::memory_order_relaxed) + (now - turn_began_),
               std::memory_order_relaxed);
  turn_began_ = now;
  turn_ms_ = static_cast<std::uint32_t>(now / cycles_per_ms_);
}

void Worker::rest(std::uint32_t work) {
  idle_turns_ = work != 0 ? 0 : idle_turns_ + 1;
  if (settings_.idle == Idle::poll || idle_turns_ < kEmptyTurnsBeforeSleep) {
    if (work == 0) rte_pause();
    return;
  }
  const bool all_wake_us =
      settings_.pipeline.workers == 1 && wakers_.size() == settings_.ports.size();
  ppoll(wakers_.data(), wakers_.size(), all_wake_us ? &kLongestSleep : &kLongestSleepUnwakeable,
        nullptr);
}

}  // namespace carpool
