// Random configurations that change again and again: every image passes validate(), says what the
// configuration says, and no index changes its meaning.
#include <algorithm>
#include <chrono>
#include <map>
#include <random>

#include <gtest/gtest.h>

#include "controlplane/link/image_builder.h"
#include "dataplane/abi/region.h"
#include "dataplane/base/time.h"
#include "tests/unit/link/appliance.h"

namespace carpool::link {
namespace {

class RandomAppliance : public Appliance {
 public:
  explicit RandomAppliance(std::uint32_t seed) : random_(seed) {
    for (std::uint8_t i = 1; i < 4; ++i)
      add_group(i);
    ports.push_back({"dmz", 4, {{2, 3, 3, 3, 3, 3}}});
  }

  void change() {
    switch (below(8)) {
      case 0:
        if (config.frontends.size() < 12) add_random_listen();
        break;
      case 1:
        if (config.frontends.size() > 1) {
          config.frontends.erase(config.frontends.begin() + below(config.frontends.size()));
        }
        break;
      case 2:
        std::shuffle(config.frontends.begin(), config.frontends.end(), random_);
        break;
      case 3:
        remove_server(below(config.backends.size()));
        break;
      case 4:
        if (!config.backends.empty()) break_something();
        break;
      default:
        add_random_server(below(config.backends.size()));
        break;
    }
  }

  std::size_t below(std::size_t bound) { return bound == 0 ? 0 : random_() % bound; }

 private:
  void add_group(std::uint8_t number) {
    config::RedundancyGroup group;
    group.name = "group" + std::to_string(number);
    group.vhid = number;
    group.port = below(2) == 0 ? "wan" : "lan";
    group.mac = below(3) == 0 ? config::GroupMac::Own : config::GroupMac::Virtual;
    group.addresses = {{{Ipv4Address::of(192, 0, number, 10), 24}, group.port, {}}};
    if (below(2) == 0) {
      group.floating = {{{Ipv4Address::of(10, number, 0, 10), 24}, "lan", {}},
                        {{Ipv4Address::of(10, number, 1, 10), 24}, "dmz", {}}};
    }
    config.groups.push_back(group);
  }

  void add_random_listen() {
    const auto port = static_cast<std::uint16_t>(1 + below(60'000));
    auto& backend = add_listen("svc" + std::to_string(++names_), port, below(config.groups.size()));
    backend.balance = static_cast<config::Balance>(below(6));
    backend.all_backups = below(2) == 0;
    auto& binds = config.frontends.back().binds;
    binds.back().port_last = static_cast<std::uint16_t>(port + below(20));
    const auto other = below(config.groups.size());
    binds.push_back({config.groups[other].addresses[0].prefix.address, port, port, other, {}});
  }

  void add_random_server(std::size_t backend) {
    const auto address = Ipv4Address{be32(0x0a000000u + static_cast<std::uint32_t>(below(4000)))};
    auto& server = add_server("srv" + std::to_string(++names_), address,
                              static_cast<std::uint32_t>(below(257)), backend);
    server.backup = below(5) == 0;
    reach(address, static_cast<std::uint8_t>(below(3)),
          below(2) == 0 ? address : Ipv4Address::of(10, 255, 0, 1));
  }

  void remove_server(std::size_t backend) {
    auto& servers = config.backends[backend].servers;
    if (servers.empty()) return;
    const auto at = below(servers.size());
    servers.erase(servers.begin() + static_cast<std::ptrdiff_t>(at));
    states[backend].erase(states[backend].begin() + static_cast<std::ptrdiff_t>(at));
  }

  void break_something() {
    const auto backend = below(config.backends.size());
    for (auto& state : states[backend])
      state = {
          .up = below(3) > 0, .draining = below(5) == 0, .weight = std::nullopt, .maxconn = {}};
    if (!reachability.servers.empty() && below(2) == 0)
      reachability.servers.begin()->second.way = static_cast<Way>(below(4));
    if (!reachability.neighbours.empty() && below(2) == 0)
      reachability.neighbours.erase(reachability.neighbours.begin());
  }

  std::mt19937 random_;
  int names_ = 0;
};

// What an index meant when it was last seen. Reuse does not occur: the tables are far from full.
class Meanings {
 public:
  void check(abi::ImageView image) {
    for (std::size_t i = 0; i < image.services().size(); ++i)
      same("service", i, std::string(image.services()[i].name.view()));
    for (std::size_t i = 0; i < image.servers().size(); ++i) {
      const auto& server = image.servers()[i];
      if (server.name.empty()) continue;
      const auto& service = image.services()[server.service];
      same("server", i, server_key(service.name.view(), server.name.view()));
    }
    for (std::size_t i = 1; i < image.next_hops().size(); ++i) {
      const auto& hop = image.next_hops()[i];
      same("next hop", i,
           std::to_string(hop.group) + " " + std::to_string(hop.port) + " " +
               to_string(hop.neighbour));
    }
  }

 private:
  void same(const char* table, std::size_t index, std::string meaning) {
    const auto& known = meanings_.try_emplace({table, index}, meaning).first->second;
    ASSERT_EQ(known, meaning) << table << " " << index;
  }
  std::map<std::pair<std::string, std::size_t>, std::string> meanings_;
};

void expect_says(abi::ImageView image, const RandomAppliance& appliance) {
  for (const auto& frontend : appliance.config.frontends) {
    for (const auto& bind : frontend.binds) {
      ASSERT_TRUE(image.find_address(bind.address));
      ASSERT_GE(image.find_service(bind.address, be16(bind.port_last), 6), 0);
    }
  }
  for (const auto& service : image.services()) {
    for (const std::uint16_t index : image.picks(service)) {
      const auto& server = image.servers()[index];
      EXPECT_EQ(image.next_hops()[server.next_hop].resolved, 1);
      EXPECT_GT(server.weight, 0);
      const auto* local = image.find_address(server.local);
      ASSERT_TRUE(local);
      EXPECT_TRUE(local->roles & abi::kRoleLocal);
      EXPECT_EQ(local->port, image.next_hops()[server.next_hop].port);
    }
  }
}

TEST(RandomImages, AreValidAndTheirIndicesStable) {
  for (std::uint32_t seed = 1; seed <= 30; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    RandomAppliance appliance(seed);
    Meanings meanings;
    for (int generation = 0; generation < 100; ++generation) {
      for (auto changes = 1 + appliance.below(4); changes > 0; --changes)
        appliance.change();
      const auto image = appliance.build();
      meanings.check(image);
      expect_says(image, appliance);
      if (testing::Test::HasFailure()) return;
      // A new control plane takes over now and then.
      if (appliance.below(10) == 0) appliance.ids = Ids::recover(image);
    }
  }
}

TEST(RandomImages, TheSameInputGivesTheSameBytes) {
  RandomAppliance one(7);
  RandomAppliance two(7);
  for (int i = 0; i < 50; ++i) {
    one.change();
    two.change();
    one.build();
    two.build();
    ASSERT_EQ(one.image, two.image) << i;
  }
}

TEST(RandomImages, TenThousandServersAreBuiltQuickly) {
  Appliance appliance;
  for (std::uint16_t service = 0; service < 2; ++service)
    appliance.add_listen(std::to_string(service), static_cast<std::uint16_t>(service + 1000), 0);
  for (std::uint32_t i = 0; i < 10'000; ++i) {
    appliance.add_server(std::to_string(i), Ipv4Address{be32(0x0a000100u + i)}, 1 + i % 256, i % 3);
  }
  appliance.build();
  const auto start = monotonic_now();
  const auto image = appliance.build();
  const auto took = std::chrono::duration_cast<std::chrono::microseconds>(monotonic_now() - start);
  RecordProperty("microseconds", static_cast<int>(took.count()));
  EXPECT_GT(picked(image, "web").size(), 3'333u);
  EXPECT_LT(appliance.image.size(), abi::kDefaultImageBytes);
  // Takes about 10 ms; the bound is for sanitizers and busy machines.
  EXPECT_LT(took, std::chrono::milliseconds(500));
}

}  // namespace
}  // namespace carpool::link
