#include "controlplane/mirror/channel.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <string_view>
#include <utility>

#include "dataplane/base/endian.h"

namespace carpool::mirror {
namespace {

constexpr std::string_view kOpeningLabel = "carpool mirror 1 opening";
constexpr std::string_view kSessionLabel = "carpool mirror 1 session";

// label || phase
Key derive(const PreSharedKey& key, std::span<const std::uint8_t> salt, std::string_view label,
           std::uint64_t phase) {
  std::array<std::uint8_t, 64> info{};
  std::memcpy(info.data(), label.data(), label.size());
  const be64 number(phase);
  std::memcpy(info.data() + label.size(), &number, sizeof number);
  return derive_key(key.secret, salt, std::span(info).first(label.size() + sizeof number));
}

Nonce nonce_of(std::uint64_t sequence) {
  Nonce nonce{};
  const be64 number(sequence);
  std::memcpy(nonce.data() + nonce.size() - sizeof number, &number, sizeof number);
  return nonce;
}

}  // namespace

Channel::Channel(std::vector<PreSharedKey> keys, const Epoch& own)
    : keys_(std::move(keys)), own_(own) {
  assert(!keys_.empty());
}

void Channel::set_keys(std::vector<PreSharedKey> keys) {
  assert(!keys.empty());
  keys_ = std::move(keys);
  forget_ciphers();
}

void Channel::renew(const Epoch& own) {
  own_ = own;
  peer_.reset();
  forget_ciphers();
}

void Channel::adopt(const Opened& first) {
  peer_ = first.sender;
  window_ = {};
  window_.mark(first.sequence);
  forget_ciphers();
}

void Channel::forget_ciphers() {
  sealer_.reset();
  openers_.clear();
}

const PreSharedKey* Channel::find_key(std::uint16_t id) const {
  const auto found = std::ranges::find(keys_, id, &PreSharedKey::id);
  return found == keys_.end() ? nullptr : &*found;
}

Key Channel::opening_key(const PreSharedKey& key, const Epoch& sender, std::uint64_t phase) const {
  return derive(key, sender, kOpeningLabel, phase);
}

Key Channel::session_key(const PreSharedKey& key, const Epoch& sender, const Epoch& receiver,
                         std::uint64_t phase) const {
  std::array<std::uint8_t, 2 * sizeof(Epoch)> salt;
  std::ranges::copy(receiver, std::ranges::copy(sender, salt.begin()).out);
  return derive(key, salt, kSessionLabel, phase);
}

Sealer& Channel::sealer_to(const Epoch& receiver, std::uint64_t phase) {
  const PreSharedKey& key = keys_.back();
  const Phase wanted{key.id, phase};
  if (!sealer_ || sealer_->phase != wanted || sealer_->other != receiver) {
    sealer_.emplace(wanted, receiver, Sealer(session_key(key, own_, receiver, phase)));
  }
  return sealer_->cipher;
}

Opener& Channel::opener_from_peer(const PreSharedKey& key, std::uint64_t phase) {
  const Phase wanted{key.id, phase};
  const auto found = std::ranges::find(openers_, wanted, &Cached<Opener>::phase);
  if (found != openers_.end()) return found->cipher;
  if (openers_.size() == kOpeners) openers_.pop_back();
  Cached<Opener> fresh{wanted, *peer_, Opener(session_key(key, *peer_, own_, phase))};
  return openers_.insert(openers_.begin(), std::move(fresh))->cipher;
}

std::size_t Channel::seal(const std::optional<Epoch>& receiver, std::size_t payload_bytes,
                          std::span<std::uint8_t, kMaxDatagramBytes> datagram) {
  assert(payload_bytes <= kMaxPayloadBytes);
  const std::uint64_t sequence = next_sequence_++;
  const auto type = receiver ? DatagramType::session : DatagramType::opening;
  const auto header = datagram.first<kHeaderBytes>();
  write_header({type, keys_.back().id, own_, receiver.value_or(Epoch{}), sequence}, header);
  const auto text = datagram.subspan(kHeaderBytes, payload_bytes);
  const auto tag =
      std::span<std::uint8_t, kTagBytes>(datagram.data() + kHeaderBytes + payload_bytes, kTagBytes);
  const std::uint64_t phase = sequence >> kPhaseBits;
  if (receiver) {
    sealer_to(*receiver, phase).seal(nonce_of(sequence), header, text, tag);
  } else {
    Sealer(opening_key(keys_.back(), own_, phase)).seal(nonce_of(sequence), header, text, tag);
  }
  return kHeaderBytes + payload_bytes + kTagBytes;
}

std::expected<Opened, DropReason> Channel::open(std::span<std::uint8_t> datagram) {
  const auto header = parse_header(datagram);
  if (!header) return std::unexpected(header.error());
  const PreSharedKey* key = find_key(header->key_id);
  if (key == nullptr) return std::unexpected(DropReason::unknown_key);
  if (header->sender == own_) return std::unexpected(DropReason::reflected);
  const bool opening = header->type == DatagramType::opening;
  if (header->receiver != (opening ? Epoch{} : own_)) {
    return std::unexpected(DropReason::other_epoch);
  }
  const bool from_peer = !opening && peer_ == header->sender;
  if (from_peer && !window_.is_fresh(header->sequence)) {
    return std::unexpected(DropReason::replayed);
  }

  const std::uint64_t phase = header->sequence >> kPhaseBits;
  // A far phase cannot be the peer's, and must not cost a derivation or a place in the cache.
  const std::uint64_t peer_phase = window_.highest() >> kPhaseBits;
  if (from_peer && (phase > peer_phase + 1 || phase + 1 < peer_phase)) {
    return std::unexpected(DropReason::forged);
  }
  const auto text = datagram.subspan(kHeaderBytes, datagram.size() - kHeaderBytes - kTagBytes);
  const auto tag = datagram.last<kTagBytes>();
  const auto open_with = [&](Opener& opener) {
    return opener.open(nonce_of(header->sequence), datagram.first(kHeaderBytes), text, tag);
  };
  bool authentic = false;
  if (from_peer) {
    authentic = open_with(opener_from_peer(*key, phase));
  } else {
    Opener once(opening ? opening_key(*key, header->sender, phase)
                        : session_key(*key, header->sender, own_, phase));
    authentic = open_with(once);
  }
  if (!authentic) return std::unexpected(DropReason::forged);
  if (from_peer) window_.mark(header->sequence);
  return Opened{header->type, header->sender, header->sequence, header->key_id, text};
}

}  // namespace carpool::mirror
