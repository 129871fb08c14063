// What is known of IPv4 packets that come in fragments. The first fragment has the ports, so it
// decides; what it decided is remembered for the others, and what came before it is kept.
//
// Nothing is reassembled: fragments go on as they come. A worker knows kFragmentedPackets packets
// at a time and keeps kHeldFragments fragments; in either case the oldest gives way, so a flood
// of fragments costs only other fragments.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "dataplane/flow/flow_index.h"
#include "dataplane/net/headers.h"
#include "dataplane/stage/batch.h"

namespace carpool::stage {

inline constexpr std::uint32_t kFragmentedPackets = 512;
inline constexpr std::uint32_t kHeldFragments = 128;
inline constexpr std::uint32_t kLongestHeld = 2'048;  // bytes of a frame
inline constexpr std::uint32_t kFragmentTimeoutMs = 5'000;

// The fragments of one packet (RFC 791, 3.2).
struct FragmentKey {
  std::uint64_t addresses = 0;  // as in a flow's key
  std::uint16_t id = 0;
  std::uint8_t protocol = 0;

  friend constexpr bool operator==(const FragmentKey&, const FragmentKey&) = default;
  static FragmentKey of(const Ipv4Header& ip) {
    return {ip.source.value.raw() | std::uint64_t{ip.destination.value.raw()} << 32, ip.id.raw(),
            ip.protocol};
  }
};

// What the first fragment decided: to which flow the packet belongs, or which worker has that.
struct FragmentWay {
  flow::FlowRef flow = flow::kNoFlow;  // kNoFlow: handed over
  std::uint8_t owner = 0;
};

class FragmentTable {
 public:
  FragmentTable() : held_(std::make_unique<std::array<Held, kHeldFragments>>()) {}

  // nullptr: the first fragment has not come, or was dropped, or is long ago.
  [[nodiscard]] const FragmentWay* find(const FragmentKey& key, std::uint32_t now_ms) const;
  void remember(const FragmentKey& key, const FragmentWay& way, std::uint32_t now_ms);

  // Keeps a copy. False if it is too long. `pushed_out` counts what had to give way.
  [[nodiscard]] bool hold(const FragmentKey& key, const Packet& packet, std::uint32_t now_ms,
                          std::uint32_t& pushed_out);
  // Calls visit(packet) for what is kept of this packet, in the order of arrival, and forgets it.
  // The packet's bytes stay until the next hold().
  template <class Visit>
  void release(const FragmentKey& key, Visit visit) {
    if (held_count_ == 0) return;
    for (std::uint32_t i = 0; i < kHeldFragments; ++i) {
      Held& held = (*held_)[(next_ + i) % kHeldFragments];
      if (!held.in_use || held.key != key) continue;
      held.in_use = false;
      --held_count_;
      visit(Packet{.data = held.bytes + kHeadroom, .length = held.length, .port = held.port});
    }
  }
  // Forgets what has waited for too long; returns how many those were.
  std::uint32_t expire(std::uint32_t now_ms);

 private:
  struct Entry {
    FragmentKey key;
    FragmentWay way;
    std::uint32_t since_ms = 0;
    bool in_use = false;
  };
  struct Held {
    FragmentKey key;
    std::uint32_t since_ms = 0;
    std::uint16_t length = 0;
    std::uint8_t port = 0;
    bool in_use = false;
    std::uint8_t bytes[kHeadroom + kLongestHeld];
  };
  static constexpr std::uint32_t kWays = 4;
  static std::uint32_t set_of(const FragmentKey& key);

  std::array<Entry, kFragmentedPackets> entries_;
  std::unique_ptr<std::array<Held, kHeldFragments>> held_;
  std::uint32_t next_ = 0;  // the oldest of held_
  std::uint32_t held_count_ = 0;
};

}  // namespace carpool::stage
