#include "dataplane/flow/source_port.h"

#include <algorithm>
#include <set>

#include <gtest/gtest.h>

#include "dataplane/flow/owner.h"

namespace carpool::flow {
namespace {

const HashSecret kSecret{{1, 2}};
const be32 kServer{0x0a00000b};

TEST(SourcePort, WalkPassesEveryPortOfItsSlotOnce) {
  for (std::uint32_t slot : {0u, 1u, 63u}) {
    SourcePortWalk walk(Ipv4Address::of(192, 0, 2, 100), be16(40'000), kServer, slot, kSecret);
    std::set<std::uint16_t> seen;
    for (std::uint32_t i = 0; i < kPortsPerSlot; ++i, walk.advance()) {
      EXPECT_EQ(slot_of_local_port(walk.port()), slot);
      EXPECT_GE(walk.port().host(), kFirstSourcePort);
      seen.insert(walk.port().host());
    }
    EXPECT_EQ(seen.size(), kPortsPerSlot);
  }
}

TEST(SourcePort, TheSameClientStartsAtTheSamePort) {
  const auto first_port = [](std::uint16_t client_port, const HashSecret& secret) {
    return SourcePortWalk(Ipv4Address::of(192, 0, 2, 1), be16(client_port), kServer, 5, secret)
        .port();
  };
  EXPECT_EQ(first_port(1234, kSecret), first_port(1234, kSecret));
  EXPECT_NE(first_port(1234, kSecret), first_port(1235, kSecret));
  EXPECT_NE(first_port(1234, kSecret), first_port(1234, HashSecret{{3, 4}}));
}

// Consecutive client ports, as one host uses them, spread over slots and over the ports of a slot.
TEST(SourcePort, ConsecutiveClientPortsSpread) {
  std::array<int, abi::kSlots> by_slot{};
  std::set<std::uint16_t> ports;
  constexpr int kConnections = 6'400;
  for (int i = 0; i < kConnections; ++i) {
    const be16 port(static_cast<std::uint16_t>(32'768 + i));
    const Ipv4Address client = Ipv4Address::of(192, 0, 2, 100);
    const std::uint32_t slot = slot_of_client(client, port, kSecret);
    ++by_slot[slot];
    ports.insert(SourcePortWalk(client, port, kServer, slot, kSecret).port().host());
  }
  EXPECT_GT(*std::ranges::min_element(by_slot), 50);
  EXPECT_LT(*std::ranges::max_element(by_slot), 160);
  EXPECT_GT(ports.size(), kConnections * 9 / 10);  // ideal: 64512 * (1 - e^(-6400/64512)) = 6092
}

}  // namespace
}  // namespace carpool::flow
