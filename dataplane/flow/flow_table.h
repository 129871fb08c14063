// A worker's connections: records, the index that finds them, the budget for half-open ones, and
// the sweep that forgets idle ones. Sized once, never grows. What is established is never given up
// for something new; what is half-open or over is.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "dataplane/flow/flow_index.h"
#include "dataplane/flow/flow_record.h"

namespace carpool::flow {

struct FlowLimits {
  std::uint32_t flows = 65'536;     // at most 2^30 - 1
  std::uint32_t half_open = 8'192;  // handshakes under way at a time
};

// Zeroed memory, from huge pages where there are any: two random cache lines per packet should not
// also be two TLB misses.
class TableMemory {
 public:
  TableMemory() = default;
  explicit TableMemory(std::size_t bytes);
  TableMemory(TableMemory&& other) noexcept;
  TableMemory& operator=(TableMemory&& other) noexcept;
  ~TableMemory();

  [[nodiscard]] std::byte* data() const { return bytes_; }  // nullptr: no memory to be had
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  std::byte* bytes_ = nullptr;
  std::size_t size_ = 0;
};

// What ended a flow, for counters.
enum class FlowEnd : std::uint8_t { expired, recycled_half_open, recycled_over };

class FlowTable {
 public:
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};

  // Memory for all of it, in bytes.
  static std::size_t bytes_needed(const FlowLimits& limits);

  // `memory` has at least bytes_needed(limits), zeroed.
  FlowTable(TableMemory memory, const FlowLimits& limits, const HashSecret& secret);

  [[nodiscard]] FlowRecord& record(std::uint32_t flow) { return records_[flow]; }
  [[nodiscard]] FlowRecord& record_of(FlowRef ref) { return records_[ref >> 1]; }
  static Direction direction_of(FlowRef ref) { return static_cast<Direction>(ref & 1); }

  [[nodiscard]] std::uint64_t hash_of(const FlowKey& key) const { return hash(key, secret_); }
  [[nodiscard]] const FlowIndex& index() const { return index_; }
  void prefetch(FlowRef ref) const { __builtin_prefetch(&records_[ref >> 1]); }

  [[nodiscard]] FlowRef find(const FlowKey& key, std::uint64_t hash) const {
    return index_.find(
        hash, [&](FlowRef ref) { return records_[ref >> 1].matches(key, direction_of(ref)); });
  }

  // A free record, or kNone. Its fields are the caller's to fill, then enter() or give_back().
  [[nodiscard]] std::uint32_t allocate();
  void give_back(std::uint32_t flow);
  // Makes the flow findable by both of its keys (a one-way flow: by its first) and counts it, also
  // as half-open if it is so. False if the index has no room: the flow is then not entered.
  [[nodiscard]] bool enter(std::uint32_t flow);
  void erase(std::uint32_t flow);

  // Moves the flow to a new state and keeps the counts.
  void set_state(FlowRecord& record, TcpState next) {
    if (is_half_open(record.state) && !is_half_open(next)) {
      no_longer_half_open(record);
      record.is_told = is_over(next);  // what was never open is of no interest to the peer
    }
    record.state = next;
  }

  // The oldest handshake under way if the budget is used up, else kNone.
  [[nodiscard]] std::uint32_t half_open_to_recycle() const {
    return half_open_ < limits_.half_open ? kNone : oldest_half_open_;
  }
  // A flow that is over, the oldest of the next few that the hand passes, or kNone.
  [[nodiscard]] std::uint32_t over_to_recycle(std::uint32_t now_ms);

  // Passes the hand over the next `count` records; `visit(record)` says which flows are to be
  // forgotten.
  template <class Visit>
  void sweep(std::uint32_t count, Visit visit) {
    for (std::uint32_t i = 0; i < count; ++i) {
      FlowRecord& record = records_[sweep_hand_];
      __builtin_prefetch(&record + 8);
      if (record.state != TcpState::free && visit(record)) erase(sweep_hand_);
      sweep_hand_ = sweep_hand_ + 1 == limits_.flows ? 0 : sweep_hand_ + 1;
    }
  }

  // Records from here on have never been in use.
  [[nodiscard]] std::uint32_t used() const { return never_used_; }
  [[nodiscard]] std::uint32_t live() const { return live_; }
  [[nodiscard]] std::uint32_t half_open() const { return half_open_; }
  [[nodiscard]] const FlowLimits& limits() const { return limits_; }

 private:
  // Takes it out of the list; its state is still, or was just, a half-open one.
  void no_longer_half_open(const FlowRecord& record);

  TableMemory memory_;
  FlowLimits limits_;
  HashSecret secret_;
  FlowIndex index_;
  FlowRecord* records_ = nullptr;
  std::uint32_t oldest_half_open_ = kNone;
  std::uint32_t newest_half_open_ = kNone;
  std::uint32_t free_head_ = kNone;
  std::uint32_t never_used_ = 0;  // records from here on have not been used yet
  std::uint32_t sweep_hand_ = 0;
  std::uint32_t recycle_hand_ = 0;
  std::uint32_t live_ = 0;
  std::uint32_t half_open_ = 0;
};

}  // namespace carpool::flow
