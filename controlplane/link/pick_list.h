// The list that a service's connections are spread by: each server stands in it as often as its
// weight says, and its places are spread evenly.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace carpool::link {

struct Weighted {
  std::uint16_t server = 0;  // index
  std::uint32_t weight = 1;  // > 0
};

// Longer lists are shortened by scaling the weights, no weight below one. Where there are more than
// a quarter as many servers as this, a list may have four places per server.
inline constexpr std::size_t kMaxPicks = 4096;

// nginx's smooth weighted round robin: 5, 1, 1 gives a a b a c a a. Servers of equal weights come
// in the order given.
[[nodiscard]] std::vector<std::uint16_t> weighted_picks(std::span<const Weighted> servers);

}  // namespace carpool::link
