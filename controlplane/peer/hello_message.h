// The hello that two carpools send each other every few milliseconds, on the data link and on the
// peer link: "I am alive". Authenticated, not encrypted; numbers are in network order.
//
//    0  magic "CPHL"     4  version     5  flags      6  key id
//    8  link            12  interval, ms             14  number of claims
//   16  life            24  challenge   32  two echoes
//   48  sequence        56  claims, 4 bytes each     end-16  tag
//
// The tag is HMAC-SHA256, cut to 16 bytes, over all that stands before it, under a key that follows
// from the nodes' `peer-key`. What a hello proves beyond that is in hello_session.h.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string_view>
#include <vector>

#include "dataplane/base/time.h"

namespace carpool::hello {

inline constexpr std::uint8_t kVersion = 1;
inline constexpr std::size_t kTagBytes = 16;
inline constexpr std::size_t kFixedBytes = 56;
inline constexpr std::size_t kMaxClaims = 32;  // as many as there are groups
inline constexpr std::size_t kMaxMessageBytes = kFixedBytes + 4 * kMaxClaims + kTagBytes;

// Identifies one start of a sender: random.
enum class Life : std::uint64_t {};
// What the other side has to repeat to prove that it hears, and is no recording.
enum class Challenge : std::uint64_t { none = 0 };

// The same on both nodes: a link by the name of its port, a group by its own.
enum class LinkId : std::uint32_t { peer = 0 };
enum class GroupId : std::uint32_t {};
[[nodiscard]] LinkId link_id(std::string_view port);
[[nodiscard]] GroupId group_id(std::string_view group);

struct Message {
  // The sender ends: what follows, and its silence, mean nothing.
  bool goodbye = false;
  bool tells_claims = false;  // else `claims` is empty and means nothing
  std::uint16_t key_id = 0;
  LinkId link = LinkId::peer;
  std::chrono::milliseconds interval{};  // between two on this link
  Life life{};
  Challenge challenge{};
  std::array<Challenge, 2> echoes{};
  std::uint64_t sequence = 0;   // grows with each hello of this life on this link
  std::vector<GroupId> claims;  // groups that the sender holds, or takes part in with its port up

  friend bool operator==(const Message&, const Message&) = default;
};

struct Key {
  std::uint16_t id = 0;
  std::array<std::uint8_t, 32> bytes{};

  friend bool operator==(const Key&, const Key&) = default;
};
// A key for hellos alone, from one that serves other purposes, too.
[[nodiscard]] Key make_key(std::uint16_t id, std::span<const std::uint8_t> secret);

// Why a hello does not count.
enum class Drop : std::uint8_t {
  foreign_sender,  // from another address than the peer's
  not_a_frame,     // on the data link: no sound UDP datagram from the network itself
  too_short,
  too_long,
  not_ours,       // another magic
  other_version,  // of this protocol
  unknown_key,
  forged,      // the tag is wrong
  malformed,   // authentic, but makes no sense
  reflected,   // our own
  wrong_link,  // meant for another link
  replayed,    // heard before, or older than what was heard
  unproven,    // may be a recording: does not know this life of ours (yet)
  ended,       // of a life that has said goodbye
  count,
};
inline constexpr std::size_t kDrops = static_cast<std::size_t>(Drop::count);
[[nodiscard]] std::string_view name(Drop reason);

// Writes into `to` and returns what was written. At most kMaxClaims claims go in.
[[nodiscard]] std::span<const std::uint8_t> encode(const Message& message, const Key& key,
                                                   std::span<std::uint8_t, kMaxMessageBytes> to);

// Any bytes.
[[nodiscard]] std::expected<Message, Drop> decode(std::span<const std::uint8_t> bytes,
                                                  std::span<const Key> keys);

}  // namespace carpool::hello
