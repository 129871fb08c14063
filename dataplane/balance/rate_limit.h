// How many new connections per second a service takes, from all of its clients and from one
// address: token buckets that hold a second's worth. Each worker has its share of a rate to itself,
// as it sees its share of every client's connections; a whole second's worth may come to one worker
// at once.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>

#include "dataplane/abi/image.h"
#include "dataplane/abi/limits.h"
#include "dataplane/net/address.h"

namespace carpool::balance {

// Thousandths of connections, so that a millisecond's share is a whole number.
class TokenBucket {
 public:
  // Takes one connection's worth if it is there. `rate` in connections per second, > 0.
  [[nodiscard]] bool take(std::uint32_t rate, std::uint32_t workers, std::uint32_t now_ms) {
    const std::uint64_t full = std::uint64_t{rate} * kOne;
    const std::uint32_t elapsed = is_new_ ? kSecondMs : std::min(now_ms - at_ms_, kSecondMs);
    // Fractions are not lost: time that has not yet brought a thousandth goes on counting.
    const std::uint64_t gained = std::uint64_t{rate} * elapsed;
    tokens_ = is_new_ ? full : std::min(full, tokens_ + gained / workers);
    if (gained >= workers) at_ms_ = now_ms;
    is_new_ = false;
    if (tokens_ < kOne) return false;
    tokens_ -= kOne;
    return true;
  }

 private:
  static constexpr std::uint32_t kOne = 1000;
  static constexpr std::uint32_t kSecondMs = 1000;

  std::uint64_t tokens_ = 0;
  std::uint32_t at_ms_ = 0;  // until when time has been turned into tokens
  bool is_new_ = true;
};

class RateLimits {
 public:
  // Sources that are remembered at a time, of all services together. Who has been forgotten, which
  // takes as many others, begins anew with a full bucket.
  static constexpr std::uint32_t kSources = 1u << 16;

  // Without the secret nobody can choose addresses that push each other out.
  explicit RateLimits(std::uint64_t secret)
      : secret_{static_cast<std::uint32_t>(secret), static_cast<std::uint32_t>(secret >> 32)},
        sources_(std::make_unique<std::array<Source, kSources>>()) {}

  [[nodiscard]] bool service_has_room(std::uint16_t service, std::uint32_t rate,
                                      std::uint32_t workers, std::uint32_t now_ms) {
    return services_[service].take(rate, workers, now_ms);
  }

  [[nodiscard]] bool source_has_room(std::uint16_t service, Ipv4Address source, std::uint32_t rate,
                                     std::uint32_t workers, std::uint32_t now_ms) {
    Source& place = place_of(service, source, now_ms);
    place.seen_ms = now_ms;
    return place.bucket.take(rate, workers, now_ms);
  }

 private:
  struct Source {
    Ipv4Address address;
    std::uint16_t service = 0;
    std::uint16_t used = 0;
    std::uint32_t seen_ms = 0;
    std::uint32_t reserved = 0;
    TokenBucket bucket;
  };
  static_assert(sizeof(Source) == 32);
  static constexpr std::uint32_t kWays = 2;  // of one cache line

  // Where the source is, or where it is put instead of the one that was seen longest ago.
  Source& place_of(std::uint16_t service, Ipv4Address source, std::uint32_t now_ms) {
    const std::uint32_t mixed =
        abi::mix_bits(abi::mix_bits(source.value.raw() ^ secret_[0]) ^ (service + 1u) * secret_[1]);
    Source* const ways = sources_->data() + (mixed % (kSources / kWays)) * kWays;
    Source* oldest = ways;
    for (Source* way = ways; way < ways + kWays; ++way) {
      if (way->used != 0 && way->address == source && way->service == service) return *way;
      const bool is_older = now_ms - way->seen_ms > now_ms - oldest->seen_ms;
      if (oldest->used != 0 && (way->used == 0 || is_older)) oldest = way;
    }
    *oldest = {.address = source, .service = service, .used = 1, .seen_ms = now_ms, .bucket = {}};
    return *oldest;
  }

  std::array<std::uint32_t, 2> secret_;
  std::array<TokenBucket, abi::kMaxServices> services_{};
  std::unique_ptr<std::array<Source, kSources>> sources_;
};

}  // namespace carpool::balance
