#include "dataplane/balance/select.h"

namespace carpool::balance {
namespace {

// Maps a 32-bit value evenly onto 0..count-1 without a division.
std::size_t scale(std::uint32_t value, std::size_t count) {
  return std::uint64_t{value} * count >> 32;
}

// Unkeyed, so that both nodes of a pair send a client to the same server.
std::uint32_t mix(Ipv4Address client) {
  std::uint32_t value = client.value.host();
  value = (value ^ value >> 16) * 0x7feb352du;
  value = (value ^ value >> 15) * 0x846ca68bu;
  return value ^ value >> 16;
}

}  // namespace

Load::Load(std::span<const std::span<abi::ServerCounters>> by_worker) {
  for (const auto& counters : by_worker)
    by_worker_[workers_++] = counters.data();
}

bool Selector::has_room(abi::ImageView image, std::uint16_t server) const {
  const std::uint32_t limit = image.servers()[server].max_connections;
  return limit == 0 || load_.active(server) < limit;
}

// The server at a place of the list, or the next one after it that is not at its limit.
int Selector::from(abi::ImageView image, Picks picks, std::size_t at) const {
  for (std::size_t i = 0; i < picks.size(); ++i) {
    const std::uint16_t server = picks[at];
    if (has_room(image, server)) return server;
    at = at + 1 == picks.size() ? 0 : at + 1;
  }
  return kNoServer;
}

// Fewest open connections for its weight; ties go round from `start`, so that idle servers share
// alike.
int Selector::least_loaded(abi::ImageView image, Picks picks, std::size_t start) const {
  int best = kNoServer;
  std::uint64_t best_active = 0;
  std::uint64_t best_weight = 1;
  for (std::size_t i = 0; i < picks.size(); ++i) {
    std::size_t at = start + i;
    if (at >= picks.size()) at -= picks.size();
    const auto& server = image.servers()[picks[at]];
    const std::uint64_t active = load_.active(picks[at]);
    if (server.max_connections != 0 && active >= server.max_connections) continue;
    if (best == kNoServer || active * best_weight < best_active * server.weight) {
      best = picks[at];
      best_active = active;
      best_weight = server.weight;
    }
  }
  return best;
}

std::uint64_t Selector::next_random() {  // xorshift64*
  random_ ^= random_ >> 12;
  random_ ^= random_ << 25;
  random_ ^= random_ >> 27;
  return random_ * 0x2545f4914f6cdd1d;
}

int Selector::select(abi::ImageView image, std::uint16_t service_index, Ipv4Address client) {
  const auto& service = image.services()[service_index];
  const Picks picks = image.picks(service);
  if (picks.empty()) return kNoServer;

  const auto next_in_turn = [&]() -> std::size_t {
    std::uint32_t& cursor = cursors_[service_index];
    cursor = cursor + 1 < picks.size() ? cursor + 1 : 0;
    return cursor;
  };
  switch (service.balance) {
    case abi::Balance::roundrobin:
      return from(image, picks, next_in_turn());
    case abi::Balance::source:
      return from(image, picks, scale(mix(client), picks.size()));
    case abi::Balance::leastconn:
      return least_loaded(image, picks, next_in_turn());
    case abi::Balance::first:
      return from(image, picks, 0);
    case abi::Balance::random: {  // the better of two (Mitzenmacher 2001)
      const std::uint64_t random = next_random();
      const std::array<std::uint16_t, 2> two = {
          picks[scale(static_cast<std::uint32_t>(random), picks.size())],
          picks[scale(static_cast<std::uint32_t>(random >> 32), picks.size())]};
      const int better = least_loaded(image, two, 0);
      return better != kNoServer ? better : from(image, picks, 0);
    }
  }
  return kNoServer;
}

}  // namespace carpool::balance
