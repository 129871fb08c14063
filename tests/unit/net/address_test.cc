#include "dataplane/net/address.h"

#include <gtest/gtest.h>

namespace carpool {
namespace {

TEST(Address, ParsesAndPrintsIpv4) {
  EXPECT_EQ(parse_ipv4("192.0.2.10"), Ipv4Address::of(192, 0, 2, 10));
  EXPECT_EQ(to_string(Ipv4Address::of(192, 0, 2, 10)), "192.0.2.10");
  for (const char* bad : {"", "192.0.2", "192.0.2.256", "192.0.2.1 ", "0x7f.1", "1.2.3.4.5"}) {
    EXPECT_FALSE(parse_ipv4(bad)) << bad;
  }
}

TEST(Address, OrdersAsNumbersNotAsBytesInMemory) {
  EXPECT_LT(Ipv4Address::of(10, 0, 0, 200), Ipv4Address::of(10, 0, 1, 7));
}

TEST(Address, PrefixKnowsItsMembers) {
  const auto prefix = parse_ipv4_prefix("10.1.2.3/22");
  ASSERT_TRUE(prefix);
  EXPECT_TRUE(prefix->contains(Ipv4Address::of(10, 1, 3, 255)));
  EXPECT_FALSE(prefix->contains(Ipv4Address::of(10, 1, 4, 0)));
  EXPECT_TRUE(parse_ipv4_prefix("0.0.0.0/0")->contains(Ipv4Address::of(255, 1, 2, 3)));
  for (const char* bad : {"10.0.0.0", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/8x"}) {
    EXPECT_FALSE(parse_ipv4_prefix(bad)) << bad;
  }
}

TEST(Address, ParsesAndPrintsMac) {
  EXPECT_EQ(to_string(*parse_mac("00:00:5E:00:01:35")), "00:00:5e:00:01:35");
  EXPECT_EQ(*parse_mac("00:00:5e:00:01:35"), MacAddress::virtual_router(53));
  for (const char* bad : {"", "00:00:5e:00:01", "00-00-5e-00-01-35", "00:00:5e:00:01:3g"}) {
    EXPECT_FALSE(parse_mac(bad)) << bad;
  }
}

}  // namespace
}  // namespace carpool
