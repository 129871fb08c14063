// Source ports towards servers are searched, not allocated: a keyed walk over the ports of the
// flow's slot, starting where the client's end hashes to, until one is not in use towards that
// server. So there is no allocator to keep or to mirror, a client that comes back from the same
// port gets the same source port (its server then recognises a connection in TIME_WAIT as older,
// RFC 6191), and a node that knows the key walks the same way.
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/abi/limits.h"
#include "dataplane/flow/flow_key.h"

namespace carpool::flow {

inline constexpr std::uint32_t kFirstSourcePort = 1024;
inline constexpr std::uint32_t kPortsPerSlot = (65'536 - kFirstSourcePort) / abi::kSlots;  // 1008
inline constexpr std::uint32_t kMaxPortProbes = 128;

class SourcePortWalk {
 public:
  SourcePortWalk(Ipv4Address client, be16 client_port, be32 server, std::uint32_t slot,
                 const HashSecret& shared_secret)
      : slot_(slot) {
    const std::uint64_t mixed = fold_multiply(
        (client.value.raw() | std::uint64_t{server.raw()} << 32) ^ shared_secret.words[1],
        (client_port.raw() + 1) ^ shared_secret.words[0]);
    at_ = static_cast<std::uint32_t>((mixed & 0xffffffff) * kPortsPerSlot >> 32);
    step_ = kSteps[mixed >> 61];
  }

  [[nodiscard]] be16 port() const {
    return be16(static_cast<std::uint16_t>(kFirstSourcePort + at_ * abi::kSlots + slot_));
  }
  void advance() {
    at_ += step_;
    if (at_ >= kPortsPerSlot) at_ -= kPortsPerSlot;
  }

 private:
  // Coprime to 1008, so that a walk passes every port of its slot.
  static constexpr std::array<std::uint32_t, 8> kSteps = {11, 13, 17, 19, 23, 29, 31, 37};

  std::uint32_t slot_;
  std::uint32_t at_;
  std::uint32_t step_;
};

}  // namespace carpool::flow
