// Forwarding images that change while connections live: what is established stays as it is, what is
// new follows the new image, and no packet sees a mixture.

#include <vector>

#include <gtest/gtest.h>

#include "tests/golden/bed.h"

namespace carpool::test {
namespace {

// Only the servers at these indices may be chosen for new connections to kWeb.
ImageContent with_picks(std::vector<std::uint16_t> picks) {
  ImageContent content = usual_content();
  content.generation = 2;
  content.services[0].picks = std::move(picks);
  return content;
}

TEST(ImageChange, ConnectionsOfAServerThatLeavesRotationGoOn) {
  Bed bed;
  std::vector<Connection> connections;
  for (std::uint32_t number = 0; number < 10; ++number)
    connections.push_back(Connection::established(bed, client(number), kWeb));

  bed.install(with_picks({kWeb2Index}));
  int on_web1 = 0;
  for (Connection& connection : connections) {
    on_web1 += connection.server() == kWeb1;
    const auto in = read_tcp(connection.from_client(kTcpAck, "still here").frame);
    EXPECT_EQ(in->to, connection.server());
    EXPECT_EQ(connection.from_server(kTcpAck).verdict, Verdict::to_client);
  }
  EXPECT_EQ(on_web1, 5);
  for (std::uint32_t number = 100; number < 110; ++number)
    EXPECT_EQ(Connection(bed, client(number), kWeb).server(), kWeb2);
}

TEST(ImageChange, PicksMaySpreadByWeight) {
  Bed bed({}, with_picks({kWeb1Index, kWeb2Index, kWeb1Index}));
  for (std::uint32_t number = 0; number < 30; ++number)
    Connection(bed, client(number), kWeb);
  EXPECT_EQ(bed.server(kWeb1Index).connections.get(), 20u);
  EXPECT_EQ(bed.server(kWeb2Index).connections.get(), 10u);
}

TEST(ImageChange, AShorterListOfServersDoesNotLeadOutsideOfIt) {
  Bed bed({}, with_picks({kWeb1Index, kWeb2Index, kWeb1Index, kWeb2Index, kWeb1Index, kWeb2Index}));
  for (std::uint32_t number = 0; number < 5; ++number)
    Connection(bed, client(number), kWeb);
  bed.install(with_picks({kWeb2Index}));
  EXPECT_EQ(Connection(bed, client(6), kWeb).server(), kWeb2);
  bed.install(with_picks({}));
  EXPECT_EQ(Connection(bed, client(7), kWeb).opened().verdict, Verdict::reset_no_server);
}

TEST(ImageChange, NewLinkLayerAddressesHoldForOldConnections) {
  Bed bed;
  Connection connection = Connection::established(bed, client(1), kMysql);
  constexpr MacAddress kNewMac{{0x02, 0, 0, 0, 0x0b, 21}};
  ImageContent content = usual_content();
  content.next_hops[3].destination = kNewMac;
  bed.install(content);
  EXPECT_EQ(read_tcp(connection.from_client(kTcpAck).frame)->macs, (Macs{kPrivateMac, kNewMac}));

  content.next_hops[3].resolved = 0;
  bed.install(content);
  EXPECT_EQ(connection.from_client(kTcpAck).verdict, Verdict::next_hop_unresolved);
  EXPECT_EQ(connection.from_server(kTcpAck).verdict, Verdict::to_client) << "needs no server's MAC";
}

TEST(ImageChange, TimeoutsOfTheNewImageHold) {
  Bed bed;
  Connection connection = Connection::established(bed, client(1), kWeb);
  bed.advance_ms(2000);
  bed.sweep_all();
  EXPECT_EQ(connection.state(), TcpState::established);
  ImageContent content = usual_content();
  content.services[0].fields.established_timeout_ms = 1999;
  bed.install(content);
  bed.sweep_all();
  EXPECT_EQ(connection.state(), TcpState::free);
}

// The service's address and key are gone; the entries that flows name by index stay.
TEST(ImageChange, ConnectionsOfARemovedServiceGoOn) {
  Bed bed;
  Connection connection = Connection::established(bed, client(1), kMysql);
  ImageContent content = usual_content();
  content.service_keys.pop_back();
  bed.install(content);
  EXPECT_EQ(connection.from_client(kTcpAck).verdict, Verdict::to_server);
  EXPECT_EQ(connection.from_server(kTcpAck).verdict, Verdict::to_client);
  EXPECT_EQ(Connection(bed, client(2), kMysql).opened().verdict, Verdict::reset_no_service);
}

TEST(ImageChange, ASmallerTableIsRefused) {
  const std::vector<std::byte> usual = build_image(usual_content());
  ImageContent content = usual_content();
  content.next_hops.emplace_back();
  const std::vector<std::byte> larger = build_image(content);
  EXPECT_EQ(abi::check_successor({}, usual), abi::ImageFault::none);
  EXPECT_EQ(abi::check_successor(abi::ImageView(usual.data()), larger), abi::ImageFault::none);
  EXPECT_EQ(abi::check_successor(abi::ImageView(larger.data()), usual),
            abi::ImageFault::table_shrank);
}

}  // namespace
}  // namespace carpool::test
