// The receiving half of a reliable stream: hands items on in order, keeps those that came early,
// and says what has arrived. Pure.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "controlplane/mirror/message.h"
#include "controlplane/mirror/stream_sender.h"

namespace carpool::mirror {

class StreamReceiver {
 public:
  enum class Arrival : std::uint8_t { in_order, early, duplicate, too_early };

  // Calls deliver(item bytes) for every item that is next now.
  template <class Deliver>
  Arrival take(const StreamItem& item, Deliver deliver) {
    if (item.number < next_) return Arrival::duplicate;
    if (item.number - next_ >= kMaxWindow) return Arrival::too_early;
    if (item.number != next_) return keep(item);
    deliver(item.item);
    for (++next_; !place(next_).empty(); ++next_) {
      const ItemBytes bytes = std::exchange(place(next_), {});
      --kept_;
      deliver(std::span<const std::uint8_t>(bytes));
    }
    return Arrival::in_order;
  }

  [[nodiscard]] std::uint64_t next() const { return next_; }
  [[nodiscard]] std::size_t kept() const { return kept_; }
  // What to tell the sender; valid until the next item is taken.
  [[nodiscard]] Acknowledgement acknowledgement();

 private:
  ItemBytes& place(std::uint64_t number) { return (*early_)[number % kMaxWindow]; }
  Arrival keep(const StreamItem& item);

  std::uint64_t next_ = 0;
  std::uint64_t highest_ = 0;  // of the items kept
  std::size_t kept_ = 0;
  using Early = std::array<ItemBytes, kMaxWindow>;  // by number; empty: not here
  std::unique_ptr<Early> early_ = std::make_unique<Early>();
  std::array<std::uint8_t, kMaxWindow / 8> map_{};
};

}  // namespace carpool::mirror
