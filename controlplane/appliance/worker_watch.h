// Are the workers alive, and how busy are they? Looks at what they write into the region.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "controlplane/console/status.h"
#include "controlplane/link/liveness.h"
#include "dataplane/abi/region.h"
#include "dataplane/base/time.h"

namespace carpool {

class WorkerWatch {
 public:
  // A worker that sleeps when it is idle wakes up every few milliseconds; one that shares its core
  // may have to wait for a turn of the scheduler or several.
  static constexpr Duration kSilenceBound = std::chrono::milliseconds(300);

  // Call it several times per bound.
  void observe(const abi::Region& region, Instant now);
  // The data plane is gone.
  void forget();

  // "worker 1 has made no progress for 300 ms"; nothing if all do.
  [[nodiscard]] std::optional<std::string> stalled() const;
  [[nodiscard]] const std::vector<console::WorkerActivity>& activity() const { return activity_; }

 private:
  struct Cycles {
    std::uint64_t busy = 0;
    std::uint64_t idle = 0;
  };
  void measure(const abi::Region& region);

  link::Liveness liveness_{kSilenceBound};
  std::vector<console::WorkerActivity> activity_;
  std::vector<Cycles> measured_;
  Instant next_measurement_{};
};

}  // namespace carpool
