#include "controlplane/link/pick_list.h"

#include <algorithm>
#include <map>
#include <numeric>

namespace carpool::link {
namespace {

std::vector<std::uint32_t> reduced_weights(std::span<const Weighted> servers) {
  std::uint32_t divisor = 0;
  std::uint64_t total = 0;
  for (const Weighted& server : servers) {
    divisor = std::gcd(divisor, server.weight);
    total += server.weight;
  }
  const std::uint64_t limit = std::max(kMaxPicks, 4 * servers.size());
  const bool too_long = total / divisor > limit;
  const std::uint64_t room = limit - servers.size();  // rounding up to one may cost a place each
  std::vector<std::uint32_t> weights;
  weights.reserve(servers.size());
  for (const Weighted& server : servers) {
    const auto scaled = static_cast<std::uint32_t>(
        too_long ? std::max<std::uint64_t>(1, server.weight * room / total)
                 : server.weight / divisor);
    weights.push_back(scaled);
  }
  return weights;
}

// Servers of one weight. In smooth round robin they take turns among themselves, so only the one
// whose turn it is competes with the other weights.
struct Class {
  std::int64_t weight;
  std::vector<std::uint32_t> members;  // positions, ascending
  std::size_t turn = 0;
  std::int64_t rounds = 0;  // how often every member has been picked

  [[nodiscard]] std::uint32_t front() const { return members[turn]; }
};

}  // namespace

std::vector<std::uint16_t> weighted_picks(std::span<const Weighted> servers) {
  if (servers.empty()) return {};
  const auto weights = reduced_weights(servers);
  std::map<std::uint32_t, Class> by_weight;
  for (std::uint32_t at = 0; at < weights.size(); ++at) {
    auto& of_weight = by_weight.try_emplace(weights[at], Class{weights[at], {}}).first->second;
    of_weight.members.push_back(at);
  }
  std::vector<Class> classes;
  for (auto& entry : by_weight)
    classes.push_back(std::move(entry.second));

  const auto total = std::accumulate(weights.begin(), weights.end(), std::int64_t{0});
  std::vector<std::uint16_t> picks;
  picks.reserve(static_cast<std::size_t>(total));
  for (std::int64_t turn = 1; turn <= total; ++turn) {
    // What a server is owed: its share of the turns so far, less what it got. The first with the
    // most is next.
    const auto owed = [&](const Class& c) { return turn * c.weight - total * c.rounds; };
    Class* next = &classes.front();
    for (Class& candidate : classes) {
      const auto difference = owed(candidate) - owed(*next);
      if (difference > 0 || (difference == 0 && candidate.front() < next->front()))
        next = &candidate;
    }
    picks.push_back(servers[next->front()].server);
    if (++next->turn == next->members.size()) {
      next->turn = 0;
      ++next->rounds;
    }
  }
  return picks;
}

}  // namespace carpool::link
