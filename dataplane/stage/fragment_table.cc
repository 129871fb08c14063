#include "dataplane/stage/fragment_table.h"

#include <cstring>

#include "dataplane/flow/flow_key.h"

namespace carpool::stage {

std::uint32_t FragmentTable::set_of(const FragmentKey& key) {
  const std::uint64_t rest = key.id | std::uint64_t{key.protocol} << 16;
  const std::uint64_t mixed =
      flow::fold_multiply(key.addresses ^ 0x9e3779b97f4a7c15, rest ^ 0xd1b54a32d192ed03);
  return static_cast<std::uint32_t>(mixed >> 32) % (kFragmentedPackets / kWays) * kWays;
}

const FragmentWay* FragmentTable::find(const FragmentKey& key, std::uint32_t now_ms) const {
  const std::uint32_t set = set_of(key);
  for (std::uint32_t i = set; i < set + kWays; ++i) {
    const Entry& entry = entries_[i];
    if (entry.in_use && entry.key == key && now_ms - entry.since_ms <= kFragmentTimeoutMs) {
      return &entry.way;
    }
  }
  return nullptr;
}

void FragmentTable::remember(const FragmentKey& key, const FragmentWay& way, std::uint32_t now_ms) {
  const std::uint32_t set = set_of(key);
  Entry* place = &entries_[set];
  for (std::uint32_t i = set; i < set + kWays; ++i) {
    Entry& entry = entries_[i];
    if (entry.in_use && entry.key == key) {
      place = &entry;
      break;
    }
    const bool is_better = !entry.in_use || now_ms - entry.since_ms > now_ms - place->since_ms;
    if (place->in_use && is_better) place = &entry;
  }
  *place = {.key = key, .way = way, .since_ms = now_ms, .in_use = true};
}

bool FragmentTable::hold(const FragmentKey& key, const Packet& packet, std::uint32_t now_ms,
                         std::uint32_t& pushed_out) {
  if (packet.length > kLongestHeld) return false;
  Held& held = (*held_)[next_];
  next_ = (next_ + 1) % kHeldFragments;
  if (held.in_use) {
    ++pushed_out;
    --held_count_;
  }
  held.key = key;
  held.since_ms = now_ms;
  held.length = packet.length;
  held.port = packet.port;
  held.in_use = true;
  std::memcpy(held.bytes + kHeadroom, packet.data, packet.length);
  ++held_count_;
  return true;
}

std::uint32_t FragmentTable::expire(std::uint32_t now_ms) {
  if (held_count_ == 0) return 0;
  std::uint32_t expired = 0;
  for (Held& held : *held_) {
    if (!held.in_use || now_ms - held.since_ms <= kFragmentTimeoutMs) continue;
    held.in_use = false;
    --held_count_;
    ++expired;
  }
  return expired;
}

}  // namespace carpool::stage
