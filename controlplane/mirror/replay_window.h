// Which sequence numbers of a sender were seen: a sliding window (RFC 4303, 3.4.3). What is older
// than the window counts as seen.
#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>

namespace carpool::mirror {

class ReplayWindow {
 public:
  // Datagrams may be overtaken by this many others.
  static constexpr std::uint64_t kBits = 4096;

  [[nodiscard]] bool is_fresh(std::uint64_t sequence) const {
    if (sequence > highest_) return true;
    return highest_ - sequence < kBits && !seen_[sequence % kBits];
  }
  // Of an authentic datagram only: a forged one must not move the window.
  void mark(std::uint64_t sequence) {
    if (sequence > highest_) {
      if (sequence - highest_ >= kBits) {
        seen_.reset();
      } else {
        for (std::uint64_t between = highest_ + 1; between < sequence; ++between)
          seen_.reset(between % kBits);
      }
      highest_ = sequence;
    }
    seen_.set(sequence % kBits);
  }
  [[nodiscard]] std::uint64_t highest() const { return highest_; }

 private:
  std::uint64_t highest_ = 0;  // sequences begin at 1
  std::bitset<kBits> seen_;
};

}  // namespace carpool::mirror
