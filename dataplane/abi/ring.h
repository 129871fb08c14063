// A lock-free ring for one producer and one consumer, which may be two processes: fixed-size
// elements, no pointers, one writer per cache line. An element becomes visible by one release store
// after it was written whole, and is given back by one release store after it was copied out:
// whoever dies in between, the other never sees half an element and never waits. Indices run freely
// and are masked on use, so that a corrupt index cannot lead outside of the ring.
//
// What a death costs: a push or pop that is cut short has happened whole or not at all, and the
// ring delivers nothing twice or out of order. Lost are at most the elements of one batch, the one
// in the hands of the dead end: not pushed yet, or popped and not acted on. Whether the last push
// happened its successor cannot know, and repeating it may make a duplicate: so what travels in a
// ring either bears repetition (a command says a state, not a step) or may be lost (an advert).
//
// After Lamport 1977; the cached opposite index is the FastForward/MCRingBuffer idea that DPDK and
// others use too.
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cassert>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>

#include "dataplane/abi/limits.h"

namespace carpool::abi {

struct RingControl {
  alignas(kCacheLine) std::atomic<std::uint32_t> head;  // written by the producer
  alignas(kCacheLine) std::atomic<std::uint32_t> tail;  // written by the consumer
};
static_assert(sizeof(RingControl) == 2 * kCacheLine);
static_assert(std::atomic<std::uint32_t>::is_always_lock_free);

template <class Element>
concept RingElement = std::is_trivially_copyable_v<Element> && alignof(Element) <= kCacheLine;

// Bytes that a ring takes; its memory must be aligned to a cache line and zero at first use.
template <RingElement Element>
[[nodiscard]] constexpr std::size_t ring_bytes(std::uint32_t capacity) {
  const std::size_t bytes = sizeof(RingControl) + sizeof(Element) * capacity;
  return (bytes + kCacheLine - 1) / kCacheLine * kCacheLine;
}

// What both ends know: where the ring lies and how large it is (a power of two, in elements).
template <RingElement Element>
struct RingPlace {
  RingControl* control;
  Element* elements;
  std::uint32_t capacity;

  static RingPlace at(void* memory, std::uint32_t capacity) {
    assert(std::has_single_bit(capacity));
    auto* bytes = static_cast<std::byte*>(memory);
    return {reinterpret_cast<RingControl*>(bytes),
            reinterpret_cast<Element*>(bytes + sizeof(RingControl)), capacity};
  }
};

// The producing end. At most one may exist at a time; a new one takes up where a dead one stopped.
template <RingElement Element>
class RingProducer {
 public:
  RingProducer() = default;
  explicit RingProducer(RingPlace<Element> place)
      : place_(place),
        head_(place.control->head.load(std::memory_order_relaxed)),
        tail_(place.control->tail.load(std::memory_order_acquire)) {}

  // Takes as many as there is room for, in order; returns how many.
  std::uint32_t push(std::span<const Element> elements) {
    const auto wanted = static_cast<std::uint32_t>(elements.size());
    if (free_slots() < wanted) tail_ = place_.control->tail.load(std::memory_order_acquire);
    const std::uint32_t count = std::min(wanted, free_slots());
    if (count == 0) return 0;
    const std::uint32_t at = head_ & (place_.capacity - 1);
    const std::uint32_t first = std::min(count, place_.capacity - at);
    std::memcpy(place_.elements + at, elements.data(), first * sizeof(Element));
    std::memcpy(place_.elements, elements.data() + first, (count - first) * sizeof(Element));
    head_ += count;
    place_.control->head.store(head_, std::memory_order_release);
    return count;
  }
  [[nodiscard]] bool push(const Element& element) { return push(std::span(&element, 1)) == 1; }

 private:
  // A tail that cannot be (a corrupt peer) reads as a full ring.
  [[nodiscard]] std::uint32_t free_slots() const {
    const std::uint32_t used = head_ - tail_;
    return used > place_.capacity ? 0 : place_.capacity - used;
  }

  RingPlace<Element> place_{};
  std::uint32_t head_ = 0;
  std::uint32_t tail_ = 0;  // as last seen
};

// The consuming end. At most one may exist at a time; a new one takes up where a dead one stopped.
template <RingElement Element>
class RingConsumer {
 public:
  RingConsumer() = default;
  explicit RingConsumer(RingPlace<Element> place)
      : place_(place),
        head_(place.control->head.load(std::memory_order_acquire)),
        tail_(place.control->tail.load(std::memory_order_relaxed)) {}

  // Copies out up to elements.size(), in order; returns how many.
  std::uint32_t pop(std::span<Element> elements) {
    const auto wanted = static_cast<std::uint32_t>(elements.size());
    if (ready() < wanted) head_ = place_.control->head.load(std::memory_order_acquire);
    const std::uint32_t count = std::min(wanted, ready());
    if (count == 0) return 0;
    const std::uint32_t at = tail_ & (place_.capacity - 1);
    const std::uint32_t first = std::min(count, place_.capacity - at);
    std::memcpy(elements.data(), place_.elements + at, first * sizeof(Element));
    std::memcpy(elements.data() + first, place_.elements, (count - first) * sizeof(Element));
    tail_ += count;
    place_.control->tail.store(tail_, std::memory_order_release);
    return count;
  }
  [[nodiscard]] bool pop(Element& element) { return pop(std::span(&element, 1)) == 1; }

 private:
  // A head that cannot be (a corrupt peer) reads as an empty ring.
  [[nodiscard]] std::uint32_t ready() const {
    const std::uint32_t count = head_ - tail_;
    return count > place_.capacity ? 0 : count;
  }

  RingPlace<Element> place_{};
  std::uint32_t head_ = 0;  // as last seen
  std::uint32_t tail_ = 0;
};

}  // namespace carpool::abi
