#include "dataplane/abi/ring.h"

#include <cstdlib>
#include <deque>
#include <memory>
#include <numeric>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace carpool::abi {
namespace {

struct Wide {  // larger than a cache line, of an odd number of words
  std::uint64_t words[13];
};

// A ring in exactly the bytes it says it takes, so that a sanitizer sees any step outside.
template <RingElement Element>
class TestRing {
 public:
  explicit TestRing(std::uint32_t capacity)
      : memory_(std::aligned_alloc(kCacheLine, ring_bytes<Element>(capacity)), std::free) {
    std::memset(memory_.get(), 0, ring_bytes<Element>(capacity));
    place_ = RingPlace<Element>::at(memory_.get(), capacity);
  }
  TestRing(std::uint32_t capacity, std::uint32_t head, std::uint32_t tail) : TestRing(capacity) {
    place_.control->head = head;
    place_.control->tail = tail;
  }

  [[nodiscard]] RingPlace<Element> place() const { return place_; }
  [[nodiscard]] RingProducer<Element> producer() const { return RingProducer(place_); }
  [[nodiscard]] RingConsumer<Element> consumer() const { return RingConsumer(place_); }
  [[nodiscard]] RingControl& control() const { return *place_.control; }

 private:
  std::unique_ptr<void, decltype(&std::free)> memory_;
  RingPlace<Element> place_{};
};

std::vector<int> numbers(int first, std::size_t count) {
  std::vector<int> values(count);
  std::iota(values.begin(), values.end(), first);
  return values;
}

// Whatever is there, up to `limit`.
std::vector<int> pop_all(RingConsumer<int>& consumer, std::size_t limit = 1000) {
  std::vector<int> values(limit);
  values.resize(consumer.pop(std::span(values)));
  return values;
}

TEST(Ring, NewOneIsEmpty) {
  const TestRing<int> ring(8);
  auto consumer = ring.consumer();
  int value = 0;
  EXPECT_FALSE(consumer.pop(value));
  EXPECT_TRUE(pop_all(consumer).empty());
}

TEST(Ring, GivesBackInOrder) {
  const TestRing<int> ring(8);
  auto producer = ring.producer();
  auto consumer = ring.consumer();
  EXPECT_EQ(producer.push(numbers(1, 5)), 5u);
  EXPECT_EQ(pop_all(consumer), numbers(1, 5));
}

TEST(Ring, HoldsItsWholeCapacityAndNoMore) {
  const TestRing<int> ring(8);
  auto producer = ring.producer();
  auto consumer = ring.consumer();
  EXPECT_EQ(producer.push(numbers(1, 11)), 8u);
  EXPECT_EQ(producer.push(numbers(9, 1)), 0u);
  EXPECT_FALSE(producer.push(9));
  EXPECT_EQ(pop_all(consumer, 3), numbers(1, 3));
  EXPECT_EQ(producer.push(numbers(9, 11)), 3u);
  EXPECT_EQ(pop_all(consumer), numbers(4, 8));
}

TEST(Ring, OfOneElementAlternates) {
  const TestRing<int> ring(1);
  auto producer = ring.producer();
  auto consumer = ring.consumer();
  for (int i = 0; i < 5; ++i) {
    EXPECT_TRUE(producer.push(i));
    EXPECT_FALSE(producer.push(i));
    int value = -1;
    EXPECT_TRUE(consumer.pop(value));
    EXPECT_EQ(value, i);
  }
}

TEST(Ring, PushAndPopOfNothingDoNothing) {
  const TestRing<int> ring(8);
  auto producer = ring.producer();
  auto consumer = ring.consumer();
  EXPECT_EQ(producer.push(std::span<const int>()), 0u);
  EXPECT_EQ(producer.push(numbers(1, 2)), 2u);
  EXPECT_EQ(consumer.pop(std::span<int>()), 0u);
  EXPECT_EQ(pop_all(consumer), numbers(1, 2));
}

// Every burst size at every position: each split at the end of the memory occurs.
TEST(Ring, SplitsBurstsAtItsEnd) {
  constexpr std::uint32_t kCapacity = 8;
  for (std::uint32_t start = 0; start < kCapacity; ++start) {
    for (std::uint32_t count = 1; count <= kCapacity; ++count) {
      const TestRing<int> ring(kCapacity, start, start);
      auto producer = ring.producer();
      auto consumer = ring.consumer();
      EXPECT_EQ(producer.push(numbers(1, count)), count);
      EXPECT_EQ(pop_all(consumer), numbers(1, count)) << count << " from " << start;
    }
  }
}

TEST(Ring, IndicesRunOnOverTheEndOf32Bits) {
  const TestRing<int> ring(4, 0xfffffffd, 0xfffffffd);
  auto producer = ring.producer();
  auto consumer = ring.consumer();
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(producer.push(numbers(i * 3, 3)), 3u);
    EXPECT_EQ(pop_all(consumer), numbers(i * 3, 3));
  }
}

// Against the obvious model, with random bursts; `Element` of several sizes.
template <RingElement Element, class Make, class Number>
void behaves_like_a_queue(Make make, Number number_of) {
  std::mt19937 random(42);
  const TestRing<Element> ring(32, 0xffffff00, 0xffffff00);
  auto producer = ring.producer();
  auto consumer = ring.consumer();
  std::deque<unsigned> model;
  unsigned next = 0;
  for (int round = 0; round < 20'000; ++round) {
    if (random() % 2 == 0) {
      std::vector<Element> burst;
      for (std::size_t i = 0, count = random() % 48; i < count; ++i)
        burst.push_back(make(next + static_cast<unsigned>(i)));
      const auto pushed = producer.push(std::span<const Element>(burst));
      ASSERT_EQ(pushed, std::min(burst.size(), 32 - model.size()));
      for (std::uint32_t i = 0; i < pushed; ++i)
        model.push_back(next++);
    } else {
      std::vector<Element> burst(random() % 48);
      const auto popped = consumer.pop(std::span(burst));
      ASSERT_EQ(popped, std::min(burst.size(), model.size()));
      for (std::uint32_t i = 0; i < popped; ++i) {
        ASSERT_EQ(number_of(burst[i]), model.front());
        model.pop_front();
      }
    }
  }
}

TEST(Ring, BehavesLikeAQueueOfBytes) {
  behaves_like_a_queue<std::uint8_t>([](unsigned i) { return static_cast<std::uint8_t>(i % 251); },
                                     [next = 0u](std::uint8_t byte) mutable {
                                       EXPECT_EQ(byte, next % 251);
                                       return next++;
                                     });
}

TEST(Ring, BehavesLikeAQueueOfWords) {
  behaves_like_a_queue<std::uint64_t>(
      [](unsigned i) { return std::uint64_t{i}; },
      [](std::uint64_t word) { return static_cast<unsigned>(word); });
}

TEST(Ring, BehavesLikeAQueueOfWideElements) {
  behaves_like_a_queue<Wide>(
      [](unsigned i) {
        Wide wide;
        std::ranges::fill(wide.words, i);
        return wide;
      },
      [](const Wide& wide) {
        for (const auto word : wide.words)
          EXPECT_EQ(word, wide.words[0]);
        return static_cast<unsigned>(wide.words[0]);
      });
}

TEST(Ring, NewProducerTakesUpWhereTheOldOneStopped) {
  const TestRing<int> ring(8);
  auto consumer = ring.consumer();
  {
    auto old = ring.producer();
    EXPECT_EQ(old.push(numbers(1, 6)), 6u);
    EXPECT_EQ(pop_all(consumer, 3), numbers(1, 3));
  }
  auto fresh = ring.producer();
  EXPECT_EQ(fresh.push(numbers(7, 8)), 5u);
  EXPECT_EQ(pop_all(consumer), numbers(4, 8));
}

TEST(Ring, NewConsumerTakesUpWhereTheOldOneStopped) {
  const TestRing<int> ring(8);
  auto producer = ring.producer();
  {
    auto old = ring.consumer();
    producer.push(numbers(1, 6));
    EXPECT_EQ(pop_all(old, 2), numbers(1, 2));
  }
  auto fresh = ring.consumer();
  EXPECT_EQ(pop_all(fresh), numbers(3, 4));
}

TEST(RingWithACorruptPeer, ImpossibleTailReadsAsFull) {
  for (const std::uint32_t tail : {1u, 100u, 0x7fffffffu, 0xfffffff0u, 0u - 9u}) {
    const TestRing<int> ring(8, 0, tail);
    auto producer = ring.producer();
    EXPECT_EQ(producer.push(numbers(1, 3)), 0u) << tail;
  }
}

TEST(RingWithACorruptPeer, ImpossibleHeadReadsAsEmpty) {
  for (const std::uint32_t head : {9u, 100u, 0x7fffffffu, 0xffffffffu}) {
    const TestRing<int> ring(8, head, 0);
    auto consumer = ring.consumer();
    EXPECT_TRUE(pop_all(consumer).empty()) << head;
  }
}

TEST(RingWithACorruptPeer, RecoversWhenTheIndexDoes) {
  const TestRing<int> ring(8);
  auto producer = ring.producer();
  auto consumer = ring.consumer();
  ring.control().tail = 0x40000000;
  EXPECT_EQ(producer.push(numbers(1, 8)), 8u) << "room that it knew of before";
  EXPECT_EQ(producer.push(numbers(9, 1)), 0u);
  ring.control().tail = 0;
  EXPECT_EQ(pop_all(consumer), numbers(1, 8));
  EXPECT_EQ(producer.push(numbers(9, 1)), 1u);
}

// No index that a peer can write makes an end touch memory outside of the ring (a sanitizer
// watches) or claim more than it was asked for.
TEST(RingWithACorruptPeer, NeverLeavesTheRing) {
  std::mt19937 engine(11);
  const auto random = [&] { return static_cast<std::uint32_t>(engine()); };
  std::vector<Wide> burst(40);
  for (int round = 0; round < 20'000; ++round) {
    const TestRing<Wide> ring(16, random(), random());
    auto producer = ring.producer();
    auto consumer = ring.consumer();
    for (int step = 0; step < 4; ++step) {
      const std::size_t count = random() % burst.size();
      EXPECT_LE(producer.push(std::span<const Wide>(burst).first(count)), std::min(count, 16ul));
      EXPECT_LE(consumer.pop(std::span(burst).first(count)), std::min(count, 16ul));
      (random() % 2 == 0 ? ring.control().head : ring.control().tail) = random();
    }
  }
}

TEST(RingPlace, TakesWholeCacheLines) {
  EXPECT_EQ(ring_bytes<int>(1), 192u);
  EXPECT_EQ(ring_bytes<int>(16), 192u);
  EXPECT_EQ(ring_bytes<int>(32), 256u);
  EXPECT_EQ(ring_bytes<Wide>(8), 128u + 13 * 64);
}

}  // namespace
}  // namespace carpool::abi
