// Fetches what the workers and the main thread of the data plane have to say.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "dataplane/abi/messages.h"
#include "dataplane/abi/region.h"
#include "dataplane/abi/ring.h"

namespace carpool::link {

class EventReader {
 public:
  // The region's only reader of events.
  explicit EventReader(const abi::Region& region) {
    for (std::uint32_t thread = 0; thread <= region.main_thread(); ++thread)
      rings_.emplace_back(region.events(thread));
  }

  // Calls handle(thread, event) for what has arrived, a bounded number per thread.
  template <class Handle>
  void poll(Handle handle) {
    std::array<abi::Event, 64> events;
    for (std::uint32_t thread = 0; thread < rings_.size(); ++thread) {
      const std::uint32_t count = rings_[thread].pop(events);
      for (const abi::Event& event : std::span(events).first(count))
        handle(thread, event);
    }
  }

 private:
  std::vector<abi::RingConsumer<abi::Event>> rings_;
};

}  // namespace carpool::link
