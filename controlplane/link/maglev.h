// Maglev hashing (Eisenbud et al., NSDI 2016): the table by which `balance source` sends a client
// to its server. It depends on nothing but the servers' names and weights, so every node makes the
// same one, and where a server comes or goes few clients but that server's own move.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace carpool::link {

struct MaglevServer {
  std::uint16_t server = 0;    // index, what stands in the table
  std::uint32_t weight = 1;    // > 0
  std::uint64_t identity = 0;  // maglev_identity() of its name

  friend bool operator==(const MaglevServer&, const MaglevServer&) = default;
};

// The same on every machine and in every version.
[[nodiscard]] std::uint64_t maglev_identity(std::string_view name);

// Places of the table of a service with that many servers configured, up or not: a prime, the
// smallest of 1021, 2039, 4093, 8191, 16381, 32749, 65521 and 131071 that has a hundred places for
// each server (the last one for any number above). Few sizes, as another size moves most clients.
[[nodiscard]] std::size_t maglev_places(std::size_t servers);

// Fills all of `table`, whose size is a prime. Each server gets places in proportion to its weight.
void fill_maglev(std::span<const MaglevServer> servers, std::span<std::uint16_t> table);

// What one service needs.
struct MaglevPlan {
  std::uint16_t service = 0;  // index
  std::vector<MaglevServer> servers{};
  std::size_t places = 0;

  friend bool operator==(const MaglevPlan&, const MaglevPlan&) = default;
};

// The tables of all services. Those whose servers and weights are still the same are kept from one
// image to the next, the others are made, on all processors where there are many.
class MaglevTables {
 public:
  // Tables of services that are not among `plans` are forgotten.
  void make(std::vector<MaglevPlan> plans);
  // Of a service that was among the last plans; empty for others.
  [[nodiscard]] std::span<const std::uint16_t> of(std::uint16_t service) const;

 private:
  struct Made {
    MaglevPlan plan;
    std::vector<std::uint16_t> table;
  };
  std::unordered_map<std::uint16_t, Made> made_;
};

}  // namespace carpool::link
