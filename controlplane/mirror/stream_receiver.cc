#include "controlplane/mirror/stream_receiver.h"

#include <algorithm>

namespace carpool::mirror {

StreamReceiver::Arrival StreamReceiver::keep(const StreamItem& item) {
  // An item without bytes is nothing that decodes; it is known again by having none.
  if (item.item.empty()) return Arrival::too_early;
  ItemBytes& kept = place(item.number);
  if (!kept.empty()) return Arrival::duplicate;
  kept.assign(item.item.begin(), item.item.end());
  ++kept_;
  highest_ = std::max(highest_, item.number);
  return Arrival::early;
}

Acknowledgement StreamReceiver::acknowledgement() {
  if (kept_ == 0) return {next_, {}};
  map_.fill(0);
  const std::uint64_t bits = highest_ - next_;  // bit 0 stands for the item after the next one
  for (std::uint64_t bit = 0; bit < bits; ++bit) {
    if (!place(next_ + 1 + bit).empty()) map_[bit / 8] |= static_cast<std::uint8_t>(1 << bit % 8);
  }
  return {next_, std::span(map_).first((bits + 7) / 8)};
}

}  // namespace carpool::mirror
