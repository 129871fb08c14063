// `acl`, `tcp-request connection` and `use_backend`.

#include <gtest/gtest.h>

#include "controlplane/config/acl_values.h"
#include "tests/unit/config/support.h"

namespace carpool::config {
namespace {

constexpr std::string_view kBackends =
    "backend web\n server w 10.0.0.1:80\nbackend static\n server s 10.0.0.2:80\n";

std::string frontend(std::string_view lines) {
  return "frontend f\n bind 192.0.2.10:80\n" + std::string(lines) + " default_backend web\n" +
         std::string(kBackends);
}
constexpr std::uint32_t kLine = kPreludeLines + 3;  // of the first of the lines

Rules rules_of(std::string_view lines) {
  return good(frontend(lines)).frontends.at(0).rules;
}

ValueRange network(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d, int length) {
  const Ipv4Prefix prefix{Ipv4Address::of(a, b, c, d), static_cast<std::uint8_t>(length)};
  const std::uint32_t first = prefix.address.value.host() & prefix.mask();
  return {first, first | ~prefix.mask()};
}

TEST(AclValues, JoinWhatTouches) {
  EXPECT_EQ(normalized({}), ValueRanges{});
  EXPECT_EQ(normalized({{7, 9}, {1, 2}, {3, 3}, {8, 20}}), (ValueRanges{{1, 3}, {7, 20}}));
  EXPECT_EQ(normalized({{0xfffffff0, 0xffffffff}, {0xffffffff, 0xffffffff}, {0, 0}}),
            (ValueRanges{{0, 0}, {0xfffffff0, 0xffffffff}}));
}

TEST(AclValues, AddressesAndNetworks) {
  bool ignored = false;
  EXPECT_EQ(*parse_address_value("10.1.2.3", ignored), network(10, 1, 2, 3, 32));
  EXPECT_EQ(*parse_address_value("10.1.2.3/8", ignored), network(10, 0, 0, 0, 8));
  EXPECT_EQ(*parse_address_value("10.1.2.3/255.255.0.0", ignored), network(10, 1, 0, 0, 16));
  EXPECT_EQ(*parse_address_value("0.0.0.0/0", ignored), (ValueRange{0, 0xffffffff}));
  EXPECT_FALSE(ignored);
  for (const char* wrong : {"", "10.0.0", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/255.0.255.0", "x",
                            "1.2.3.4/0.0.0.255", "::1/129", "fe80::%eth0"}) {
    EXPECT_FALSE(parse_address_value(wrong, ignored)) << wrong;
  }
  EXPECT_TRUE(parse_address_value("2001:db8::/32", ignored));
  EXPECT_TRUE(ignored);
}

TEST(AclValues, ListsHaveOneValuePerLine) {
  const AclList list = parse_acl_list(
      "# bad people\n\n10.0.0.0/8\r\n  192.0.2.1\t\n2001:db8::1\n11.0.0.0/8", AclField::Source);
  EXPECT_EQ(normalized(list.ranges),
            (ValueRanges{{0x0a000000, 0x0bffffff}, network(192, 0, 2, 1, 32)}));
  EXPECT_EQ(list.ignored, 1u);
  EXPECT_TRUE(list.wrong.empty());
  EXPECT_EQ(parse_acl_list("80\n1024:1030\n", AclField::DestinationPort).ranges,
            (ValueRanges{{80, 80}, {1024, 1030}}));
  const AclList wrong = parse_acl_list("1.2.3.4\nx y\n", AclField::Source);
  ASSERT_EQ(wrong.wrong.size(), 1u);
  EXPECT_EQ(wrong.wrong[0], "line 2: 'x y' is not an address or network");
}

TEST(Rules, StandInTheirOrder) {
  const Rules rules = rules_of(
      " acl office src 10.0.0.0/8 192.168.0.0/16\n"
      " acl office src 172.16.0.0/12\n"
      " acl high dst_port ge 1024\n"
      " tcp-request connection accept if office\n"
      " tcp-request connection silent-drop unless high || { src 203.0.113.7 } !office\n"
      " tcp-request connection reject\n"
      " use_backend static if { dst 192.0.2.10 } high\n");
  ASSERT_EQ(rules.acls.size(), 4u);
  EXPECT_EQ(rules.acls[0].values->size(), 3u);
  EXPECT_EQ(*rules.acls[1].values, (ValueRanges{{1024, 65535}}));
  ASSERT_EQ(rules.connection.size(), 3u);
  EXPECT_EQ(rules.connection[0].action, ConnectionAction::Accept);
  EXPECT_EQ(rules.connection[0].condition.terms, (std::vector<AclTerm>{{0, false, false}}));
  const AclCondition& second = rules.connection[1].condition;
  EXPECT_EQ(rules.connection[1].action, ConnectionAction::SilentDrop);
  EXPECT_TRUE(second.unless);
  EXPECT_EQ(second.terms,
            (std::vector<AclTerm>{{1, false, false}, {2, false, true}, {0, true, false}}));
  EXPECT_TRUE(rules.connection[2].condition.terms.empty());
  ASSERT_EQ(rules.backend.size(), 1u);
  EXPECT_EQ(rules.backend[0].backend_index, 1u);
}

TEST(Rules, KnowWhatNeedsNoDefinition) {
  const Rules rules = rules_of(
      " tcp-request connection accept if TRUE\n tcp-request connection reject if FALSE or "
      "LOCALHOST\n");
  ASSERT_EQ(rules.acls.size(), 3u);
  EXPECT_EQ(*rules.acls[0].values, (ValueRanges{{0, 0xffffffff}}));
  EXPECT_TRUE(rules.acls[1].values->empty());
}

TEST(Rules, ListsComeFromFiles) {
  TestWorld world;
  world.lists["/etc/carpool/bad.lst"] = "203.0.113.0/24\n198.51.100.7\n";
  const auto text = frontend(" acl bad src -f /etc/carpool/bad.lst 10.0.0.1\n");
  const Config config = good(text, world);
  EXPECT_EQ(config.frontends.at(0).rules.acls.at(0).values->size(), 3u);
  world.lists["/etc/carpool/bad.lst"] = "203.0.113.0/24\n\nno\n";
  EXPECT_TRUE(says(said_about(text, world), Severity::Error, kLine,
                   "list '/etc/carpool/bad.lst', line 3: 'no' is not an address"));
  world.lists.clear();
  EXPECT_TRUE(says(said_about(text, world), Severity::Error, kLine,
                   "list '/etc/carpool/bad.lst': cannot be read"));
}

TEST(Rules, SayWhatIsWrong) {
  const struct {
    std::string_view lines;
    std::string_view text;
  } cases[] = {
      {" acl a src\n", "'src' is compared with nothing"},
      {" acl a src 10.0.0.0/40\n", "'10.0.0.0/40' is not an address or network"},
      {" acl a src -m str x\n", "'-m' of 'acl' is not supported"},
      {" acl a dst_port 70000\n", "70000"},
      {" acl a dst_port ge\n", "'ge' wants a port"},
      {" tcp-request connection deny\n", "deny"},
      {" tcp-request connection reject when x\n", "'when' stands where 'if' or 'unless' should"},
      {" tcp-request connection reject if\n", "'if' wants an acl"},
      {" tcp-request connection reject if nobody\n", "there is no acl 'nobody' above this line"},
      {" tcp-request connection reject if { src 10.0.0.1\n", "'{' without '}'"},
      {" tcp-request connection reject if TRUE ||\n", "'if' wants an acl"},
      {" use_backend nowhere if TRUE\n", "there is no backend 'nowhere'"},
      {" use_backend static if { ssl_fc_sni a }\n", "'ssl_fc_sni' is something that carpool"},
  };
  for (const auto& [lines, text] : cases)
    EXPECT_TRUE(says(said_about(frontend(lines)), Severity::Error, kLine, text)) << lines;
  EXPECT_TRUE(says(said_about(frontend(" acl a src 10.0.0.1\n acl a dst 10.0.0.1\n")),
                   Severity::Error, kLine + 1, "acl 'a' looks at src already"));
}

TEST(Rules, WhatLooksAtLayerSevenMayBeDefinedButNotUsed) {
  EXPECT_TRUE(rules_of(" acl api path_beg /api\n").acls.empty());
  TestWorld world;
  world.allow_degraded = true;
  const auto text = frontend(" acl api path_beg /api\n use_backend static if api\n");
  EXPECT_TRUE(good(text, world).frontends.at(0).rules.backend.empty());
  EXPECT_TRUE(says(said_about(text, world), Severity::Warning, kLine + 1, "the rule is ignored"));
  EXPECT_TRUE(says(said_about(frontend(" acl api path_beg /api\n"
                                       " tcp-request connection reject if api\n"),
                              world),
                   Severity::Error, kLine + 1, "looks at 'path_beg'"))
      << "a rule that keeps people out is not given up";
}

TEST(Rules, AHundredThousandPrefixesLoadWithinASecond) {
  TestWorld world;
  std::string list;
  for (std::uint32_t i = 0; i < 100'000; ++i) {
    list += to_string(Ipv4Address{be32(0x10000000u + i * 4096u)}) + "/24\n";
  }
  world.lists["/big"] = list;
  const Config config = good(frontend(" acl big src -f /big\n"), world);
  EXPECT_EQ(config.frontends.at(0).rules.acls.at(0).values->size(), 100'000u);
}

}  // namespace
}  // namespace carpool::config
