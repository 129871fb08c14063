#include "controlplane/link/next_hops.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/neighbour.h>

namespace carpool::link {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr auto kServer = Ipv4Address::of(10, 0, 0, 11);
constexpr auto kRouter = Ipv4Address::of(10, 0, 0, 1);
constexpr auto kRemote = Ipv4Address::of(172, 16, 0, 5);
constexpr MacAddress kMac{{2, 0, 0, 0, 0, 11}};
constexpr MacAddress kOtherMac{{2, 0, 0, 0, 0, 12}};
constexpr int kLanLink = 3;
constexpr std::uint8_t kLan = 1;
constexpr Instant kStart{1000s};

class NextHopsTest : public testing::Test {
 protected:
  NextHopsTest() {
    for (const auto& [index, name] : {std::pair{2, "eth0"}, {kLanLink, "eth1"}, {4, "mgmt"}}) {
      network_.links[index] = {.index = index, .name = name, .mac = {}, .enabled = true};
    }
    add_route({kRouter, 24}, kLanLink, std::nullopt);
    add_route({{}, 0}, kLanLink, kRouter);
    network_.addresses = {{kLanLink, {Ipv4Address::of(10, 0, 0, 2), 24}}};
    hops_.set_ports({{"wan", 2, {}}, {"lan", kLanLink, {}}});
    hops_.set_servers({kServer});
  }

  void add_route(Ipv4Prefix destination, int link, std::optional<Ipv4Address> gateway) {
    network_.routes.push_back({.destination = destination,
                               .hops = {{.link = link, .gateway = gateway}},
                               .preferred_source = {}});
  }
  void learn(Ipv4Address address, MacAddress mac, std::uint16_t state) {
    network_.neighbours[{kLanLink, address}] = {mac, state};
  }
  NextHops::Step step(Duration since_start) { return hops_.step(network_, kStart + since_start); }
  std::optional<MacAddress> mac_of(Ipv4Address address) const {
    const auto& neighbours = hops_.reachability().neighbours;
    const auto at = neighbours.find({kLan, address});
    return at == neighbours.end() ? std::nullopt : std::optional(at->second);
  }

  NetworkState network_;
  NextHops hops_;
};

TEST_F(NextHopsTest, RoutesServers) {
  hops_.set_servers({kServer, kRemote, Ipv4Address::of(10, 0, 0, 2), Ipv4Address::of(10, 9, 0, 1)});
  add_route({Ipv4Address::of(10, 9, 0, 0), 16}, 4, std::nullopt);
  EXPECT_TRUE(step(0s).changed);
  const auto& servers = hops_.reachability().servers;
  EXPECT_EQ(servers.at(kServer), (Reach{Way::port, kLan, kServer, {}}));
  EXPECT_EQ(servers.at(kRemote), (Reach{Way::port, kLan, kRouter, {}}));
  EXPECT_EQ(servers.at(Ipv4Address::of(10, 0, 0, 2)).way, Way::own_address);
  EXPECT_EQ(servers.at(Ipv4Address::of(10, 9, 0, 1)).way, Way::other_network);
  EXPECT_EQ(servers.at(Ipv4Address::of(10, 9, 0, 1)).interface, "mgmt");

  network_.routes.clear();
  EXPECT_TRUE(step(1s).changed);
  EXPECT_EQ(hops_.reachability().servers.at(kRemote).way, Way::none);
  EXPECT_FALSE(step(2s).changed);
}

TEST_F(NextHopsTest, AsksForAnUnknownNeighbourLessAndLessOften) {
  struct Row {
    Duration at;
    bool asks;
  };
  for (const auto& [at, asks] : {Row{0s, true},
                                 {500ms, false},
                                 {1s, true},
                                 {2900ms, false},
                                 {3s, true},
                                 {7s, true},
                                 {14900ms, false},
                                 {15s, true},
                                 {31s, true},
                                 {60s, false},
                                 {61s, true},
                                 {91s, true}}) {
    const std::vector<NeighbourKey> lan_server = {{kLanLink, kServer}};
    EXPECT_EQ(step(at).requests, asks ? lan_server : std::vector<NeighbourKey>{}) << at.count();
  }
}

TEST_F(NextHopsTest, SaysWhenToLookAgain) {
  EXPECT_EQ(step(0s).next, kStart + 1s);
  EXPECT_EQ(step(1s).next, kStart + 3s);
  learn(kServer, kMac, NUD_REACHABLE);
  EXPECT_EQ(step(2s).next, kStart + 2s + NextHops::kRefresh);
}

TEST_F(NextHopsTest, LearnsAndFollowsTheLinkLayerAddress) {
  EXPECT_TRUE(step(0s).changed) << "the route";
  learn(kServer, {}, NUD_INCOMPLETE);
  EXPECT_FALSE(step(100ms).changed);
  learn(kServer, kMac, NUD_REACHABLE);
  EXPECT_TRUE(step(200ms).changed);
  EXPECT_EQ(mac_of(kServer), kMac);
  learn(kServer, kMac, NUD_STALE);
  EXPECT_FALSE(step(30s).changed);
  learn(kServer, kOtherMac, NUD_REACHABLE);
  EXPECT_TRUE(step(31s).changed);
  EXPECT_EQ(mac_of(kServer), kOtherMac);
}

TEST_F(NextHopsTest, HasStaleEntriesConfirmed) {
  learn(kServer, kMac, NUD_REACHABLE);
  EXPECT_THAT(step(0s).requests, IsEmpty());
  learn(kServer, kMac, NUD_STALE);
  EXPECT_EQ(step(30s).requests.size(), 1u);
  EXPECT_THAT(step(35s).requests, IsEmpty());
  EXPECT_EQ(step(40s).requests.size(), 1u);
  learn(kServer, kMac, NUD_PERMANENT);
  EXPECT_THAT(step(50s).requests, IsEmpty());
}

TEST_F(NextHopsTest, KeepsWhatTheKernelForgetsAndAsksAtOnce) {
  learn(kServer, kMac, NUD_STALE);
  EXPECT_EQ(step(0s).requests.size(), 1u);
  network_.neighbours.clear();
  const auto forgotten = step(1s);
  EXPECT_FALSE(forgotten.changed);
  EXPECT_EQ(forgotten.requests.size(), 1u);
  EXPECT_EQ(mac_of(kServer), kMac);
  learn(kServer, kMac, NUD_FAILED);
  EXPECT_FALSE(step(2s).changed);
  EXPECT_EQ(mac_of(kServer), kMac);
}

TEST_F(NextHopsTest, GatewaysAreAskedForOnce) {
  hops_.set_servers({kRemote, Ipv4Address::of(172, 16, 0, 6), kRemote});
  EXPECT_THAT(step(0s).requests, ElementsAre(NeighbourKey{kLanLink, kRouter}));
}

TEST_F(NextHopsTest, FollowsANeighbourForAWhileAfterItsServerIsGone) {
  learn(kServer, kMac, NUD_REACHABLE);
  (void)step(0s);
  hops_.set_servers({});
  (void)step(1s);
  learn(kServer, kOtherMac, NUD_REACHABLE);
  EXPECT_TRUE(step(2s).changed);
  EXPECT_EQ(mac_of(kServer), kOtherMac);
  (void)step(1s + NextHops::kLinger);
  EXPECT_EQ(mac_of(kServer), std::nullopt);
}

TEST_F(NextHopsTest, DoesNotAskForAllInOneBurst) {
  std::vector<Ipv4Address> servers;
  for (std::uint8_t i = 0; i < 200; ++i) {
    servers.push_back(Ipv4Address::of(10, 0, 0, i + 3));
    servers.push_back(Ipv4Address::of(10, 0, 1, i + 3));
  }
  add_route({Ipv4Address::of(10, 0, 1, 0), 24}, kLanLink, std::nullopt);
  hops_.set_servers(servers);
  const auto first = step(0s);
  EXPECT_EQ(first.requests.size(), NextHops::kMaxRequestsPerStep);
  EXPECT_EQ(first.next, kStart + NextHops::kPace);
  EXPECT_EQ(step(NextHops::kPace).requests.size(), 400 - NextHops::kMaxRequestsPerStep);
}

TEST(RegionPorts, HaveTheInterfacesOfTheirDevices) {
  abi::RegionHeader header;
  header.port_count = 2;
  header.ports[0].name = Name("wan");
  header.ports[0].device = Name("eth0");
  header.ports[1].name = Name("lan");
  header.ports[1].device = Name("gone0");
  NetworkState network;
  network.links[7] = {.index = 7, .name = "eth0", .mac = {}};
  EXPECT_THAT(region_ports(header, network),
              ElementsAre(RegionPort{"wan", 7, {}}, RegionPort{"lan", 0, {}}));
}

}  // namespace
}  // namespace carpool::link
