// Packets on their way through the stages, as parallel arrays. Free of DPDK: a packet is its bytes;
// the worker keeps the buffers they lie in under the same index.
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/abi/verdict.h"
#include "dataplane/flow/flow_index.h"
#include "dataplane/flow/flow_key.h"

namespace carpool::stage {

using abi::Verdict;

inline constexpr std::uint32_t kBatch = 64;
inline constexpr std::uint32_t kHeadroom = 64;  // bytes before a packet that stages may use
inline constexpr std::uint32_t kMinFrameBuffer =
    64;  // an answer may be longer than the packet it answers

struct Packet {
  // Ethernet header. At least kMinFrameBuffer bytes may be written, and kHeadroom before them: a
  // packet that gets a header begins earlier.
  std::uint8_t* data = nullptr;
  std::uint16_t length = 0;  // bytes of the frame
  std::uint8_t port = 0;     // in: where it was received; out: where it leaves, if it leaves
  std::uint8_t owner = 0;    // out: worker to hand over to, if handed over
};

enum class PacketKind : std::uint8_t {
  other,
  flow,
  arp,
  advert,
  hello,
  echo,
  error,
  first_fragment,
  later_fragment
};

// What parse found out about one packet.
struct Parsed {
  flow::FlowKey key;  // of kinds flow and first_fragment; of an error, whose packet it would be if
                      // it were none
  std::uint64_t hash = 0;
  flow::FlowRef candidate = flow::kNoFlow;
  std::uint8_t l4_offset = 0;  // bytes from the start of the frame
  std::uint8_t tcp_flags = 0;  // of kind flow; see flow/tcp_state.h for UDP
  PacketKind kind = PacketKind::other;
  Verdict verdict = Verdict::not_for_us;  // of kind other
};

struct Batch {
  std::uint32_t count = 0;
  std::array<Packet, kBatch> packets;
  std::array<Parsed, kBatch> parsed;
  std::array<Verdict, kBatch> verdicts;
};

}  // namespace carpool::stage
