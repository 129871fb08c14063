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

namespace detail {

// Bursts are short: a call of memcpy for each of the two parts of a burst that may wrap would cost
// more than all the rest of a push. Elements of whole half cache lines, as all of ours, are copied
// inline.
template <class Element>
inline void copy_elements(Element* to, const Element* from, std::uint32_t count) {
  using Block [[gnu::vector_size(32)]] = std::uint64_t;  // passes through one register
  if (count == 1) {
    std::memcpy(to, from, sizeof(Element));
  } else if constexpr (sizeof(Element) % sizeof(Block) == 0) {
    auto* const to_bytes = reinterpret_cast<std::byte*>(to);
    const auto* const from_bytes = reinterpret_cast<const std::byte*>(from);
    const std::size_t bytes = count * sizeof(Element);
#pragma GCC unroll 4
    for (std::size_t at = 0; at < bytes; at += sizeof(Block)) {
      Block block;
      std::memcpy(&block, from_bytes + at, sizeof block);
      std::memcpy(to_bytes + at, &block, sizeof block);
    }
  } else {
    std::memcpy(to, from, count * sizeof(Element));
  }
}

}  // namespace detail

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
    const std::uint32_t count = room_for(static_cast<std::uint32_t>(elements.size()));
    if (count == 0) return 0;
    const std::uint32_t at = head_ & (place_.capacity - 1);
    const std::uint32_t first = std::min(count, place_.capacity - at);
    detail::copy_elements(place_.elements + at, elements.data(), first);
    if (first < count) [[unlikely]] {
      detail::copy_elements(place_.elements, elements.data() + first, count - first);
    }
    publish(count);
    return count;
  }
  // Elements that there is room for now.
  [[nodiscard]] std::uint32_t room() { return room_for(place_.capacity); }
  [[nodiscard]] bool push(const Element& element) {
    if (room_for(1) == 0) return false;
    std::memcpy(place_.elements + (head_ & (place_.capacity - 1)), &element, sizeof element);
    publish(1);
    return true;
  }

 private:
  // How many of `wanted` there is room for. Looks at the consumer's cache line only when what it
  // last saw there is not enough.
  std::uint32_t room_for(std::uint32_t wanted) {
    if (free_slots() < wanted) tail_ = place_.control->tail.load(std::memory_order_acquire);
    return std::min(wanted, free_slots());
  }
  // A tail that cannot be (a corrupt peer) reads as a full ring.
  [[nodiscard]] std::uint32_t free_slots() const {
    const std::uint32_t used = head_ - tail_;
    return used > place_.capacity ? 0 : place_.capacity - used;
  }
  void publish(std::uint32_t count) {
    head_ += count;
    place_.control->head.store(head_, std::memory_order_release);
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
    const std::uint32_t count = ready_for(static_cast<std::uint32_t>(elements.size()));
    if (count == 0) return 0;
    const std::uint32_t at = tail_ & (place_.capacity - 1);
    const std::uint32_t first = std::min(count, place_.capacity - at);
    detail::copy_elements(elements.data(), place_.elements + at, first);
    if (first < count) [[unlikely]] {
      detail::copy_elements(elements.data() + first, place_.elements, count - first);
    }
    give_back(count);
    return count;
  }
  [[nodiscard]] bool pop(Element& element) {
    if (ready_for(1) == 0) return false;
    std::memcpy(&element, place_.elements + (tail_ & (place_.capacity - 1)), sizeof element);
    give_back(1);
    return true;
  }

 private:
  // How many of `wanted` are there. Looks at the producer's cache line only when what it last saw
  // there is not enough.
  std::uint32_t ready_for(std::uint32_t wanted) {
    if (ready() < wanted) head_ = place_.control->head.load(std::memory_order_acquire);
    return std::min(wanted, ready());
  }
  // A head that cannot be (a corrupt peer) reads as an empty ring.
  [[nodiscard]] std::uint32_t ready() const {
    const std::uint32_t count = head_ - tail_;
    return count > place_.capacity ? 0 : count;
  }
  void give_back(std::uint32_t count) {
    tail_ += count;
    place_.control->tail.store(tail_, std::memory_order_release);
  }

  RingPlace<Element> place_{};
  std::uint32_t head_ = 0;  // as last seen
  std::uint32_t tail_ = 0;
};

}  // namespace carpool::abi
