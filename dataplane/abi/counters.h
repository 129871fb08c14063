// Counters: written by one worker, read by anyone. Relaxed atomics cost the same as plain integers
// on every machine we run on and keep a reader from seeing half of one.
#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "dataplane/abi/limits.h"
#include "dataplane/abi/verdict.h"

namespace carpool::abi {

class Counter {
 public:
  // Only its one writer calls these.
  void add(std::uint64_t amount) {
    value_.store(value_.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
  }
  void set(std::uint64_t value) { value_.store(value, std::memory_order_relaxed); }

  [[nodiscard]] std::uint64_t get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};
static_assert(sizeof(Counter) == 8 && std::atomic<std::uint64_t>::is_always_lock_free);

struct alignas(kCacheLine) PortCounters {
  Counter rx_packets;
  Counter rx_bytes;
  Counter tx_packets;
  Counter tx_bytes;
  Counter tx_dropped;  // packets that the port did not take
};

// How long servers take to agree to a connection is counted in classes: under 1 ms, then up to
// four times the class before. From 4,096 ms on it is the last one.
inline constexpr std::size_t kAnswerTimes = 8;
[[nodiscard]] constexpr std::size_t answer_time_class(std::uint32_t ms) {
  return ms < 4096 ? (static_cast<std::size_t>(std::bit_width(ms)) + 1) / 2 : kAnswerTimes - 1;
}
static_assert(answer_time_class(0) == 0 && answer_time_class(3) == 1 && answer_time_class(4) == 2 &&
              answer_time_class(1023) == 5 && answer_time_class(4095) == 6);

// Of one server as the target of one service. "in" is client to server.
struct alignas(kCacheLine) ServerCounters {
  // Of every packet.
  Counter connections;  // since start
  Counter active;       // now
  Counter packets_in;
  Counter bytes_in;
  Counter packets_out;
  Counter bytes_out;
  Counter reserved[2];
  // Of a connection's beginning and of mishaps: a line that established connections do not touch.
  Counter answered;            // the server agreed to the connection
  Counter connect_timeouts;    // it said nothing
  Counter refused;             // it reset the connection instead
  Counter resets;              // it reset the connection later
  Counter syn_retransmits;     // the client asked again: its SYN or the answer was lost, or is late
  Counter answer_retransmits;  // the server agreed again: its answer or the client's ACK was lost
  Counter reserved_rare[2];
  // `answered`, by the time since the client's last SYN: a line of its own, once per connection.
  Counter answer_times[kAnswerTimes];
};
static_assert(sizeof(ServerCounters) == 3 * kCacheLine);
static_assert(offsetof(ServerCounters, answered) == kCacheLine);
static_assert(offsetof(ServerCounters, answer_times) == 2 * kCacheLine);

struct alignas(kCacheLine) WorkerCounters {
  Counter received;  // packets from ports and from other workers
  Counter verdicts[kVerdicts];
  Counter batches;
  Counter flows_live;
  Counter flows_half_open;
  Counter flows_capacity;
  Counter half_open_capacity;
  Counter flows_created;
  Counter flows_expired;
  Counter half_open_recycled;        // half-open flows dropped for newer ones
  Counter closing_recycled;          // closed flows whose source port was needed again
  Counter fragments_released;        // held, and sent once the first of their packet had come
  Counter fragments_lost;            // held in vain, or pushed out by others
  Counter stale_adverts;             // frames for sending that had waited too long
  Counter mirror_told;               // records given to the peer's mirror
  Counter mirror_refreshes_skipped;  // for want of room; the next sweep tries again
  Counter mirror_changes_delayed;    // likewise
  Counter mirror_ends_lost;          // the peer keeps such a connection until it times out
  Counter mirror_learned;            // records of the peer's that were taken up
  Counter mirror_refused;            // they do not fit this node's configuration
  Counter mirror_outdated;           // this node holds the group and knows better
  Counter mirror_no_room;            // flow table full
  PortCounters ports[kMaxPorts];
};

}  // namespace carpool::abi
