// Gives keys small indices that they keep for as long as they live. Flow records of a running data
// plane hold such indices, so the index of a key that is gone must not mean something else soon:
// fresh indices are given first, and when there are none left, the one that was given up longest
// ago. A key that comes back before that gets its old index again.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

namespace carpool::link {

// Used in rounds, one per generation of the image: begin(), acquire() every key that lives, end().
// A round that is not ended takes nothing away, so a failed attempt needs no undoing.
template <class Key, class Hash = std::hash<Key>>
class IndexPool {
 public:
  // Indices are `first` .. `capacity` - 1.
  explicit IndexPool(std::uint32_t capacity, std::uint32_t first = 0)
      : capacity_(capacity), entries_(first) {}

  void begin() { ++round_; }

  // Nothing if as many keys live as there are indices.
  [[nodiscard]] std::optional<std::uint32_t> acquire(const Key& key) {
    const auto known = by_key_.find(key);
    if (known == by_key_.end()) {
      const auto index = take_free();
      if (index) install(*index, key);
      return index;
    }
    Entry& entry = entries_[known->second];
    entry.state = State::live;
    entry.round = round_;
    return known->second;
  }

  // Retires the keys that were not acquired since begin().
  void end() {
    for (std::uint32_t index = 0; index < entries_.size(); ++index) {
      Entry& entry = entries_[index];
      if (entry.state == State::live && entry.round != round_) retire(index);
    }
  }

  // Puts a key back at the index that an earlier pool gave it. False, and nothing done, where the
  // index is impossible or the key is known already.
  bool restore(std::uint32_t index, const Key& key) {
    if (index >= capacity_ || by_key_.contains(key)) return false;
    grow(index + 1);
    if (entries_[index].state != State::retired || entries_[index].has_key) return false;
    install(index, key);
    return true;
  }

  // Makes size() at least this, as far as there is capacity.
  void grow(std::uint32_t size) {
    while (entries_.size() < std::min(size, capacity_)) {
      entries_.emplace_back();
      retire(static_cast<std::uint32_t>(entries_.size()) - 1);
    }
  }

  // The index of a key that lives.
  [[nodiscard]] std::optional<std::uint32_t> find(const Key& key) const {
    const auto known = by_key_.find(key);
    if (known == by_key_.end() || entries_[known->second].state != State::live) return std::nullopt;
    return known->second;
  }

  // One past the highest index ever given; never becomes less.
  [[nodiscard]] std::uint32_t size() const { return static_cast<std::uint32_t>(entries_.size()); }

  // The key that has this index, or had it last; nullptr if none ever did.
  [[nodiscard]] const Key* last_key(std::uint32_t index) const {
    return index < entries_.size() && entries_[index].has_key ? &entries_[index].key : nullptr;
  }
  // The key that has this index now.
  [[nodiscard]] const Key* live_key(std::uint32_t index) const {
    return index < entries_.size() && entries_[index].state == State::live ? &entries_[index].key
                                                                           : nullptr;
  }

 private:
  enum class State : std::uint8_t { reserved, live, retired };

  struct Entry {
    Key key{};
    bool has_key = false;
    State state = State::reserved;
    std::uint64_t round = 0;       // in which it was last acquired
    std::uint64_t retirement = 0;  // ticket of the queue of the retired
  };

  void install(std::uint32_t index, const Key& key) {
    Entry& entry = entries_[index];
    if (entry.has_key) by_key_.erase(entry.key);
    entry.key = key;
    entry.has_key = true;
    entry.state = State::live;
    entry.round = round_;
    by_key_.emplace(key, index);
  }

  void retire(std::uint32_t index) {
    entries_[index].state = State::retired;
    entries_[index].retirement = ++tickets_;
    retired_.emplace_back(tickets_, index);
  }

  std::optional<std::uint32_t> take_free() {
    if (entries_.size() < capacity_) {
      entries_.emplace_back();
      return static_cast<std::uint32_t>(entries_.size()) - 1;
    }
    while (!retired_.empty()) {
      const auto [ticket, index] = retired_.front();
      retired_.pop_front();
      // Who came back in the meantime left its old ticket behind.
      const Entry& entry = entries_[index];
      if (entry.state == State::retired && entry.retirement == ticket) return index;
    }
    return std::nullopt;
  }

  std::uint32_t capacity_;
  std::vector<Entry> entries_;
  std::unordered_map<Key, std::uint32_t, Hash> by_key_;
  std::deque<std::pair<std::uint64_t, std::uint32_t>> retired_;  // ticket, index; oldest first
  std::uint64_t round_ = 0;
  std::uint64_t tickets_ = 0;
};

}  // namespace carpool::link
