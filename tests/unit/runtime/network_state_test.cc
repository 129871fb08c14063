// Messages as a kernel 6.18 sent them for the command in each comment, captured from a socket
// subscribed like ours; of the link messages the attributes that nobody reads were taken out.
#include "controlplane/runtime/network_state.h"

#include <charconv>
#include <initializer_list>
#include <random>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "controlplane/runtime/netlink_message.h"

namespace carpool {
namespace {

std::vector<std::uint8_t> from_hex(std::string_view hex) {
  std::vector<std::uint8_t> bytes(hex.size() / 2);
  for (std::size_t i = 0; i < bytes.size(); ++i)
    std::from_chars(hex.data() + 2 * i, hex.data() + 2 * i + 2, bytes[i], 16);
  return bytes;
}

// ip link add v0 mtu 1400 address 02:00:00:00:00:01 type veth ...
constexpr std::string_view kLinkAdded =
    "4c000000100000000000000000000000000001000300000002100000ffffffff070003007630000008000d00e80300"
    "00050010000200000008000400780500000a0001000200000000010000";
// ip link set v0 up (and its peer)
constexpr std::string_view kLinkUp =
    "4c00000010000000000000000000000000000100030000004310010000000000070003007630000008000d00e80300"
    "00050010000600000008000400780500000a0001000200000000010000";
// ip link set v0 down
constexpr std::string_view kLinkDown =
    "4c00000010000000000000000000000000000100030000000210000001000000070003007630000008000d00e80300"
    "00050010000200000008000400780500000a0001000200000000010000";
// ip link del v0
constexpr std::string_view kLinkDeleted =
    "4c000000110000000000000000000000000001000300000002100000ffffffff070003007630000008000d00e80300"
    "00050010000200000008000400780500000a0001000200000000010000";
// ip addr add 10.0.0.1/24 dev v0: the address, then its routes in the local and the main table
constexpr std::string_view kAddressAdded =
    "4c000000140000002132036bc44300000218800003000000080001000a000001080002000a00000107000300763000"
    "00080008008000000014000600ffffffffffffffff61ba030061ba0300";
constexpr std::string_view kLocalRouteAdded =
    "3c00000018000006000000000000000002200000ff02fe020000000008000f00ff000000080001000a000001080007"
    "000a0000010800040003000000";
constexpr std::string_view kConnectedRouteAdded =
    "3c00000018000006000000000000000002180000fe02fd010000000008000f00fe000000080001000a000000080007"
    "000a0000010800040003000000";
// ip addr del 10.0.0.1/24 dev v0
constexpr std::string_view kAddressDeleted =
    "4c000000150000002332036bea4300000218800003000000080001000a000001080002000a00000107000300763000"
    "00080008008000000014000600ffffffffffffffff61ba030061ba0300";
constexpr std::string_view kConnectedRouteDeleted =
    "3c00000019000000000000000000000002180000fe02fd010000000008000f00fe000000080001000a000000080007"
    "000a0000010800040003000000";
// ip route add 192.0.2.0/24 via 10.0.0.254
constexpr std::string_view kRouteAdded =
    "3c000000180000062132036bc643000002180000fe0300010000000008000f00fe00000008000100c0000200080005"
    "000a0000fe0800040003000000";
// ip route replace 192.0.2.0/24 via 10.0.0.253
constexpr std::string_view kRouteReplaced =
    "3c000000180000012232036bc843000002180000fe0300010000000008000f00fe00000008000100c0000200080005"
    "000a0000fd0800040003000000";
// ip route del 192.0.2.0/24
constexpr std::string_view kRouteDeleted =
    "3c000000190000002332036bd343000002180000fe0300010000000008000f00fe00000008000100c0000200080005"
    "000a0000fd0800040003000000";
// ip route add default metric 100 nexthop via 10.0.0.254 dev v0 nexthop via 10.0.0.253 dev v0
constexpr std::string_view kMultipathAdded =
    "50000000180000062232036bcb43000002000000fe0400010000000008000f00fe0000000800060064000000240009"
    "001000000003000000080005000a0000fe1000000003000000080005000a0000fd";
// ip route add blackhole 198.51.100.0/24
constexpr std::string_view kBlackholeAdded =
    "2c000000180000062232036bcd43000002180000fe0300060000000008000f00fe00000008000100c6336400";
// ip neigh add 10.0.0.254 lladdr 02:00:00:00:00:fe dev v0 nud reachable
constexpr std::string_view kNeighbourAdded =
    "4c0000001c00000000000000cf430000020000000300000002000001080001000a0000fe0a0002000200000000fe00"
    "0008000400000000001400030000000000000000000000000002000000";
// ip neigh del: first it fails, then it goes
constexpr std::string_view kNeighbourFailed =
    "400000001c00000000000000d1430000020000000300000020000001080001000a0000fe0800040000000000140003"
    "001f0000001f0000001f00000001000000";
constexpr std::string_view kNeighbourDeleted =
    "400000001d0000000000000000000000020000000300000020000001080001000a0000fe0800040000000000140003"
    "001f0000001f0000001f00000000000000";

ApplyOutcome apply_hex(NetworkState& state, std::string_view hex) {
  return apply_message(state, from_hex(hex));
}

NetworkState after(std::initializer_list<std::string_view> messages) {
  NetworkState state;
  for (const auto message : messages)
    apply_hex(state, message);
  return state;
}

constexpr auto kGateway = Ipv4Address::of(10, 0, 0, 254);
constexpr auto kOtherGateway = Ipv4Address::of(10, 0, 0, 253);

TEST(NetworkState, FollowsALink) {
  auto state = after({kLinkAdded});
  const Link* link = state.find_link("v0");
  ASSERT_TRUE(link);
  EXPECT_EQ(link->index, 3);
  EXPECT_EQ(to_string(link->mac), "02:00:00:00:00:01");
  EXPECT_EQ(link->mtu, 1400u);
  EXPECT_FALSE(link->enabled);
  EXPECT_FALSE(link->carrier);

  EXPECT_TRUE(apply_hex(state, kLinkUp).changed);
  EXPECT_TRUE(state.links.at(3).enabled);
  EXPECT_TRUE(state.links.at(3).carrier);
  EXPECT_EQ(state.links.at(3).operstate, OperState::Up);
  EXPECT_FALSE(apply_hex(state, kLinkUp).changed);

  const auto down = apply_hex(state, kLinkDown);
  EXPECT_TRUE(down.changed);
  EXPECT_TRUE(down.routes_stale);  // the kernel has dropped its routes without a word
  EXPECT_FALSE(state.links.at(3).enabled);

  EXPECT_TRUE(apply_hex(state, kLinkDeleted).changed);
  EXPECT_EQ(state, NetworkState{});
}

TEST(NetworkState, FollowsAnAddressAndItsRoute) {
  auto state = after({kLinkUp, kAddressAdded, kLocalRouteAdded, kConnectedRouteAdded});
  EXPECT_TRUE(state.is_own(Ipv4Address::of(10, 0, 0, 1)));
  ASSERT_EQ(state.routes.size(), 1u);  // the local table is not ours
  EXPECT_EQ(to_string(state.routes[0].destination), "10.0.0.0/24");
  EXPECT_EQ(state.routes[0].preferred_source, Ipv4Address::of(10, 0, 0, 1));

  EXPECT_TRUE(apply_hex(state, kAddressDeleted).routes_stale);
  EXPECT_TRUE(apply_hex(state, kConnectedRouteDeleted).changed);
  EXPECT_EQ(state, after({kLinkUp}));
}

TEST(NetworkState, AReplacedRouteIsNotThereTwice) {
  auto state = after({kLinkUp, kRouteAdded});
  EXPECT_TRUE(apply_hex(state, kRouteReplaced).changed);
  ASSERT_EQ(state.routes.size(), 1u);
  EXPECT_EQ(state.routes[0].hops[0].gateway, kOtherGateway);
  EXPECT_TRUE(apply_hex(state, kRouteDeleted).changed);
  EXPECT_TRUE(state.routes.empty());
  EXPECT_FALSE(apply_hex(state, kRouteDeleted).changed);
}

// Also of two routes with the same destination and metric (`ip route append`) the right one goes.
TEST(NetworkState, TellsRivalsApart) {
  auto state = after({kLinkUp, kConnectedRouteAdded, kRouteAdded, kMultipathAdded});
  EXPECT_EQ(state.routes[0].destination.length, 0);  // in order, whatever the order of arrival
  EXPECT_EQ(state.routes[1].destination.address, Ipv4Address::of(10, 0, 0, 0));
  auto appended = from_hex(kRouteReplaced);
  appended[7] = 0x0c;  // NLM_F_CREATE and NLM_F_APPEND instead of NLM_F_REPLACE
  EXPECT_TRUE(apply_message(state, appended).changed);
  ASSERT_EQ(state.routes.size(), 4u);
  EXPECT_EQ(state.routes[2].hops[0].gateway, kGateway);
  EXPECT_EQ(state.routes[3].hops[0].gateway, kOtherGateway);
  EXPECT_TRUE(apply_hex(state, kRouteDeleted).changed);  // that by the other gateway
  ASSERT_EQ(state.routes.size(), 3u);
  EXPECT_EQ(state.routes[2].hops[0].gateway, kGateway);
}

TEST(NetworkState, FollowsANeighbour) {
  auto state = after({kNeighbourAdded});
  const NeighbourKey key{3, kGateway};
  ASSERT_TRUE(state.neighbours.contains(key));
  EXPECT_TRUE(state.neighbours.at(key).usable());
  EXPECT_EQ(to_string(state.neighbours.at(key).mac), "02:00:00:00:00:fe");
  apply_hex(state, kNeighbourFailed);
  EXPECT_FALSE(state.neighbours.at(key).usable());
  apply_hex(state, kNeighbourDeleted);
  EXPECT_TRUE(state.neighbours.empty());
}

TEST(NetworkState, FindsTheNextHop) {
  const auto state = after({kLinkUp, kAddressAdded, kConnectedRouteAdded, kRouteAdded,
                            kMultipathAdded, kBlackholeAdded});
  const struct {
    const char* what;
    Ipv4Address to;
    std::optional<NextHop> expected;
  } cases[] = {
      {"on the link", Ipv4Address::of(10, 0, 0, 7), NextHop{3, Ipv4Address::of(10, 0, 0, 7)}},
      {"by the longest prefix", Ipv4Address::of(192, 0, 2, 1), NextHop{3, kGateway}},
      {"by default, the first of two ways", Ipv4Address::of(8, 8, 8, 8), NextHop{3, kGateway}},
      {"nowhere", Ipv4Address::of(198, 51, 100, 1), std::nullopt},
      {"to ourselves", Ipv4Address::of(10, 0, 0, 1), std::nullopt},
  };
  for (const auto& test : cases)
    EXPECT_EQ(next_hop(state, test.to), test.expected) << test.what;
  EXPECT_EQ(next_hop({}, kGateway), std::nullopt);
}

Route route_by(Ipv4Address gateway, std::uint32_t metric, int link = 3) {
  return {.destination = {Ipv4Address::of(10, 9, 0, 0), 16},
          .metric = metric,
          .hops = {{.link = link, .gateway = gateway}}};
}

TEST(NetworkState, PrefersTheLowestMetricThatIsAlive) {
  auto state = after({kLinkUp});
  state.links[4] = Link{.index = 4, .name = "v4", .enabled = true};
  state.routes = {route_by(kGateway, 200), route_by(kOtherGateway, 100, 4)};
  const auto destination = Ipv4Address::of(10, 9, 1, 1);
  EXPECT_EQ(next_hop(state, destination), (NextHop{4, kOtherGateway}));
  state.links[4].enabled = false;
  EXPECT_EQ(next_hop(state, destination), (NextHop{3, kGateway}));
  state.routes[0].hops[0].dead = true;
  EXPECT_EQ(next_hop(state, destination), std::nullopt);
}

// Every message cut short at every place, and with random damage, must do no harm.
TEST(NetworkState, SurvivesDamage) {
  std::mt19937 random(7);
  for (const auto hex :
       {kLinkAdded, kLinkUp, kLinkDeleted, kAddressAdded, kAddressDeleted, kRouteAdded,
        kRouteReplaced, kMultipathAdded, kBlackholeAdded, kNeighbourAdded, kNeighbourDeleted}) {
    const auto whole = from_hex(hex);
    NetworkState state = after({kLinkUp, kAddressAdded, kMultipathAdded});
    for (std::size_t length = 0; length < whole.size(); ++length) {
      auto cut = whole;
      cut.resize(length);
      cut.shrink_to_fit();
      EXPECT_FALSE(apply_message(state, cut).changed);  // shorter than its header says
      if (length >= 16) {
        cut[0] = static_cast<std::uint8_t>(length);
        apply_message(state, cut);
      }
      auto damaged = whole;
      damaged[length] = static_cast<std::uint8_t>(random());
      apply_message(state, damaged);
    }
  }
}

TEST(NetlinkMessage, RequestsArePaddedAndKnowTheirLength) {
  const netlink::Request request =
      netlink::Request(RTM_GETROUTE, NLM_F_DUMP, 7, rtmsg{}).add(RTA_TABLE, std::uint8_t{254});
  const auto message = netlink::parse_message(request.bytes());
  ASSERT_TRUE(message);
  EXPECT_EQ(message->header.nlmsg_len, request.bytes().size());
  EXPECT_EQ(message->header.nlmsg_flags, NLM_F_REQUEST | NLM_F_DUMP);
  EXPECT_EQ(message->header.nlmsg_seq, 7u);
  auto attributes = netlink::parse_body<rtmsg>(*message)->attributes;
  const auto table = netlink::take_attribute(attributes);
  ASSERT_TRUE(table);
  EXPECT_EQ(table->as<std::uint8_t>(), 254);
  EXPECT_EQ(table->as<std::uint32_t>(), std::nullopt);
  EXPECT_FALSE(netlink::take_attribute(attributes));
}

}  // namespace
}  // namespace carpool
