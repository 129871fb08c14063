#include "dataplane/flow/flow_index.h"

#include <random>
#include <unordered_map>
#include <vector>

#include <gtest/gtest.h>

namespace carpool::flow {
namespace {

// The index beside a map that knows the truth: the reference of each key is the key's number.
class Checked {
 public:
  explicit Checked(std::uint32_t buckets) : memory_(buckets), index_(memory_) {}

  bool insert(std::uint64_t hash, FlowRef ref) {
    if (!index_.insert(hash, ref)) return false;
    truth_[ref] = hash;
    return true;
  }
  void erase(FlowRef ref) {
    index_.erase(truth_.at(ref), ref);
    truth_.erase(ref);
  }
  [[nodiscard]] FlowRef find(std::uint64_t hash, FlowRef wanted) const {
    return index_.find(hash, [&](FlowRef ref) { return ref == wanted; });
  }
  void check_all() const {
    for (const auto& [ref, hash] : truth_)
      ASSERT_EQ(find(hash, ref), ref);
  }
  [[nodiscard]] std::uint64_t spilled() const {
    std::uint64_t sum = 0;
    for (const auto& bucket : memory_)
      sum += bucket.spilled;
    return sum;
  }
  [[nodiscard]] std::size_t size() const { return truth_.size(); }
  [[nodiscard]] const auto& truth() const { return truth_; }

 private:
  std::vector<FlowIndex::Bucket> memory_;
  FlowIndex index_;
  std::unordered_map<FlowRef, std::uint64_t> truth_;
};

TEST(FlowIndex, OtherBucketLeadsBack) {
  std::mt19937_64 random(1);
  for (const std::uint32_t buckets : {1u, 2u, 7u, 1000u, 262'144u}) {
    std::vector<FlowIndex::Bucket> memory(buckets);
    const FlowIndex index(memory);
    for (int i = 0; i < 1000; ++i) {
      const std::uint64_t hash = random();
      const std::uint32_t first = index.first_bucket(hash);
      const std::uint32_t other = index.other_bucket(first, FlowIndex::tag(hash));
      ASSERT_LT(first, buckets);
      ASSERT_LT(other, buckets);
      ASSERT_EQ(index.other_bucket(other, FlowIndex::tag(hash)), first);
    }
  }
}

TEST(FlowIndex, FillsPastTheLoadItIsSizedFor) {
  constexpr std::uint32_t kBuckets = 50'000;
  Checked index(kBuckets);
  std::mt19937_64 random(2);
  FlowRef next = 0;
  while (index.insert(random(), next))
    ++next;
  EXPECT_GT(next, kBuckets * FlowIndex::kEntries * 84 / 100);
  index.check_all();
}

// Insertions and removals at 80 % load for a long time: everything is found, nothing that was
// removed is, and the counts of spilled entries come back to zero with the last one.
TEST(FlowIndex, StaysTrueUnderChurn) {
  constexpr std::uint32_t kBuckets = 500;
  constexpr std::uint32_t kLive = kBuckets * FlowIndex::kEntries * 8 / 10;
  Checked index(kBuckets);
  std::mt19937_64 random(3);
  std::vector<FlowRef> live;
  FlowRef next = 0;
  for (int round = 0; round < 50'000; ++round) {
    if (live.size() == kLive) {
      const std::size_t at = random() % live.size();
      const FlowRef gone = live[at];
      const std::uint64_t hash = index.truth().at(gone);
      index.erase(gone);
      ASSERT_EQ(index.find(hash, gone), kNoFlow);
      live[at] = live.back();
      live.pop_back();
    }
    ASSERT_TRUE(index.insert(random(), next));
    live.push_back(next++);
    if (round % 5'000 == 0) index.check_all();
  }
  for (const FlowRef ref : live)
    index.erase(ref);
  EXPECT_EQ(index.spilled(), 0u);
}

// Flows whose hashes are equal in every bit differ only in their records.
TEST(FlowIndex, HoldsEqualHashesUpToBothBuckets) {
  Checked index(1'000);
  constexpr std::uint64_t kHash = 0x123456789abcdef0;
  FlowRef next = 0;
  while (index.insert(kHash, next))
    ++next;
  EXPECT_EQ(next, 2 * FlowIndex::kEntries);
  index.check_all();
}

}  // namespace
}  // namespace carpool::flow
