#include "controlplane/appliance/groups.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace carpool {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr int kEth1 = 3;
constexpr int kEth2 = 4;

config::VirtualAddress address_on(const std::string& port, const char* prefix) {
  config::VirtualAddress address;
  address.prefix = parse_ipv4_prefix(prefix).value();
  address.port = port;
  address.origin = {0, 9, 5};
  return address;
}

config::PortSpec port_on(const std::string& name, const std::string& device) {
  config::PortSpec port;
  port.name = name;
  port.device = device;
  port.origin = {0, 2, 5};
  return port;
}

// The node of a pair as in the manual: wan with the virtual address, lan with the floating one.
config::Config make_config() {
  config::Config config;
  config.files = {"carpool.cfg"};
  config.node.ports = {port_on("wan", "eth1"), port_on("lan", "eth2")};
  config::RedundancyGroup group;
  group.name = "public";
  group.vhid = 53;
  group.port = "wan";
  group.password = "secret";
  group.addresses = {address_on("wan", "192.0.2.10/24")};
  group.floating = {address_on("lan", "10.0.0.10/24")};
  config.groups = {group};
  return config;
}

InterfaceAddress own(int link, const char* prefix) {
  return {link, parse_ipv4_prefix(prefix).value()};
}

Link make_link(int index, const std::string& name) {
  Link link;
  link.index = index;
  link.name = name;
  link.enabled = true;
  link.carrier = true;
  return link;
}

NetworkState make_network() {
  NetworkState network;
  network.links = {{kEth1, make_link(kEth1, "eth1")}, {kEth2, make_link(kEth2, "eth2")}};
  network.addresses = {own(kEth1, "203.0.113.7/24"), own(kEth1, "192.0.2.1/24"),
                       own(kEth2, "10.0.0.1/24")};
  return network;
}

std::vector<link::RegionPort> make_ports() {
  return {{"wan", kEth1, {{2, 0, 0, 0, 0, 1}}}, {"lan", kEth2, {{2, 0, 0, 0, 0, 2}}}};
}

// ---- Start conditions --------------------------------------------------------------------------

TEST(NetworkCheck, FindsNothingWrongWithAGoodNode) {
  EXPECT_THAT(check_against_network(make_config(), make_network()), IsEmpty());
}

TEST(NetworkCheck, NamesTheMissingInterfaceAndThoseThatAreThere) {
  auto config = make_config();
  config.node.ports[0].device = "eth9";
  EXPECT_THAT(
      check_against_network(config, make_network()),
      ElementsAre("carpool.cfg:2: port wan: interface eth9 does not exist; there are eth1, eth2"));
}

TEST(NetworkCheck, NamesThePortsAddressesWhereAVirtualOneDoesNotFit) {
  auto config = make_config();
  config.groups[0].addresses = {address_on("wan", "198.51.100.10/24")};
  EXPECT_THAT(check_against_network(config, make_network()),
              ElementsAre(HasSubstr(
                  "carpool.cfg:9: address 198.51.100.10/24 of group public is in no network of its "
                  "port wan (eth1), which has 203.0.113.7/24, 192.0.2.1/24")));
}

TEST(NetworkCheck, HoldsFloatingAddressesAgainstTheirOwnPort) {
  auto network = make_network();
  std::erase(network.addresses, own(kEth2, "10.0.0.1/24"));
  EXPECT_THAT(check_against_network(make_config(), network),
              ElementsAre(HasSubstr("port lan (eth2), which has no IPv4 address")));
}

// ---- Groups ------------------------------------------------------------------------------------

TEST(GroupSettings, ComeFromConfigurationPortsAndNetwork) {
  const auto groups = group_settings(make_config(), make_ports(), make_network());
  ASSERT_TRUE(groups) << groups.error().message;
  ASSERT_EQ(groups->size(), 1u);
  const GroupSettings& group = groups->front();
  EXPECT_EQ(group.mac, MacAddress::virtual_router(53));
  EXPECT_EQ(group.source(), Ipv4Address::of(192, 0, 2, 1)) << "in the group's network";
  using Announced = GroupSettings::Announced;
  EXPECT_THAT(group.announced, ElementsAre(Announced{Ipv4Address::of(192, 0, 2, 10), 0},
                                           Announced{Ipv4Address::of(10, 0, 0, 10), 1}));
}

TEST(GroupSettings, OfVrrp) {
  auto config = make_config();
  config::RedundancyGroup& written = config.groups[0];
  written.protocol = config::RedundancyProtocol::Vrrp2;
  written.vrrp.priority = 150;
  written.vrrp.interval = std::chrono::seconds(2);
  written.vrrp.unicast_peers = {Ipv4Address::of(192, 0, 2, 1), Ipv4Address::of(192, 0, 2, 2)};
  const auto groups = group_settings(config, make_ports(), make_network());
  ASSERT_TRUE(groups) << groups.error().message;
  const GroupSettings& group = groups->front();
  EXPECT_EQ(group.mac, MacAddress::virtual_router(53));
  EXPECT_EQ(group.port_mac, make_ports()[0].mac);
  const auto& vrrp = std::get<VrrpSettings>(group.protocol);
  EXPECT_EQ(vrrp.config.version, VrrpVersion::k2);
  EXPECT_EQ(vrrp.config.priority, 150);
  EXPECT_EQ(vrrp.config.interval, VrrpInterval(200));
  EXPECT_EQ(vrrp.config.source, Ipv4Address::of(192, 0, 2, 1));
  EXPECT_EQ(vrrp.group.own, Ipv4Address::of(192, 0, 2, 1));
  EXPECT_EQ(vrrp.group.password, make_vrrp_password("secret").value());
  EXPECT_THAT(vrrp.group.addresses, ElementsAre(Ipv4Address::of(192, 0, 2, 10)));
  EXPECT_THAT(vrrp.group.peers, ElementsAre(Ipv4Address::of(192, 0, 2, 2))) << "not ourselves";
}

TEST(GroupSettings, OwnMacIsThePorts) {
  auto config = make_config();
  config.groups[0].mac = config::GroupMac::Own;
  EXPECT_EQ(group_settings(config, make_ports(), make_network())->front().mac, make_ports()[0].mac);
}

TEST(GroupSettings, PortThatTheDataPlaneLacksIsAnError) {
  auto ports = make_ports();
  ports.pop_back();
  const auto groups = group_settings(make_config(), ports, make_network());
  ASSERT_FALSE(groups);
  EXPECT_THAT(groups.error().message, HasSubstr("on port lan, which the data plane does not have"));
}

// ---- May it be claimed? ------------------------------------------------------------------------

struct UsabilityTest : testing::Test {
  std::optional<std::string> why() const {
    const auto groups = group_settings(make_config(), ports, network);
    return why_unusable(groups->front(), ports, health, network);
  }
  std::vector<link::RegionPort> ports = make_ports();
  std::vector<PortHealth> health = {{true}, {true}};
  NetworkState network = make_network();
};

TEST_F(UsabilityTest, WithLinkCarrierAndAddress) {
  EXPECT_EQ(why(), std::nullopt);
}

TEST_F(UsabilityTest, NeedsTheDriversLink) {
  health[0].link_up = false;
  EXPECT_EQ(why(), "port wan has no link");
}

TEST_F(UsabilityTest, NeedsTheKernelsCarrier) {
  network.links[kEth1].carrier = false;
  EXPECT_EQ(why(), "port wan: interface eth1 has no carrier");
}

TEST_F(UsabilityTest, NeedsAnAddressToSendFrom) {
  network.addresses.clear();
  EXPECT_EQ(why(), "port wan has no IPv4 address that adverts could come from");
}

}  // namespace
}  // namespace carpool
