#include "controlplane/link/image_builder.h"

#include <chrono>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controlplane/link/service_timeouts.h"
#include "dataplane/net/headers.h"
#include "tests/unit/link/appliance.h"

namespace carpool::link {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr auto kWeb1 = Ipv4Address::of(10, 0, 0, 11);
constexpr auto kWeb2 = Ipv4Address::of(10, 0, 0, 12);
constexpr auto kWeb3 = Ipv4Address::of(10, 0, 0, 13);

class ImageBuilder : public testing::Test {
 protected:
  Appliance appliance_;
};

TEST_F(ImageBuilder, DescribesTheWayOfAConnection) {
  appliance_.add_server("web1", kWeb1).maxconn = 100;
  const auto image = appliance_.build();
  EXPECT_THAT(problem_texts(appliance_), IsEmpty());
  EXPECT_EQ(image.header().generation, 1u);
  EXPECT_EQ(image.header().secret[1], 11u);

  const auto* vip = image.find_address(kVip);
  ASSERT_TRUE(vip);
  EXPECT_EQ(vip->roles, abi::kRoleVirtual);
  EXPECT_EQ(vip->port, kWan);
  const auto* floating = image.find_address(kFloating);
  ASSERT_TRUE(floating);
  EXPECT_EQ(floating->roles, abi::kRoleLocal);
  EXPECT_EQ(floating->port, kLan);

  const int service = image.find_service(kVip, be16(80), 6);
  ASSERT_GE(service, 0);
  EXPECT_EQ(image.find_service(kVip, be16(81), 6), -1);
  EXPECT_THAT(picked(image, "web"), ElementsAre("web1"));

  const auto* server = find_server(image, "web1");
  ASSERT_TRUE(server);
  EXPECT_EQ(server->address, kWeb1);
  EXPECT_EQ(server->port.host(), 8080);
  EXPECT_EQ(server->local, kFloating);
  EXPECT_EQ(server->service, service);
  EXPECT_EQ(server->max_connections, 100u);
  const auto& hop = image.next_hops()[server->next_hop];
  EXPECT_EQ(hop.destination, mac_of_server(kWeb1));
  EXPECT_EQ(hop.source, MacAddress::virtual_router(53));
  EXPECT_EQ(hop.port, kLan);
  EXPECT_EQ(hop.resolved, 1);
}

TEST_F(ImageBuilder, AnIdleConfigurationIsAnImageToo) {
  const auto image = appliance_.build();
  EXPECT_THAT(picked(image, "web"), IsEmpty());
  EXPECT_EQ(image.next_hops().size(), 1u) << "the one that leads nowhere";
}

TEST_F(ImageBuilder, GroupMayUseThePortsOwnMac) {
  appliance_.config.groups[0].mac = config::GroupMac::Own;
  appliance_.add_server("web1", kWeb1);
  const auto image = appliance_.build();
  EXPECT_EQ(image.groups()[0].mac, appliance_.ports[kWan].mac);
  EXPECT_EQ(image.next_hops()[find_server(image, "web1")->next_hop].source,
            appliance_.ports[kLan].mac);
}

// ------------------------------------------------------------------------------- local addresses

TEST_F(ImageBuilder, ServersOnTheGroupsPortSeeTheVirtualAddress) {
  const auto web1 = Ipv4Address::of(192, 0, 2, 20);
  appliance_.add_server("web1", web1);
  appliance_.reach(web1, kWan, web1);
  const auto image = appliance_.build();
  EXPECT_EQ(find_server(image, "web1")->local, kVip);
  EXPECT_EQ(image.find_address(kVip)->roles, abi::kRoleVirtual | abi::kRoleLocal);
}

TEST_F(ImageBuilder, AnAddressOfTheNeighboursNetworkIsPreferred) {
  const auto near = Ipv4Address::of(172, 16, 5, 1);
  appliance_.config.groups[0].floating.push_back({{near, 24}, "lan", {}});
  appliance_.add_server("web1", kWeb1);
  appliance_.reach(kWeb1, kLan, Ipv4Address::of(172, 16, 5, 254));
  EXPECT_EQ(find_server(appliance_.build(), "web1")->local, near);
}

TEST_F(ImageBuilder, SourceDecides) {
  const auto other = Ipv4Address::of(10, 0, 0, 9);
  appliance_.config.groups[0].floating.push_back({{other, 24}, "lan", {}});
  appliance_.config.backends[0].source = other;
  appliance_.add_server("web1", kWeb1);
  EXPECT_EQ(find_server(appliance_.build(), "web1")->local, other);
}

// ------------------------------------------------------------------------------------- problems

TEST_F(ImageBuilder, DsrNeedsNoAddressButANeighbour) {
  appliance_.add_server("web1", kWeb1);
  appliance_.config.backends[0].forwarding = config::Forwarding::Dsr;
  appliance_.config.groups[0].floating.clear();
  auto image = appliance_.build();
  EXPECT_EQ(image.services()[0].forward, abi::Forward::dsr);
  EXPECT_EQ(image.picks(image.services()[0]).size(), 1u);
  EXPECT_TRUE(appliance_.problems.empty());

  appliance_.reachability.servers[kWeb1].neighbour = Ipv4Address::of(10, 0, 0, 254);
  image = appliance_.build();
  EXPECT_TRUE(image.picks(image.services()[0]).empty());
  ASSERT_EQ(appliance_.problems.size(), 1u);
  EXPECT_NE(appliance_.problems[0].text.find("use `forward tunnel`"), std::string::npos);
}

// Servers have the virtual address themselves: a tunnel never begins there.
TEST_F(ImageBuilder, TunnelsBeginAtAFloatingAddress) {
  appliance_.add_server("web1", kWeb1);
  appliance_.config.backends[0].forwarding = config::Forwarding::TunnelGue;
  appliance_.reach(kWeb1, kWan, kWeb1);
  auto image = appliance_.build();
  EXPECT_EQ(image.services()[0].forward, abi::Forward::gue);
  ASSERT_EQ(image.picks(image.services()[0]).size(), 1u);
  EXPECT_EQ(image.servers()[0].local, kFloating);

  appliance_.config.groups[0].floating.clear();
  image = appliance_.build();
  EXPECT_TRUE(image.picks(image.services()[0]).empty());
  EXPECT_EQ(appliance_.problems.size(), 1u);
}

TEST_F(ImageBuilder, SaysWhichAddressIsMissing) {
  appliance_.config.groups[0].floating.clear();
  appliance_.add_server("web1", kWeb1);
  const auto image = appliance_.build();
  EXPECT_THAT(problem_texts(appliance_),
              ElementsAre("server web/web1: reached over port lan, where group public has no "
                          "floating address: add `floating A.B.C.D/N port lan`"));
  EXPECT_THAT(picked(image, "web"), IsEmpty());
}

TEST_F(ImageBuilder, SaysWhySourceDoesNotServe) {
  appliance_.config.backends[0].source = Ipv4Address::of(10, 0, 0, 1);
  appliance_.add_server("web1", kWeb1);
  EXPECT_THAT(picked(appliance_.build(), "web"), IsEmpty());
  EXPECT_THAT(problem_texts(appliance_),
              ElementsAre("server web/web1: source 10.0.0.1 is not an address of any group: add "
                          "`floating 10.0.0.1/N port lan` to group public"));
}

TEST_F(ImageBuilder, SaysWhyAServerIsNotReached) {
  appliance_.add_server("web1", kWeb1);
  appliance_.add_server("web2", kWeb2);
  appliance_.add_server("web3", kWeb3);
  appliance_.reachability.servers.erase(kWeb1);
  appliance_.reachability.servers[kWeb2] = {Way::other_network, 0, kWeb2, "eth9"};
  appliance_.reachability.servers[kWeb3] = {Way::own_address, 0, {}, {}};
  const auto image = appliance_.build();
  EXPECT_THAT(
      problem_texts(appliance_),
      ElementsAre("server web/web1: no route to 10.0.0.11",
                  "server web/web2: 10.0.0.12 is reached over interface eth9, which is not a port: "
                  "add a `port` line for it, or a route by one of the ports",
                  "server web/web3: 10.0.0.13 is an address of this machine; a server has to be "
                  "another one"));
  EXPECT_THAT(picked(image, "web"), IsEmpty());
  EXPECT_EQ(image.next_hops()[find_server(image, "web1")->next_hop].resolved, 0);
}

TEST_F(ImageBuilder, WaitsForLinkLayerAddresses) {
  appliance_.add_server("web1", kWeb1);
  appliance_.add_server("web2", kWeb2);
  appliance_.reachability.neighbours.erase({kLan, kWeb1});
  EXPECT_THAT(picked(appliance_.build(), "web"), ElementsAre("web2"));
  ASSERT_EQ(appliance_.problems.size(), 1u);
  EXPECT_EQ(appliance_.problems[0].kind, ProblemKind::resolving);
  EXPECT_EQ(appliance_.problems[0].text,
            "server web/web1: waiting for the link-layer address of 10.0.0.11 on port lan");
}

TEST_F(ImageBuilder, ReportsPortsThatTheDataPlaneLacks) {
  appliance_.config.groups[0].floating[0].port = "dmz";
  appliance_.add_server("web1", kWeb1);
  EXPECT_FALSE(appliance_.build().find_address(kFloating));
  EXPECT_EQ(problem_texts(appliance_)[0], "group public: the data plane has no port dmz");
}

TEST_F(ImageBuilder, ReportsWhatIsTakenTwice) {
  appliance_.add_listen("other", 80, 0);
  const auto image = appliance_.build();
  EXPECT_THAT(problem_texts(appliance_),
              ElementsAre("frontend other: 192.0.2.10:80 is another frontend's"));
  EXPECT_EQ(
      image.services()[static_cast<std::size_t>(image.find_service(kVip, be16(80), 6))].name.view(),
      "web");
}

TEST_F(ImageBuilder, SaysEachProblemOnce) {
  appliance_.add_server("web1", kWeb1);
  appliance_.reachability.servers.clear();
  auto second = appliance_.config.frontends[0];
  second.name = "web-alt";
  second.binds[0].port_first = second.binds[0].port_last = 8080;
  appliance_.config.frontends.push_back(second);
  appliance_.build();
  EXPECT_EQ(appliance_.problems.size(), 1u);
}

TEST_F(ImageBuilder, TooManyGroupsAreAnError) {
  for (int i = 0; i < 40; ++i) {
    config::RedundancyGroup group;
    group.name = "g" + std::to_string(i);
    group.port = "wan";
    appliance_.config.groups.push_back(group);
  }
  const auto built = build_image({.config = appliance_.config,
                                  .ports = appliance_.ports,
                                  .reachability = appliance_.reachability,
                                  .states = appliance_.states,
                                  .previous = {}},
                                 appliance_.ids);
  ASSERT_FALSE(built);
  EXPECT_EQ(built.error().message, "more than 32 redundancy groups");
}

// ------------------------------------------------------------------------------ who gets chosen

TEST_F(ImageBuilder, OnlyUsableServersAreChosen) {
  for (std::uint8_t i = 1; i <= 5; ++i)
    appliance_.add_server("web" + std::to_string(i), Ipv4Address::of(10, 0, 0, 10 + i));
  auto& states = appliance_.states[0];
  states[0].up = false;
  states[1].draining = true;
  states[2].maintenance = true;
  states[3].weight = 0;
  EXPECT_THAT(picked(appliance_.build(), "web"), ElementsAre("web5"));
  EXPECT_THAT(problem_texts(appliance_), IsEmpty()) << "these are states, not problems";
  appliance_.config.backends[0].disabled = true;
  EXPECT_THAT(picked(appliance_.build(), "web"), IsEmpty());
}

TEST_F(ImageBuilder, WeightsAreRepeatedSmoothlyAndMayBeOverridden) {
  appliance_.add_server("web1", kWeb1, 100);
  appliance_.add_server("web2", kWeb2, 50);
  EXPECT_THAT(picked(appliance_.build(), "web"), ElementsAre("web1", "web2", "web1"));
  appliance_.states[0][0].weight = 50;
  const auto image = appliance_.build();
  EXPECT_THAT(picked(image, "web"), ElementsAre("web1", "web2"));
  EXPECT_EQ(find_server(image, "web1")->weight, 50);
}

TEST_F(ImageBuilder, LeastconnAndFirstListEachServerOnce) {
  appliance_.add_server("web1", kWeb1, 3);
  appliance_.add_server("web2", kWeb2, 1);
  for (const auto balance : {config::Balance::LeastConn, config::Balance::First}) {
    appliance_.config.backends[0].balance = balance;
    EXPECT_THAT(picked(appliance_.build(), "web"), ElementsAre("web1", "web2"));
  }
  appliance_.config.backends[0].balance = config::Balance::Random;
  EXPECT_THAT(picked(appliance_.build(), "web"), ElementsAre("web1", "web1", "web2", "web1"));
}

TEST_F(ImageBuilder, BackupsServeWhenNobodyElseCan) {
  appliance_.add_server("web1", kWeb1);
  appliance_.add_server("web2", kWeb2).backup = true;
  appliance_.add_server("web3", kWeb3).backup = true;
  EXPECT_THAT(picked(appliance_.build(), "web"), ElementsAre("web1"));
  appliance_.states[0][0].up = false;
  EXPECT_THAT(picked(appliance_.build(), "web"), ElementsAre("web2"));
  appliance_.states[0][1].up = false;
  EXPECT_THAT(picked(appliance_.build(), "web"), ElementsAre("web3"));
  appliance_.states[0][1].up = true;
  appliance_.config.backends[0].all_backups = true;
  EXPECT_THAT(picked(appliance_.build(), "web"), ElementsAre("web2", "web3"));
}

// ------------------------------------------------------------------------------ stable indices

TEST_F(ImageBuilder, IndicesOutliveChanges) {
  appliance_.add_server("web1", kWeb1);
  appliance_.add_server("web2", kWeb2);
  appliance_.add_listen("db", 3306, 0);
  appliance_.add_server("db1", kWeb3, 1, 1);
  const auto before = appliance_.build();
  const auto index_of = [](abi::ImageView image, const abi::ImageServer* server) {
    return server - image.servers().data();
  };
  const auto web2 = index_of(before, find_server(before, "web2"));
  const auto hop2 = find_server(before, "web2")->next_hop;
  const auto db = before.find_service(kVip, be16(3306), 6);

  std::swap(appliance_.config.frontends[0], appliance_.config.frontends[1]);
  auto& servers = appliance_.config.backends[0].servers;
  servers.erase(servers.begin());
  appliance_.states[0].erase(appliance_.states[0].begin());
  appliance_.add_server("web0", kWeb1);
  const auto after = appliance_.build();
  EXPECT_EQ(index_of(after, find_server(after, "web2")), web2);
  EXPECT_EQ(find_server(after, "web2")->next_hop, hop2);
  EXPECT_EQ(after.find_service(kVip, be16(3306), 6), db);
  EXPECT_NE(index_of(after, find_server(after, "web0")), 0) << "that is still web1's";
}

TEST_F(ImageBuilder, WhatIsRemovedStaysForItsConnections) {
  appliance_.add_server("web1", kWeb1);
  appliance_.add_listen("db", 3306, 0);
  appliance_.add_server("db1", kWeb3, 1, 1);
  appliance_.build();
  appliance_.config.frontends.pop_back();
  appliance_.config.backends.pop_back();
  appliance_.states.pop_back();
  for (int i = 0; i < 3; ++i) {
    const auto image = appliance_.build();
    EXPECT_EQ(image.find_service(kVip, be16(3306), 6), -1);
    EXPECT_THAT(picked(image, "db"), IsEmpty());
    const auto* server = find_server(image, "db1");
    ASSERT_TRUE(server);
    EXPECT_EQ(server->address, kWeb3);
    EXPECT_EQ(image.next_hops()[server->next_hop].destination, mac_of_server(kWeb3));
  }
  const MacAddress moved{{2, 9, 9, 9, 9, 9}};
  appliance_.reachability.neighbours[{kLan, kWeb3}] = moved;
  const auto image = appliance_.build();
  EXPECT_EQ(image.next_hops()[find_server(image, "db1")->next_hop].destination, moved);
}

TEST_F(ImageBuilder, ARestartedControlPlaneGivesTheSameIndices) {
  appliance_.add_server("web1", kWeb1);
  appliance_.add_server("web2", kWeb2);
  appliance_.add_listen("db", 3306, 0);
  appliance_.add_server("db1", kWeb3, 1, 1);
  appliance_.build();
  auto& servers = appliance_.config.backends[0].servers;
  servers.erase(servers.begin());
  appliance_.states[0].erase(appliance_.states[0].begin());
  const auto before = appliance_.build();
  const auto servers_before = std::vector(before.servers().begin(), before.servers().end());

  Appliance restarted = appliance_;
  restarted.ids = Ids::recover(abi::ImageView(restarted.image.data()));
  std::swap(restarted.config.frontends[0], restarted.config.frontends[1]);
  restarted.add_server("web9", Ipv4Address::of(10, 0, 0, 19));
  const auto after = restarted.build();
  ASSERT_EQ(after.servers().size(), servers_before.size() + 1);
  for (std::size_t i = 0; i < servers_before.size(); ++i) {
    EXPECT_EQ(after.servers()[i].name, servers_before[i].name);
    EXPECT_EQ(after.servers()[i].next_hop, servers_before[i].next_hop);
    EXPECT_EQ(after.servers()[i].service, servers_before[i].service);
  }
}

// -------------------------------------------------------------------------- services and groups

TEST_F(ImageBuilder, PortRangesHaveAKeyPerPort) {
  appliance_.config.frontends[0].binds[0].port_last = 1079;
  const auto image = appliance_.build();
  for (std::uint16_t port = 80; port <= 1079; ++port)
    EXPECT_EQ(image.find_service(kVip, be16(port), 6), 0) << port;
  EXPECT_EQ(image.find_service(kVip, be16(1080), 6), -1);
  EXPECT_EQ(image.find_service(kVip, be16(80), 17), -1);
}

TEST_F(ImageBuilder, AFrontendInTwoGroupsIsTwoServices) {
  const auto inside = Ipv4Address::of(10, 0, 0, 100);
  config::RedundancyGroup group;
  group.name = "inside";
  group.vhid = 54;
  group.port = "lan";
  group.addresses = {{{inside, 24}, "lan", {}}};
  appliance_.config.groups.push_back(group);
  appliance_.config.frontends[0].binds.push_back({inside, 80, 80, 1, {}});
  appliance_.add_server("web1", kWeb1);
  const auto image = appliance_.build();
  EXPECT_THAT(picked(image, "web"), ElementsAre("web1"));
  EXPECT_THAT(picked(image, "web@inside"), ElementsAre("web1"));
  const auto& service =
      image.services()[static_cast<std::size_t>(image.find_service(inside, be16(80), 6))];
  const auto& server = image.servers()[image.picks(service)[0]];
  EXPECT_EQ(server.local, inside);
  EXPECT_EQ(image.next_hops()[server.next_hop].source, MacAddress::virtual_router(54));
}

TEST_F(ImageBuilder, DisabledFrontendsAreLeftOut) {
  appliance_.config.frontends[0].disabled = true;
  EXPECT_EQ(appliance_.build().find_service(kVip, be16(80), 6), -1);
}

TEST_F(ImageBuilder, ThePeerIsToldUnlessTheFrontendSaysNo) {
  EXPECT_EQ(appliance_.build().services()[0].mirror, 1);
  appliance_.config.frontends[0].mirror = false;
  EXPECT_EQ(appliance_.build().services()[0].mirror, 0);
}

TEST_F(ImageBuilder, UdpIsAServiceOfItsOwn) {
  appliance_.add_server("web1", kWeb1);
  appliance_.add_listen("dns", 80, 0).replies = 1;
  appliance_.config.frontends[1].protocol = config::IpProtocol::Udp;
  const auto image = appliance_.build();
  const int web = image.find_service(kVip, be16(80), kProtocolTcp);
  const int dns = image.find_service(kVip, be16(80), kProtocolUdp);
  ASSERT_TRUE(web >= 0 && dns >= 0 && web != dns);
  const auto& service = image.services()[static_cast<std::size_t>(dns)];
  EXPECT_EQ(service.protocol, kProtocolUdp);
  EXPECT_EQ(service.udp_replies, 1);
  EXPECT_EQ(service.established_timeout_ms, 60'000u);
}

TEST(InitialStates, DisabledServersStartInMaintenance) {
  Appliance appliance;
  appliance.add_server("web1", kWeb1);
  appliance.add_server("web2", kWeb2).disabled = true;
  const auto states = initial_states(appliance.config);
  EXPECT_FALSE(states[0][0].maintenance);
  EXPECT_TRUE(states[0][1].maintenance);
}

constexpr auto kTcp = config::IpProtocol::Tcp;
constexpr auto kUdp = config::IpProtocol::Udp;

TEST(ServiceTimeouts, OfUdpAreIdleTimesAlone) {
  EXPECT_EQ(service_timeouts(kUdp, {}, {}), (ServiceTimeouts{60'000, 60'000, 60'000, 1'000}));
  config::Timeouts frontend, backend;
  frontend.tunnel = 1h;
  backend.server = 7s;
  EXPECT_EQ(service_timeouts(kUdp, frontend, backend).established_ms, 7'000u);
  frontend.client = 9s;
  EXPECT_EQ(service_timeouts(kUdp, frontend, backend).established_ms, 9'000u);
}

TEST(ServiceTimeouts, FollowHaproxy) {
  EXPECT_EQ(service_timeouts(kTcp, {}, {}), (ServiceTimeouts{5'000, 3'600'000, 30'000, 60'000}));
  config::Timeouts frontend;
  config::Timeouts backend;
  frontend.client = 50s;
  EXPECT_EQ(service_timeouts(kTcp, frontend, backend).established_ms, 3'600'000u);
  backend.server = 70s;
  backend.connect = 1500us;
  EXPECT_EQ(service_timeouts(kTcp, frontend, backend).established_ms, 70'000u);
  EXPECT_EQ(service_timeouts(kTcp, frontend, backend).connect_ms, 2u);
  frontend.tunnel = 2h;
  EXPECT_EQ(service_timeouts(kTcp, frontend, backend).established_ms, 7'200'000u);
  backend.tunnel = 3h;
  EXPECT_EQ(service_timeouts(kTcp, frontend, backend).established_ms, 10'800'000u);
  frontend.client_fin = 3s;
  EXPECT_EQ(service_timeouts(kTcp, frontend, backend).closing_ms, 3'000u);
  backend.server_fin = 0s;
  frontend.client_fin.reset();
  EXPECT_EQ(service_timeouts(kTcp, frontend, backend).closing_ms, 1u);
}

}  // namespace
}  // namespace carpool::link
