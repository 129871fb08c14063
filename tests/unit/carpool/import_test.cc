#include "tools/carpool/import.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "tests/unit/config/support.h"

namespace carpool::tool {
namespace {

using Files = std::vector<config::SourceFile>;

std::vector<config::Diagnostic> check(const Files& files, const std::string& node) {
  config::TestWorld world;
  world.node = node;
  auto loaded = config::load_files(files, world);
  return loaded ? loaded->warnings : loaded.error();
}

constexpr const char* kRcConf = R"(hostname="lb1.example.org"
ifconfig_em0="inet 192.0.2.1/24"
ifconfig_em1="inet 10.0.0.1/24"
# mysql and www
ifconfig_em0_alias0="inet vhid 53 advskew 0 pass s3cret alias 192.0.2.10/32"
)";
constexpr const char* kRcConfPeer = R"(hostname="lb2.example.org"
ifconfig_em0="inet 192.0.2.2 netmask 255.255.255.0"
ifconfig_em1="inet 10.0.0.2 netmask 255.255.255.0"
cloned_interfaces="carp0"
ifconfig_carp0="vhid 53 advskew 100 pass s3cret 192.0.2.10/24"
)";
constexpr const char* kHaproxy = R"(# our balancer
global
    daemon
defaults
    mode tcp
    timeout connect 5s
listen mysql 192.0.2.10:3306   # old style
    balance leastconn
    server db1 10.0.0.11:3306 check   # the big one
frontend www
    bind *:80
    http-request deny if { path /admin }
    default_backend web
backend web
    server web1 10.0.0.21:80 check
listen stats
    bind *:8404
    stats enable
)";

ImportInput sample() {
  return {.haproxy = {"haproxy.conf", kHaproxy},
          .rc_conf = {"rc.conf", kRcConf},
          .rc_conf_peer = config::SourceFile{"rc.conf.peer", kRcConfPeer},
          .sysctl = config::SourceFile{"sysctl.conf", "net.inet.carp.preempt=1\n"}};
}

bool mentions(const std::vector<std::string>& lines, std::string_view text) {
  return std::ranges::any_of(lines, [&](const std::string& line) { return line.contains(text); });
}

TEST(Import, OfAPairIsAGoodConfiguration) {
  const auto imported = import_pair(sample(), check);
  ASSERT_TRUE(imported) << imported.error().message;
  EXPECT_EQ(imported->node, "lb1");
  for (const char* node : {"lb1", "lb2"}) {
    for (const config::Diagnostic& each : check(imported->files, node))
      EXPECT_NE(each.severity, config::Severity::Error) << config::format_diagnostic(each);
  }
  ASSERT_EQ(imported->files.size(), 3u);
  EXPECT_EQ(
      imported->files[0].text,
      "# Made by 'carpool import'. The devices below are FreeBSD's names: write Linux's.\n"
      "\nnode lb1\n    port em0 xdp em0\n    port em1 xdp em1\n    redundancy carp53 advskew 0\n"
      "\nnode lb2\n    port em0 xdp em0\n    port em1 xdp em1\n    redundancy carp53 advskew "
      "100\n");
  EXPECT_EQ(
      imported->files[1].text,
      "# Made by 'carpool import'.\n"
      "\nredundancy carp53\n    # mysql and www\n    protocol carp\n    vhid 53\n    port em0\n"
      "    pass s3cret\n    address 192.0.2.10/24\n    preempt\n");
  const std::string& proxies = imported->files[2].text;
  EXPECT_TRUE(proxies.contains("# our balancer\n"));
  EXPECT_TRUE(proxies.contains("listen mysql # old style\n    bind 192.0.2.10:3306\n"));
  EXPECT_TRUE(proxies.contains("check   # the big one\n"));
  EXPECT_TRUE(proxies.contains("frontend www\n    bind 192.0.2.10:80\n"));
  EXPECT_TRUE(proxies.contains("\n    #     http-request deny if { path /admin }\n"));
  EXPECT_TRUE(proxies.contains("listen stats\n    bind *:8404\n"));
}

TEST(Import, ReportsWhatItDid) {
  const auto imported = import_pair(sample(), check);
  ASSERT_TRUE(imported);
  const ImportReport& report = imported->report;
  EXPECT_TRUE(mentions(report.taken, "vhid 53 on em0: redundancy carp53 with 1 addresses"));
  EXPECT_TRUE(mentions(report.taken, "net.inet.carp.preempt=1"));
  EXPECT_TRUE(mentions(report.changed, "192.0.2.10 of vhid 53: /32 became /24"));
  EXPECT_TRUE(mentions(report.changed, "haproxy.conf:7: the address of 'listen mysql'"));
  EXPECT_TRUE(mentions(report.changed, "haproxy.conf:11: 'bind *:80' became"));
  EXPECT_TRUE(mentions(report.open, "'http-request deny if { path /admin }' is taken out"));
  EXPECT_TRUE(mentions(report.open, "lb1: what FreeBSD calls em0"));
  EXPECT_TRUE(report_text(report).contains("changed:\n  - "));
}

TEST(Import, SaysWhereTheTwoMachinesDisagree) {
  ImportInput input = sample();
  input.rc_conf_peer->text =
      "hostname=lb2\nifconfig_bge0=\"inet 192.0.2.2/24\"\n"
      "ifconfig_bge0_alias0=\"vhid 53 pass other 192.0.2.99/24\"\n"
      "ifconfig_bge0_alias1=\"vhid 54 pass other 192.0.2.98/24\"\n";
  const auto imported = import_pair(input, check);
  ASSERT_TRUE(imported);
  EXPECT_TRUE(mentions(imported->report.open, "vhid 53: the password differs"));
  EXPECT_TRUE(mentions(imported->report.open, "vhid 53: the set of addresses differs"));
  EXPECT_TRUE(mentions(imported->report.open, "vhid 53 is on em0 of lb1 and on bge0 of lb2"));
  EXPECT_TRUE(mentions(imported->report.open, "vhid 54 is not on lb1"));
}

TEST(Import, RefusesWhatIsNoPair) {
  ImportInput input = sample();
  input.rc_conf.text = "hostname=lb1\n";
  EXPECT_EQ(import_pair(input, check).error().message,
            "rc.conf: there is no CARP in it: no vhid with an address");
  input = sample();
  input.rc_conf_peer->text = kRcConf;
  EXPECT_EQ(import_pair(input, check).error().message, "both machines have the host name 'lb1'");
}

TEST(Import, KeepsSeveralGroupsApart) {
  ImportInput input = sample();
  input.rc_conf.text = std::string(kRcConf).append(
      "ifconfig_em1_alias0=\"inet vhid 53 advskew 0 pass a'b alias 10.0.0.10/32\"\n"
      "ifconfig_em1_alias1=\"inet vhid 9 pass y alias 10.0.0.9/32\"\n");
  const auto imported = import_pair(input, check);
  ASSERT_TRUE(imported);
  const std::string& groups = imported->files[1].text;
  EXPECT_TRUE(groups.contains("redundancy carp53-em0\n"));
  EXPECT_TRUE(groups.contains("redundancy carp53-em1\n"));
  EXPECT_TRUE(groups.contains("redundancy carp9\n"));
  EXPECT_TRUE(groups.contains("    pass 'a'\\''b'\n"));
  EXPECT_TRUE(mentions(imported->report.open, "rc.conf.peer has no vhid 9"));
}

}  // namespace
}  // namespace carpool::tool
