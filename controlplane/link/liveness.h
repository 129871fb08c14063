// Tells which threads of the data plane have stopped, from the heartbeats that they count. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "dataplane/abi/region.h"
#include "dataplane/base/time.h"

namespace carpool::link {

// Of every thread, in the order of the region: the workers, then the main thread.
[[nodiscard]] std::vector<std::uint64_t> heartbeats(const abi::Region& region);

class Liveness {
 public:
  explicit Liveness(Duration bound) : bound_(bound) {}

  // The threads without progress for longer than the bound. Another number of threads than before
  // is another data plane: everything starts anew.
  [[nodiscard]] std::vector<std::uint32_t> observe(std::span<const std::uint64_t> heartbeats,
                                                   Instant now);
  void forget() { threads_.clear(); }

 private:
  struct Thread {
    std::uint64_t heartbeat = 0;
    Duration silence{};
  };

  Duration bound_;
  std::vector<Thread> threads_;
  Instant last_{};
};

}  // namespace carpool::link
