#include "controlplane/config/values.h"

#include <gtest/gtest.h>

#include "controlplane/config/suggest.h"

namespace carpool::config {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(Values, Times) {
  EXPECT_EQ(parse_time("500").value(), milliseconds(500));
  EXPECT_EQ(parse_time("20us").value(), microseconds(20));
  EXPECT_EQ(parse_time("5ms").value(), milliseconds(5));
  EXPECT_EQ(parse_time("30s").value(), seconds(30));
  EXPECT_EQ(parse_time("2m").value(), seconds(120));
  EXPECT_EQ(parse_time("1h").value(), hours(1));
  EXPECT_EQ(parse_time("24d").value(), hours(24 * 24));
  for (const char* bad : {"", "s", "-1", "1x", "1.5s", "25d", "99999999999999999999", "1s "}) {
    EXPECT_FALSE(parse_time(bad)) << bad;
  }
}

TEST(Values, Sizes) {
  EXPECT_EQ(parse_size("4096").value(), 4096u);
  EXPECT_EQ(parse_size("64k").value(), 65536u);
  EXPECT_EQ(parse_size("256m").value(), 256u << 20);
  EXPECT_EQ(parse_size("1g").value(), 1u << 30);
  for (const char* bad : {"", "m", "1t", "18446744073709551615k"}) {
    EXPECT_FALSE(parse_size(bad)) << bad;
  }
}

TEST(Values, Addresses) {
  const auto plain = parse_address("192.0.2.10:80").value();
  EXPECT_EQ(plain.address, Ipv4Address::of(192, 0, 2, 10));
  EXPECT_EQ(plain.port_first, 80);
  EXPECT_EQ(plain.port_last, 80);
  EXPECT_EQ(parse_address("ipv4@192.0.2.10:80").value().address, plain.address);
  const auto range = parse_address("192.0.2.10:80-90").value();
  EXPECT_EQ(range.port_first, 80);
  EXPECT_EQ(range.port_last, 90);
  EXPECT_TRUE(parse_address("*:80").value().is_any());
  EXPECT_TRUE(parse_address(":80").value().is_any());
  EXPECT_TRUE(parse_address("0.0.0.0:80").value().is_any());
  EXPECT_EQ(parse_address("db1.example:3306").value().host, "db1.example");
  EXPECT_FALSE(parse_address("10.0.0.1").value().has_port);
  EXPECT_TRUE(parse_address("10.0.0.1:+100").value().mapped);
  for (const char* bad : {"", "10.0.0.1:0", "10.0.0.1:65536", "10.0.0.1:90-80", "10.0.0.300:80",
                          "10.0.0.1:", "a b:1", "[::1]:80", "::1", "2001:db8::1", "ipv6@::1:80",
                          "udp@10.0.0.1:53", "/run/x.sock", "unix@x", "10.0.0.1:80-"}) {
    EXPECT_FALSE(parse_address(bad)) << bad;
  }
}

TEST(Suggest, CountsTypingMistakes) {
  EXPECT_EQ(edit_distance("balance", "balance"), 0u);
  EXPECT_EQ(edit_distance("balance", "blance"), 1u);
  EXPECT_EQ(edit_distance("balance", "ablance"), 1u);
  EXPECT_EQ(edit_distance("", "abc"), 3u);
  const std::vector<std::string> names{"mysql", "web", "web2"};
  EXPECT_EQ(nearest("mysq", names), "mysql");
  EXPECT_EQ(nearest("webb", names), "web");
  EXPECT_EQ(nearest("something", names), "");
  EXPECT_EQ(list_names({}), "none");
  EXPECT_EQ(list_names({"a", "b", "c"}), "'a', 'b' and 'c'");
  EXPECT_EQ(list_names({"a", "b", "c"}, 2), "'a', 'b' and 1 more");
}

}  // namespace
}  // namespace carpool::config
