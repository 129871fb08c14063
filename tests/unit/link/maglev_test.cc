#include "controlplane/link/maglev.h"

#include <algorithm>
#include <map>
#include <string>

#include <gtest/gtest.h>

#include "tests/unit/link/appliance.h"

namespace carpool::link {
namespace {

std::vector<MaglevServer> named(std::size_t count, std::uint32_t weight = 1) {
  std::vector<MaglevServer> servers;
  for (std::size_t i = 0; i < count; ++i) {
    servers.push_back(
        {static_cast<std::uint16_t>(i), weight, maglev_identity("server" + std::to_string(i))});
  }
  return servers;
}

std::vector<std::uint16_t> table_of(const std::vector<MaglevServer>& servers, std::size_t places) {
  std::vector<std::uint16_t> table(places);
  fill_maglev(servers, table);
  return table;
}

std::map<std::uint16_t, std::size_t> shares(const std::vector<std::uint16_t>& table) {
  std::map<std::uint16_t, std::size_t> counts;
  for (const auto server : table)
    ++counts[server];
  return counts;
}

bool is_prime(std::size_t number) {
  for (std::size_t divisor = 2; divisor * divisor <= number; ++divisor) {
    if (number % divisor == 0) return false;
  }
  return number > 1;
}

TEST(Maglev, SizesArePrimesWithAHundredPlacesForEachServer) {
  std::size_t before = 0;
  for (std::size_t servers = 1; servers <= 1310; ++servers) {
    const std::size_t places = maglev_places(servers);
    EXPECT_GE(places, 100 * servers);
    EXPECT_GE(places, before) << "a size for few servers is not larger than one for many";
    if (places != before) {
      EXPECT_TRUE(is_prime(places)) << places;
    }
    before = places;
  }
  EXPECT_EQ(maglev_places(100), 16381u);
  EXPECT_EQ(maglev_places(5000), 131071u);
}

TEST(Maglev, EqualServersGetEqualShares) {
  for (const std::size_t count : {1, 2, 3, 10, 100, 655}) {
    const auto counts = shares(table_of(named(count), maglev_places(count)));
    ASSERT_EQ(counts.size(), count);
    const auto [least, most] =
        std::ranges::minmax_element(counts, {}, [](const auto& entry) { return entry.second; });
    EXPECT_LE(most->second - least->second, 1u) << count << " servers take turns";
  }
}

TEST(Maglev, SharesFollowWeights) {
  auto servers = named(4, 10);
  servers[1].weight = 20;
  servers[2].weight = 1;
  const std::size_t places = 4093;
  auto counts = shares(table_of(servers, places));
  EXPECT_NEAR(static_cast<double>(counts[1]), places * 20.0 / 41, 3);
  EXPECT_NEAR(static_cast<double>(counts[0]), places * 10.0 / 41, 3);
  EXPECT_NEAR(static_cast<double>(counts[2]), places * 1.0 / 41, 3);
}

// The ideal: 1/n of all clients, those of the server that is gone.
TEST(Maglev, TheLossOfAServerMovesLittleMoreThanItsOwnClients) {
  for (const std::size_t count : {5, 20, 100, 300}) {
    const std::size_t places = maglev_places(count);
    const auto all = named(count);
    const auto before = table_of(all, places);
    double worst = 0;
    for (std::size_t gone = 0; gone < count; gone += std::max<std::size_t>(1, count / 5)) {
      auto rest = all;
      rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(gone));
      const auto after = table_of(rest, places);
      std::size_t moved = 0, own = 0;
      for (std::size_t place = 0; place < places; ++place) {
        if (before[place] == gone) ++own;
        if (before[place] != after[place]) ++moved;
      }
      EXPECT_GE(moved, own);
      worst = std::max(worst, static_cast<double>(moved - own) / static_cast<double>(places));
    }
    RecordProperty("moved_besides_percent_of_" + std::to_string(count),
                   std::to_string(100 * worst));
    EXPECT_LT(worst, 0.04) << "of all places moved besides those of the lost one of " << count;
  }
}

TEST(Maglev, TheIdentityOfANameIsTheSameEverywhere) {
  // Written down, as two nodes with different versions must agree.
  EXPECT_EQ(maglev_identity("web1"), 0x9477fbf24a3c9866u);
  EXPECT_NE(maglev_identity("web1"), maglev_identity("web2"));
}

TEST(MaglevTables, KeepsWhatIsTheSame) {
  MaglevTables tables;
  const MaglevPlan one{.service = 1, .servers = named(3), .places = 1021};
  const MaglevPlan two{.service = 2, .servers = named(2), .places = 1021};
  tables.make({one, two});
  const auto* first = tables.of(1).data();
  ASSERT_EQ(tables.of(1).size(), 1021u);
  tables.make({one});
  EXPECT_EQ(tables.of(1).data(), first) << "not made again";
  EXPECT_TRUE(tables.of(2).empty());
  MaglevPlan changed = one;
  changed.servers[0].weight = 2;
  tables.make({changed});
  EXPECT_EQ(std::vector(tables.of(1).begin(), tables.of(1).end()), table_of(changed.servers, 1021));
}

TEST(MaglevTables, ManyAtOnceAreWhatOneByOneGives) {
  MaglevTables tables;
  std::vector<MaglevPlan> plans;
  for (std::uint16_t service = 0; service < 64; ++service)
    plans.push_back({service, named(1u + service % 7), 1021});
  tables.make(plans);
  for (const MaglevPlan& plan : plans) {
    const auto table = tables.of(plan.service);
    EXPECT_EQ(std::vector(table.begin(), table.end()), table_of(plan.servers, plan.places));
  }
}

// Through the image builder: the table's size follows from what is configured, not from what is up.
TEST(MaglevImage, BalanceSourceGetsAMaglevTable) {
  Appliance appliance;
  appliance.config.backends[0].balance = config::Balance::Source;
  for (std::uint8_t i = 0; i < 11; ++i)
    appliance.add_server("web" + std::to_string(i), Ipv4Address::of(10, 0, 0, 20 + i));
  const auto before = picked(appliance.build(), "web");
  ASSERT_EQ(before.size(), 2039u);
  appliance.states[0][4].up = false;
  const auto after = picked(appliance.build(), "web");
  ASSERT_EQ(after.size(), 2039u);
  EXPECT_EQ(std::ranges::count(after, "web4"), 0);
  std::size_t moved = 0;
  for (std::size_t place = 0; place < before.size(); ++place) {
    if (before[place] != after[place] && before[place] != "web4") ++moved;
  }
  EXPECT_LT(static_cast<double>(moved), 0.04 * 2039);
  appliance.states[0][4].up = true;
  EXPECT_EQ(picked(appliance.build(), "web"), before) << "its clients come back to it";
  for (auto& state : appliance.states[0])
    state.up = false;
  EXPECT_TRUE(picked(appliance.build(), "web").empty());
}

}  // namespace
}  // namespace carpool::link
