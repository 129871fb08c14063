#include "controlplane/link/pick_list.h"

#include <algorithm>

#include <gtest/gtest.h>

namespace carpool::link {
namespace {

std::string letters(std::initializer_list<std::uint32_t> weights) {
  std::vector<Weighted> servers;
  for (const std::uint32_t weight : weights)
    servers.push_back({static_cast<std::uint16_t>(servers.size()), weight});
  std::string text;
  for (const std::uint16_t server : weighted_picks(servers))
    text += static_cast<char>('a' + server);
  return text;
}

TEST(PickList, IsSmooth) {
  EXPECT_EQ(letters({}), "");
  EXPECT_EQ(letters({7}), "a");
  EXPECT_EQ(letters({1, 1, 1}), "abc");
  EXPECT_EQ(letters({5, 1, 1}), "aabacaa") << "the example of nginx";
  EXPECT_EQ(letters({1, 2}), "bab");
  EXPECT_EQ(letters({2, 1, 2}), "acbac");
}

TEST(PickList, ReducesWeights) {
  EXPECT_EQ(letters({100, 100}), "ab");
  EXPECT_EQ(letters({256, 128}), "aba");
}

// What the short way must reproduce: nginx's own formulation, one counter per server.
std::vector<std::uint16_t> by_counters(const std::vector<Weighted>& servers) {
  std::int64_t total = 0;
  for (const auto& server : servers)
    total += server.weight;
  std::vector<std::int64_t> current(servers.size());
  std::vector<std::uint16_t> picks;
  for (std::int64_t turn = 0; turn < total; ++turn) {
    for (std::size_t i = 0; i < servers.size(); ++i)
      current[i] += servers[i].weight;
    const auto best = std::ranges::max_element(current) - current.begin();
    current[best] -= total;
    picks.push_back(servers[best].server);
  }
  return picks;
}

TEST(PickList, IsWhatCountersPerServerGive) {
  for (std::uint32_t seed = 1; seed < 60; ++seed) {
    std::vector<Weighted> servers;
    std::uint32_t random = seed;
    for (std::uint16_t i = 0; i < 1 + seed % 17; ++i) {
      random = random * 1664525 + 1013904223;
      servers.push_back({i, 1 + (random >> 16) % 23});
    }
    servers.push_back({999, 1});  // keeps the divisor at one
    EXPECT_EQ(weighted_picks(servers), by_counters(servers)) << "seed " << seed;
  }
}

TEST(PickList, HasABoundThatEveryServerFitsIn) {
  std::vector<Weighted> servers;
  for (std::uint16_t i = 0; i < 4096; ++i)
    servers.push_back({i, 1u + i % 256});
  const auto picks = weighted_picks(servers);
  EXPECT_LE(picks.size(), 4 * servers.size());
  std::vector<int> places(servers.size());
  for (const auto pick : picks)
    ++places[pick];
  EXPECT_EQ(std::ranges::min(places), 1);
  EXPECT_GE(places[255], 4) << "weight 256";
}

TEST(PickList, ScalesLargeWeights) {
  const std::vector<Weighted> servers = {{0, 60'000}, {1, 30'001}, {2, 1}};
  const auto picks = weighted_picks(servers);
  EXPECT_LE(picks.size(), kMaxPicks);
  const auto share =
      static_cast<double>(std::ranges::count(picks, 0)) / static_cast<double>(picks.size());
  EXPECT_NEAR(share, 2.0 / 3, 0.001);
  EXPECT_EQ(std::ranges::count(picks, 2), 1);
}

}  // namespace
}  // namespace carpool::link
