// The shared structures between two threads. Worth most under ThreadSanitizer, which knows whether
// every byte that one side reads was handed over by the other, not only whether it was right today.

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "dataplane/abi/region.h"
#include "dataplane/abi/ring.h"

namespace carpool::abi {
namespace {

struct Element {
  std::uint64_t sequence;
  std::array<std::uint64_t, 6> content;
  std::uint64_t checksum;

  static Element of(std::uint64_t sequence) {
    Element element{.sequence = sequence, .content = {}, .checksum = 0};
    std::uint64_t state = sequence;
    for (auto& word : element.content)
      word = state = (state ^ state >> 29) * 0xbf58476d1ce4e5b9 + 1;
    element.checksum = element.sum();
    return element;
  }
  [[nodiscard]] std::uint64_t sum() const {
    std::uint64_t sum = sequence;
    for (const auto word : content)
      sum = sum * 31 + word;
    return sum;
  }
};

void push_sequence(RingProducer<Element> producer, std::uint64_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<Element> burst;
  for (std::uint64_t next = 0; next < count;) {
    burst.clear();
    const std::uint64_t size = std::min<std::uint64_t>(1 + random() % 64, count - next);
    for (std::uint64_t i = 0; i < size; ++i)
      burst.push_back(Element::of(next + i));
    const auto pushed = producer.push(burst);
    if (pushed == 0) std::this_thread::yield();
    next += pushed;
  }
}

// Returns the number of elements that were not what was expected.
std::uint64_t pop_sequence(RingConsumer<Element> consumer, std::uint64_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::array<Element, 64> burst;
  std::uint64_t wrong = 0;
  for (std::uint64_t next = 0; next < count;) {
    const auto popped = consumer.pop(std::span(burst).first(1 + random() % burst.size()));
    if (popped == 0) std::this_thread::yield();
    for (const Element& element : std::span(burst).first(popped)) {
      if (element.sequence != next || element.checksum != element.sum()) ++wrong;
      ++next;
    }
  }
  return wrong;
}

TEST(RingThreads, EveryElementArrivesOnceWholeAndInOrder) {
  for (const auto& [capacity, count] :
       {std::pair{8u, 500'000u}, std::pair{256u, 3'000'000u}, std::pair{1024u, 1'000'000u}}) {
    void* memory = std::aligned_alloc(kCacheLine, ring_bytes<Element>(capacity));
    std::memset(memory, 0, ring_bytes<Element>(capacity));
    const auto place = RingPlace<Element>::at(memory, capacity);
    std::thread producer(push_sequence, RingProducer(place), count, capacity);
    EXPECT_EQ(pop_sequence(RingConsumer(place), count, capacity + 1), 0u);
    producer.join();
    std::free(memory);
  }
}

class RegionThreads : public testing::Test {
 protected:
  RegionThreads() {
    char name[] = "/tmp/carpool-threads-XXXXXX";
    directory_ = mkdtemp(name);
    auto region = Region::create(directory_ / "region", {.workers = 1, .image_bytes = 4096});
    EXPECT_TRUE(region);
    region_.emplace(std::move(*region));
  }
  ~RegionThreads() override { std::filesystem::remove_all(directory_); }

  std::filesystem::path directory_;
  std::optional<Region> region_;
};

// How an image changes hands: written into a slot that nobody uses, announced by a command, in use
// once the worker's status says so; the slot before it is then free.
TEST_F(RegionThreads, ImageSlotsPassByCommandAndAcknowledgement) {
  constexpr std::uint64_t kGenerations = 20'000;
  std::thread worker([this] {
    RingConsumer commands(region_->commands(0));
    ThreadStatus& status = region_->status(0);
    for (std::uint64_t seen = 0; seen < kGenerations;) {
      status.heartbeat.fetch_add(1, std::memory_order_relaxed);
      Command command;
      if (!commands.pop(command)) {
        std::this_thread::yield();
        continue;
      }
      seen = command.generation;
      const auto slot = region_->image_slot(command.image_slot);
      const bool whole =
          std::ranges::all_of(slot, [&](std::byte byte) { return byte == std::byte(seen & 0xff); });
      if (!whole) region_->counters(0).received.add(1);
      region_->counters(0).batches.add(1);
      status.image_slot.store(command.image_slot, std::memory_order_relaxed);
      status.generation.store(seen, std::memory_order_release);
    }
  });

  RingProducer commands(region_->commands(0));
  const ThreadStatus& status = region_->status(0);
  std::uint64_t heartbeat = 0, batches = 0;
  for (std::uint64_t generation = 1; generation <= kGenerations; ++generation) {
    const auto slot = static_cast<std::uint32_t>(generation % kImageSlots);
    // What lies in this slot is out of use once a later generation is acknowledged.
    while (generation > kImageSlots &&
           status.generation.load(std::memory_order_acquire) <= generation - kImageSlots) {
      std::this_thread::yield();
    }
    std::ranges::fill(region_->image_slot(slot), std::byte(generation & 0xff));
    ASSERT_TRUE(commands.push(
        Command{.kind = CommandKind::install_image, .image_slot = slot, .generation = generation}));
    // Counters and heartbeats never run backwards for a reader.
    const auto heartbeat_now = status.heartbeat.load(std::memory_order_relaxed);
    const auto batches_now = region_->counters(0).batches.get();
    EXPECT_GE(heartbeat_now, heartbeat);
    EXPECT_GE(batches_now, batches);
    heartbeat = heartbeat_now;
    batches = batches_now;
  }
  worker.join();
  EXPECT_EQ(status.generation, kGenerations);
  EXPECT_EQ(region_->counters(0).batches.get(), kGenerations);
  EXPECT_EQ(region_->counters(0).received.get(), 0u) << "images that changed under the worker";
}

TEST_F(RegionThreads, CountersAreReadWholeWhileTheyAreWritten) {
  constexpr std::uint64_t kStep = 0x0000'0001'0000'0001;  // both halves move together
  constexpr int kSteps = 2'000'000;
  std::atomic<bool> done = false;
  std::thread worker([&] {
    for (int i = 0; i < kSteps; ++i)
      region_->counters(0).verdicts[0].add(kStep);
    done = true;
  });
  std::uint64_t torn = 0, before = 0;
  while (!done) {
    const std::uint64_t value = region_->counters(0).verdicts[0].get();
    if (value >> 32 != (value & 0xffffffff) || value < before) ++torn;
    before = value;
  }
  worker.join();
  EXPECT_EQ(torn, 0u);
  EXPECT_EQ(region_->counters(0).verdicts[0].get(), kStep * kSteps);
}

}  // namespace
}  // namespace carpool::abi
