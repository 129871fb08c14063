// The outside of a datagram between two nodes: a header in the clear, which the tag covers, and a
// sealed payload.
//
//    0  magic "CPMR"        4  version    5  type      6  key id
//    8  sender's epoch     24  receiver's epoch (zero in an opening)
//   40  sequence           48  payload, sealed         end-16  tag
//
// An epoch is one life of a sender: random for each start, counted for each session of it. The
// sequence numbers everything that a start sends, whatever its type and epoch.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string_view>

#include "controlplane/mirror/crypto.h"

namespace carpool::mirror {

// With the IP and UDP headers it fits an Ethernet frame, also through a tunnel or two.
inline constexpr std::size_t kMaxDatagramBytes = 1400;
inline constexpr std::size_t kHeaderBytes = 48;
inline constexpr std::size_t kMaxPayloadBytes = kMaxDatagramBytes - kHeaderBytes - kTagBytes;
inline constexpr std::uint8_t kProtocolVersion = 2;

using Epoch = std::array<std::uint8_t, 16>;

enum class DatagramType : std::uint8_t {
  opening = 1,  // "I am this epoch, answer me": knows no epoch of the receiver
  session = 2,
};

struct DatagramHeader {
  DatagramType type = DatagramType::session;
  std::uint16_t key_id = 0;
  Epoch sender{};
  Epoch receiver{};
  std::uint64_t sequence = 0;

  friend bool operator==(const DatagramHeader&, const DatagramHeader&) = default;
};

// Why a datagram is not listened to.
enum class DropReason : std::uint8_t {
  foreign_sender,  // from another address than the peer's
  too_short,
  too_long,
  not_ours,       // another magic or type
  other_version,  // of the protocol
  unknown_key,    // a key id that is not configured here
  reflected,      // our own
  other_epoch,    // meant for an earlier life of this node, or a replay from then
  replayed,       // seen before, or too old to tell
  forged,         // the tag is wrong
  stale,          // not from the peer's present life, and not fresh
  malformed,      // authentic, but makes no sense
  count,
};
inline constexpr std::size_t kDropReasons = static_cast<std::size_t>(DropReason::count);
[[nodiscard]] std::string_view name(DropReason reason);

void write_header(const DatagramHeader& header, std::span<std::uint8_t, kHeaderBytes> to);

// Reads any bytes; what is returned is not authenticated yet.
[[nodiscard]] std::expected<DatagramHeader, DropReason> parse_header(
    std::span<const std::uint8_t> datagram);

}  // namespace carpool::mirror
