// Frames of redundancy protocols between the control plane and the data plane.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "dataplane/abi/messages.h"
#include "dataplane/abi/region.h"
#include "dataplane/abi/ring.h"
#include "dataplane/base/time.h"

namespace carpool::link {

class AdvertChannel {
 public:
  // The region's only one.
  explicit AdvertChannel(const abi::Region& region)
      : to_send_(region.injected(0)), injected_(to_send_) {
    for (std::uint32_t worker = 0; worker < region.workers(); ++worker)
      punted_.emplace_back(region.punted(worker));
  }

  // By worker 0, so that an advert proves that forwarding works. false: too long, or no room,
  // which means that the worker has stopped.
  [[nodiscard]] bool send(std::uint16_t port, std::span<const std::uint8_t> frame, Instant now) {
    abi::AdvertFrame message;
    if (frame.size() > sizeof message.bytes) return false;
    message.time_ns = to_ns(now);
    message.port = port;
    message.length = static_cast<std::uint16_t>(frame.size());
    std::memcpy(message.bytes, frame.data(), frame.size());
    return injected_.push(message);
  }

  // Whether the worker has taken everything that it was given.
  [[nodiscard]] bool all_taken() const {
    return to_send_.control->head.load(std::memory_order_relaxed) ==
           to_send_.control->tail.load(std::memory_order_acquire);
  }

  // Calls handle(port, frame) for what has arrived, a bounded number per worker.
  template <class Handle>
  void poll(Handle handle) {
    std::array<abi::AdvertFrame, 32> frames;
    for (auto& ring : punted_) {
      const std::uint32_t count = ring.pop(frames);
      for (const abi::AdvertFrame& frame : std::span(frames).first(count)) {
        const auto length = std::min<std::size_t>(frame.length, sizeof frame.bytes);
        handle(frame.port, std::span(frame.bytes).first(length));
      }
    }
  }

 private:
  abi::RingPlace<abi::AdvertFrame> to_send_;
  abi::RingProducer<abi::AdvertFrame> injected_;
  std::vector<abi::RingConsumer<abi::AdvertFrame>> punted_;
};

}  // namespace carpool::link
