// Finds flow records by key: a bucketised table of 16-bit tags, one cache line per bucket, ten
// entries each. A key has two buckets; it lives in its first one unless that was full (cuckoo
// hashing with partial keys, Fan et al. 2014, so an entry can be moved without looking at its
// record). The table knows nothing of keys: it returns candidates, whose records the caller
// compares. Sized for 80 % load, it takes 84 % before an insertion fails.
#pragma once

#include <cstdint>
#include <span>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace carpool::flow {

using FlowRef = std::uint32_t;  // record index * 2 + direction, below 2^31
inline constexpr FlowRef kNoFlow = ~FlowRef{0};

class FlowIndex {
 public:
  static constexpr unsigned kEntries = 10;

  struct alignas(64) Bucket {
    std::uint16_t tags[kEntries];  // 0: free
    std::uint32_t refs[kEntries];
    std::uint32_t spilled;  // entries whose first bucket this is and that live in their other one
  };
  static_assert(sizeof(Bucket) == 64);

  // Buckets that hold `entries` at no more than 80 % load.
  static constexpr std::uint32_t buckets_for(std::uint64_t entries) {
    return static_cast<std::uint32_t>(entries / (kEntries * 8 / 10) + 1);
  }

  FlowIndex() = default;
  explicit FlowIndex(std::span<Bucket> zeroed)  // at most 2^31 buckets
      : buckets_(zeroed.data()), count_(static_cast<std::uint32_t>(zeroed.size())) {}

  [[nodiscard]] std::uint32_t first_bucket(std::uint64_t hash) const {
    return static_cast<std::uint32_t>((hash >> 32) * count_ >> 32);
  }
  [[nodiscard]] static std::uint16_t tag(std::uint64_t hash) {
    const auto low = static_cast<std::uint16_t>(hash);
    return low == 0 ? 1 : low;
  }
  // The other bucket of an entry; from there this leads back.
  [[nodiscard]] std::uint32_t other_bucket(std::uint32_t bucket, std::uint16_t tag) const {
    const auto mixed = static_cast<std::uint32_t>(std::uint64_t{tag * 0x9e3779b1u} * count_ >> 32);
    return mixed >= bucket ? mixed - bucket : mixed + count_ - bucket;
  }

  void prefetch(std::uint32_t bucket) const { __builtin_prefetch(&buckets_[bucket]); }
  [[nodiscard]] bool has_spilled(std::uint32_t bucket) const {
    return buckets_[bucket].spilled != 0;
  }

  // First entry of the bucket with this tag, or kNoFlow. Usually, not surely, the one that is
  // sought.
  [[nodiscard]] FlowRef candidate(std::uint32_t bucket, std::uint16_t tag) const {
    const unsigned found = matches(buckets_[bucket], tag);
    if (found == 0) return kNoFlow;
    return buckets_[bucket].refs[__builtin_ctz(found)] & ~kSpilledBit;
  }

  // The entry for which `is_it(ref)` holds, or kNoFlow.
  template <class IsIt>
  [[nodiscard]] FlowRef find(std::uint64_t hash, IsIt is_it) const {
    const std::uint32_t first = first_bucket(hash);
    const std::uint16_t wanted = tag(hash);
    const FlowRef ref = find_in(first, wanted, is_it);
    if (ref != kNoFlow || !has_spilled(first)) return ref;
    return find_in(other_bucket(first, wanted), wanted, is_it);
  }

  // False if both buckets are full and no entry of them can move. The key must not be in the table.
  [[nodiscard]] bool insert(std::uint64_t hash, FlowRef ref);
  // The entry must be in the table.
  void erase(std::uint64_t hash, FlowRef ref);

 private:
  // Set in a stored reference whose entry lives in its second bucket. `spilled` counts by first
  // bucket, and without this mark an entry that is moved could not tell which of its two buckets is
  // its first.
  static constexpr FlowRef kSpilledBit = FlowRef{1} << 31;

  // Bit i is set where entry i has the tag.
  [[nodiscard]] static unsigned matches(const Bucket& bucket, std::uint16_t tag) {
#if defined(__AVX2__)
    const __m256i tags = _mm256_load_si256(reinterpret_cast<const __m256i*>(bucket.tags));
    const __m256i equal = _mm256_cmpeq_epi16(tags, _mm256_set1_epi16(static_cast<short>(tag)));
    const __m128i packed =
        _mm_packs_epi16(_mm256_castsi256_si128(equal), _mm256_extracti128_si256(equal, 1));
    return static_cast<unsigned>(_mm_movemask_epi8(packed)) & ((1u << kEntries) - 1);
#else
    unsigned found = 0;
    for (unsigned i = 0; i < kEntries; ++i)
      found |= unsigned{bucket.tags[i] == tag} << i;
    return found;
#endif
  }

  template <class IsIt>
  [[nodiscard]] FlowRef find_in(std::uint32_t bucket, std::uint16_t tag, IsIt is_it) const {
    for (unsigned found = matches(buckets_[bucket], tag); found != 0; found &= found - 1) {
      const FlowRef ref = buckets_[bucket].refs[__builtin_ctz(found)] & ~kSpilledBit;
      if (is_it(ref)) return ref;
    }
    return kNoFlow;
  }

  bool put(std::uint32_t bucket, std::uint16_t tag, FlowRef ref);
  bool make_room(std::uint32_t bucket);
  bool take(std::uint32_t bucket, std::uint16_t tag, FlowRef ref);

  Bucket* buckets_ = nullptr;
  std::uint32_t count_ = 0;
};

}  // namespace carpool::flow
