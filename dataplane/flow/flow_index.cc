#include "dataplane/flow/flow_index.h"

#include <cassert>

namespace carpool::flow {

bool FlowIndex::put(std::uint32_t bucket, std::uint16_t tag, FlowRef ref) {
  const unsigned free = matches(buckets_[bucket], 0);
  if (free == 0) return false;
  const int at = __builtin_ctz(free);
  buckets_[bucket].tags[at] = tag;
  buckets_[bucket].refs[at] = ref;
  return true;
}

bool FlowIndex::make_room(std::uint32_t bucket) {
  Bucket& full = buckets_[bucket];
  for (unsigned i = 0; i < kEntries; ++i) {
    const std::uint32_t other = other_bucket(bucket, full.tags[i]);
    if (other == bucket || matches(buckets_[other], 0) == 0) continue;
    const bool was_spilled = (full.refs[i] & kSpilledBit) != 0;
    const bool moved = put(other, full.tags[i], full.refs[i] ^ kSpilledBit);
    assert(moved);
    (void)moved;
    buckets_[was_spilled ? other : bucket].spilled += was_spilled ? -1u : 1u;
    full.tags[i] = 0;
    return true;
  }
  return false;
}

bool FlowIndex::insert(std::uint64_t hash, FlowRef ref) {
  const std::uint32_t first = first_bucket(hash);
  const std::uint16_t entry_tag = tag(hash);
  if (put(first, entry_tag, ref)) return true;
  const std::uint32_t other = other_bucket(first, entry_tag);
  if (put(other, entry_tag, ref | kSpilledBit)) {
    ++buckets_[first].spilled;
    return true;
  }
  if (make_room(first)) return put(first, entry_tag, ref);
  if (!make_room(other)) return false;
  ++buckets_[first].spilled;
  return put(other, entry_tag, ref | kSpilledBit);
}

bool FlowIndex::take(std::uint32_t bucket, std::uint16_t tag, FlowRef ref) {
  Bucket& from = buckets_[bucket];
  for (unsigned found = matches(from, tag); found != 0; found &= found - 1) {
    const int at = __builtin_ctz(found);
    if (from.refs[at] != ref) continue;
    from.tags[at] = 0;
    return true;
  }
  return false;
}

void FlowIndex::erase(std::uint64_t hash, FlowRef ref) {
  const std::uint32_t first = first_bucket(hash);
  const std::uint16_t entry_tag = tag(hash);
  if (take(first, entry_tag, ref)) return;
  [[maybe_unused]] const bool taken =
      take(other_bucket(first, entry_tag), entry_tag, ref | kSpilledBit);
  assert(taken);
  --buckets_[first].spilled;
}

}  // namespace carpool::flow
