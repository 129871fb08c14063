// Seals what goes to the other node and opens what comes from it. Pure: epochs are given, nothing
// waits, nothing is sent.
//
// Keys follow from a pre-shared key, both epochs and the direction, so a sequence number never
// serves twice as a nonce under one key. A session datagram names the epoch that it is meant for:
// whatever was recorded before this epoch began cannot be opened any more. Nothing is kept about
// senders whose datagrams do not open, and nothing about an epoch until adopt().
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <vector>

#include "controlplane/mirror/crypto.h"
#include "controlplane/mirror/datagram.h"
#include "controlplane/mirror/replay_window.h"

namespace carpool::mirror {

struct PreSharedKey {
  std::uint16_t id = 0;
  Key secret{};

  friend bool operator==(const PreSharedKey&, const PreSharedKey&) = default;
};

// What of a datagram was opened.
struct Opened {
  DatagramType type = DatagramType::session;
  Epoch sender{};
  std::uint64_t sequence = 0;
  std::uint16_t key_id = 0;
  std::span<const std::uint8_t> payload;  // within the datagram
};

class Channel {
 public:
  // `keys`: at least one; all of them open, the last one seals.
  Channel(std::vector<PreSharedKey> keys, const Epoch& own);

  // From the next datagram on.
  void set_keys(std::vector<PreSharedKey> keys);

  // A new life: whatever is on its way to the present one will not open.
  void renew(const Epoch& own);
  // The epoch that is the other node's from now on, known by this datagram of it.
  void adopt(const Opened& first);
  [[nodiscard]] const std::optional<Epoch>& peer() const { return peer_; }
  [[nodiscard]] const Epoch& own() const { return own_; }

  // Of the next datagram that is sealed here, and of what was heard from the adopted epoch.
  [[nodiscard]] std::uint64_t next_sequence() const { return next_sequence_; }
  [[nodiscard]] std::uint64_t highest_heard() const { return window_.highest(); }

  // `datagram`: where it is made; the payload lies in it after the header already, and there is
  // room for the tag behind. Returns its length. `receiver`: nobody for an opening.
  std::size_t seal(const std::optional<Epoch>& receiver, std::size_t payload_bytes,
                   std::span<std::uint8_t, kMaxDatagramBytes> datagram);

  // Decrypts in place.
  [[nodiscard]] std::expected<Opened, DropReason> open(std::span<std::uint8_t> datagram);

 private:
  // Under one key goes what fits into so many sequence numbers (NIST SP 800-38D bounds how much).
  static constexpr unsigned kPhaseBits = 24;

  // What a session key depends on, beside the epochs.
  struct Phase {
    std::uint16_t key_id = 0;
    std::uint64_t number = 0;
    friend bool operator==(const Phase&, const Phase&) = default;
  };
  template <class Cipher>
  struct Cached {
    Phase phase;
    Epoch other{};
    Cipher cipher;
  };

  [[nodiscard]] const PreSharedKey* find_key(std::uint16_t id) const;
  [[nodiscard]] Key opening_key(const PreSharedKey& key, const Epoch& sender,
                                std::uint64_t phase) const;
  [[nodiscard]] Key session_key(const PreSharedKey& key, const Epoch& sender, const Epoch& receiver,
                                std::uint64_t phase) const;
  Sealer& sealer_to(const Epoch& receiver, std::uint64_t phase);
  Opener& opener_from_peer(const PreSharedKey& key, std::uint64_t phase);
  void forget_ciphers();

  std::vector<PreSharedKey> keys_;
  Epoch own_;
  std::optional<Epoch> peer_;
  std::uint64_t next_sequence_ = 1;
  ReplayWindow window_;
  std::optional<Cached<Sealer>> sealer_;
  std::vector<Cached<Opener>> openers_;  // of the adopted epoch, newest first, at most kOpeners
  static constexpr std::size_t kOpeners = 4;
};

}  // namespace carpool::mirror
