#include "dataplane/abi/counters.h"

#include <cstdint>
#include <memory>

#include <gtest/gtest.h>

namespace carpool::abi {
namespace {

TEST(Counter, StartsAtZeroAddsAndSets) {
  Counter counter;
  EXPECT_EQ(counter.get(), 0u);
  counter.add(3);
  counter.add(UINT64_C(1) << 40);
  EXPECT_EQ(counter.get(), (UINT64_C(1) << 40) + 3);
  counter.set(7);
  EXPECT_EQ(counter.get(), 7u);
}

// "active" counts down by adding the complement of one.
TEST(Counter, WrapsLikeAnUnsignedInteger) {
  Counter counter;
  counter.add(2);
  counter.add(~UINT64_C(0));
  EXPECT_EQ(counter.get(), 1u);
}

TEST(WorkerCounters, HaveOneCounterForEveryVerdictAndPort) {
  const auto counters = std::make_unique<WorkerCounters>();
  EXPECT_EQ(std::size(counters->verdicts), kVerdicts);
  EXPECT_EQ(std::size(counters->ports), kMaxPorts);
  for (const Counter& verdict : counters->verdicts)
    EXPECT_EQ(verdict.get(), 0u);
}

// Lines of different writers must not meet: workers' blocks lie side by side in the region.
TEST(WorkerCounters, FillWholeCacheLines) {
  EXPECT_EQ(sizeof(WorkerCounters) % kCacheLine, 0u);
  EXPECT_EQ(alignof(WorkerCounters), kCacheLine);
  EXPECT_EQ(sizeof(PortCounters), kCacheLine);
  EXPECT_EQ(sizeof(ServerCounters) % kCacheLine, 0u);
}

}  // namespace
}  // namespace carpool::abi
