#include "controlplane/link/liveness.h"

#include <algorithm>
#include <atomic>
#include <utility>

namespace carpool::link {

std::vector<std::uint64_t> heartbeats(const abi::Region& region) {
  std::vector<std::uint64_t> beats;
  for (std::uint32_t thread = 0; thread <= region.main_thread(); ++thread)
    beats.push_back(region.status(thread).heartbeat.load(std::memory_order_relaxed));
  return beats;
}

std::vector<std::uint32_t> Liveness::observe(std::span<const std::uint64_t> heartbeats,
                                             Instant now) {
  if (threads_.size() != heartbeats.size()) {
    threads_.clear();
    for (const std::uint64_t heartbeat : heartbeats)
      threads_.push_back({.heartbeat = heartbeat});
    last_ = now;
    return {};
  }
  // Where we ourselves did not run for long, the whole machine may have been suspended, and the
  // threads with it: no single gap between two looks is enough to call one dead.
  const Duration gap = std::min(now - std::exchange(last_, now), bound_ / 2);
  std::vector<std::uint32_t> stopped;
  for (std::uint32_t index = 0; index < threads_.size(); ++index) {
    Thread& thread = threads_[index];
    const bool moved = std::exchange(thread.heartbeat, heartbeats[index]) != heartbeats[index];
    thread.silence = moved ? Duration{} : thread.silence + gap;
    if (thread.silence > bound_) stopped.push_back(index);
  }
  return stopped;
}

}  // namespace carpool::link
