// The data plane's ends of the mirror rings, in memory of this program.
#pragma once

#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "controlplane/mirror/worker_rings.h"
#include "dataplane/abi/mirror.h"
#include "dataplane/abi/ring.h"

namespace carpool::mirror::test {

class FakeWorker {
 public:
  explicit FakeWorker(std::uint32_t capacity)
      : out_place_(out_memory_, capacity), in_place_(in_memory_, capacity) {}

  abi::RingProducer<abi::MirrorRecord>& tells() { return tells_; }
  abi::RingConsumer<abi::MirrorRecord>& is_told() { return is_told_; }
  [[nodiscard]] RingPair rings() const { return {out_place_.place, in_place_.place}; }

 private:
  using Memory = std::unique_ptr<void, decltype(&std::free)>;
  struct Place {
    Place(Memory& memory, std::uint32_t capacity) {
      const std::size_t bytes = abi::ring_bytes<abi::MirrorRecord>(capacity);
      memory.reset(std::aligned_alloc(abi::kCacheLine, bytes));
      std::memset(memory.get(), 0, bytes);
      place = abi::RingPlace<abi::MirrorRecord>::at(memory.get(), capacity);
    }
    abi::RingPlace<abi::MirrorRecord> place{};
  };
  Memory out_memory_{nullptr, std::free};
  Memory in_memory_{nullptr, std::free};
  Place out_place_;
  Place in_place_;
  abi::RingProducer<abi::MirrorRecord> tells_{out_place_.place};
  abi::RingConsumer<abi::MirrorRecord> is_told_{in_place_.place};
};

class FakeWorkers {
 public:
  explicit FakeWorkers(std::uint32_t count, std::uint32_t capacity = abi::kMirrorRingSize) {
    for (std::uint32_t at = 0; at < count; ++at)
      workers_.push_back(std::make_unique<FakeWorker>(capacity));
  }
  [[nodiscard]] std::vector<RingPair> rings() const {
    std::vector<RingPair> rings;
    for (const auto& worker : workers_)
      rings.push_back(worker->rings());
    return rings;
  }
  FakeWorker& operator[](std::size_t worker) { return *workers_[worker]; }
  [[nodiscard]] std::size_t size() const { return workers_.size(); }

 private:
  std::vector<std::unique_ptr<FakeWorker>> workers_;
};

}  // namespace carpool::mirror::test
