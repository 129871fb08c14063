#include "controlplane/appliance/worker_watch.h"

#include <chrono>

#include <fmt/format.h>

namespace carpool {
namespace {

constexpr Duration kMeasureEvery = std::chrono::seconds(1);

}  // namespace

void WorkerWatch::observe(const abi::Region& region, Instant now) {
  if (activity_.size() != region.workers()) {
    activity_.assign(region.workers(), {});
    measured_.assign(region.workers(), {});
    next_measurement_ = now;
  }
  for (console::WorkerActivity& worker : activity_)
    worker.alive = true;
  for (const std::uint32_t thread : liveness_.observe(link::heartbeats(region), now)) {
    // The main thread forwards nothing: without it links and addresses go stale, packets do not.
    if (thread < activity_.size()) activity_[thread].alive = false;
  }
  if (now >= next_measurement_) {
    next_measurement_ = now + kMeasureEvery;
    measure(region);
  }
}

void WorkerWatch::forget() {
  liveness_.forget();
  activity_.clear();
}

std::optional<std::string> WorkerWatch::stalled() const {
  for (std::size_t worker = 0; worker < activity_.size(); ++worker) {
    if (activity_[worker].alive) continue;
    return fmt::format(
        "worker {} has made no progress for {} ms", worker,
        std::chrono::duration_cast<std::chrono::milliseconds>(kSilenceBound).count());
  }
  return std::nullopt;
}

void WorkerWatch::measure(const abi::Region& region) {
  for (std::uint32_t worker = 0; worker < region.workers(); ++worker) {
    const abi::ThreadStatus& status = region.status(worker);
    const Cycles now = {status.busy_cycles.load(std::memory_order_relaxed),
                        status.idle_cycles.load(std::memory_order_relaxed)};
    const auto busy = static_cast<double>(now.busy - measured_[worker].busy);
    const auto idle = static_cast<double>(now.idle - measured_[worker].idle);
    activity_[worker].busy_percent = busy + idle > 0 ? 100 * busy / (busy + idle) : 0;
    measured_[worker] = now;
  }
}

}  // namespace carpool
