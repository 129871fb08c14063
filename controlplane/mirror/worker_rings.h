// The control plane's ends of the workers' mirror rings.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "dataplane/abi/limits.h"
#include "dataplane/abi/mirror.h"
#include "dataplane/abi/ring.h"

namespace carpool::mirror {

// Of one worker: the ring in which it tells, and the one in which it is told.
struct RingPair {
  abi::RingPlace<abi::MirrorRecord> out;
  abi::RingPlace<abi::MirrorRecord> in;
};

class WorkerRings {
 public:
  // Records fetched from one worker in one turn: at a thousand turns a second four million.
  static constexpr std::size_t kFetch = 4096;
  // Records that wait for a worker whose ring is full. With one more window of them in hand, no
  // more are taken from the peer.
  static constexpr std::size_t kMaxWaiting = 4096;

  WorkerRings() = default;
  explicit WorkerRings(const std::vector<RingPair>& rings) {
    for (const RingPair& ring : rings)
      workers_.push_back({abi::RingConsumer(ring.out), abi::RingProducer(ring.in), {}});
  }

  [[nodiscard]] std::uint32_t workers() const {
    return static_cast<std::uint32_t>(workers_.size());
  }

  // Calls take(worker, records) with what the workers tell, while wanted() holds. Returns whether
  // there may be more.
  template <class Take, class Wanted>
  bool fetch(Take take, Wanted wanted) {
    bool more = false;
    for (std::uint32_t worker = 0; worker < workers(); ++worker) {
      std::size_t fetched = 0;
      while (fetched < kFetch && wanted()) {
        const std::uint32_t count = workers_[worker].out.pop(batch_);
        if (count == 0) break;
        take(worker, std::span<const abi::MirrorRecord>(batch_).first(count));
        fetched += count;
      }
      more |= fetched >= kFetch;
    }
    return more;
  }

  // Hands records to the workers that own them; without workers they have nobody to go to.
  void put(std::span<const abi::MirrorRecord> records) {
    if (workers_.empty()) return;
    for (const abi::MirrorRecord& record : records)
      workers_[abi::owner_of_slot(record.slot, workers())].waiting.push_back(record);
    push_waiting();
  }
  // Tries again what had no room.
  void push_waiting() {
    for (Worker& worker : workers_) {
      if (worker.waiting.empty()) continue;
      const std::uint32_t pushed = worker.in.push(worker.waiting);
      worker.waiting.erase(worker.waiting.begin(), worker.waiting.begin() + pushed);
    }
  }
  // A worker has fallen behind: it should not be given more.
  [[nodiscard]] bool congested() const {
    for (const Worker& worker : workers_) {
      if (worker.waiting.size() > kMaxWaiting) return true;
    }
    return false;
  }

 private:
  struct Worker {
    abi::RingConsumer<abi::MirrorRecord> out;
    abi::RingProducer<abi::MirrorRecord> in;
    std::vector<abi::MirrorRecord> waiting;
  };
  std::vector<Worker> workers_;
  std::array<abi::MirrorRecord, 256> batch_{};
};

}  // namespace carpool::mirror
