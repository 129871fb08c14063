#include "tools/carpool/freebsd.h"

#include <gtest/gtest.h>

namespace carpool::tool {
namespace {

std::vector<std::string> texts(const std::vector<Ipv4Prefix>& prefixes) {
  std::vector<std::string> all;
  for (const Ipv4Prefix& prefix : prefixes)
    all.push_back(to_string(prefix));
  return all;
}
using Texts = std::vector<std::string>;

TEST(RcConf, IsReadAsTheShellReadsIt) {
  const Assignments read = read_assignments(
      "# about\n"
      "hostname=\"lb1.example.org\"  # behind\n"
      "a='single \"quoted\"'\n"
      "b=plain\n"
      "long=\"one \\\n  two\"\n"
      "long+=\" three\"\n"
      "if true; then\n"
      "bad=\"never closed\n");
  ASSERT_EQ(read.all.size(), 6u);
  EXPECT_EQ(read.all[0].name, "hostname");
  EXPECT_EQ(read.all[0].value, "lb1.example.org");
  EXPECT_EQ(read.all[0].comment, "# about\n# behind\n");
  EXPECT_EQ(read.all[1].value, "single \"quoted\"");
  EXPECT_EQ(read.all[2].value, "plain");
  EXPECT_EQ(read.all[4].value, "one   two three");
  EXPECT_EQ(read.all[4].line, 7u);
  EXPECT_EQ(read.not_understood, (std::vector<Remark>{{8, "not an assignment: if true; then"},
                                                      {9, "not understood to its end: bad"}}));
}

TEST(RcConf, OfFreeBsd9HasCarpInterfaces) {
  const FreeBsdHost host = read_rc_conf(
      "hostname=\"lb1.example.org\"\n"
      "ifconfig_em0=\"inet 192.0.2.1 netmask 255.255.255.0\"\n"
      "ifconfig_em1=\"inet 10.0.0.1/24\"\n"
      "cloned_interfaces=\"carp0 carp1\"\n"
      "# the site's address\n"
      "ifconfig_carp0=\"vhid 53 advskew 0 pass secret 192.0.2.10/24\"\n"
      "ifconfig_carp0_alias0=\"inet 192.0.2.11 netmask 0xffffffff\"\n"
      "ifconfig_carp1=\"vhid 54 advskew 100 advbase 2 pass other 10.0.0.10 netmask 0xffffff00\"\n");
  EXPECT_EQ(host.name, "lb1");
  EXPECT_TRUE(host.remarks.empty());
  ASSERT_EQ(host.groups.size(), 2u);
  EXPECT_EQ(host.groups[0].vhid, 53u);
  EXPECT_EQ(host.groups[0].interface, "em0");
  EXPECT_EQ(host.groups[0].password, "secret");
  EXPECT_EQ(host.groups[0].comment, "# the site's address\n");
  EXPECT_EQ(texts(host.groups[0].addresses), (Texts{"192.0.2.10/24", "192.0.2.11/32"}));
  EXPECT_EQ(host.groups[1].interface, "em1");
  EXPECT_EQ(host.groups[1].advskew, 100u);
  EXPECT_EQ(host.groups[1].advbase, 2u);
  EXPECT_EQ(texts(host.groups[1].addresses), (Texts{"10.0.0.10/24"}));
}

TEST(RcConf, OfFreeBsd10HasVhidsOnInterfaces) {
  const FreeBsdHost host = read_rc_conf(
      "hostname=lb2\n"
      "ifconfig_em0=\"inet 192.0.2.2 netmask 0xffffff00 up\"\n"
      "ifconfig_em0_alias0=\"inet vhid 53 advskew 100 pass secret alias 192.0.2.10/32\"\n"
      "ifconfig_em0_alias1=\"vhid 53 advskew 100 pass secret alias 192.0.2.11 netmask "
      "255.255.255.255\"\n"
      "ifconfig_em1_aliases=\"inet 10.0.0.2/24 inet vhid 7 pass x 10.0.0.10/32\"\n"
      "ipv4_addrs_em2=\"198.51.100.1/24 198.51.100.5-6/32\"\n"
      "ifconfig_em0_ipv6=\"inet6 2001:db8::1/64\"\n"
      "ifconfig_em3=\"DHCP\"\n");
  ASSERT_EQ(host.groups.size(), 2u);
  EXPECT_EQ(host.groups[0].interface, "em0");
  EXPECT_EQ(host.groups[0].advskew, 100u);
  EXPECT_EQ(texts(host.groups[0].addresses), (Texts{"192.0.2.10/32", "192.0.2.11/32"}));
  EXPECT_EQ(host.groups[1].vhid, 7u);
  EXPECT_EQ(host.groups[1].interface, "em1");
  EXPECT_EQ(host.own.size(), 5u);
  EXPECT_EQ(host.remarks,
            (std::vector<Remark>{{7, "IPv6 is not taken: ifconfig_em0_ipv6"},
                                 {8, "ifconfig_em3: an address by DHCP is not known here"}}));
}

TEST(RcConf, SaysWhatItDoesNotTake) {
  const FreeBsdHost host = read_rc_conf(
      "ifconfig_em0=\"inet 192.0.2.1 netmask 255.0.255.0\"\n"
      "ifconfig_em1_alias0=\"vhid 300 192.0.2.1/24\"\n"
      "ifconfig_carp0=\"vhid 5 pass x\"\n"
      "ifconfig_vlan5=\"vlan 5 vlandev em0 inet 192.0.2.3/24\"\n");
  Texts said;
  for (const Remark& remark : host.remarks)
    said.push_back(remark.text);
  EXPECT_EQ(said.at(0), "'255.0.255.0' is not a netmask");
  EXPECT_EQ(said.at(1), "ifconfig_em0: 192.0.2.1 has no netmask, and is taken as /32");
  EXPECT_EQ(said.at(2), "vhid '300' is not a number from 1 to 255");
  EXPECT_EQ(said.at(3), "a CARP interface without a vhid and an address");
  EXPECT_TRUE(host.groups.empty());
}

TEST(Netmasks, HaveThreeForms) {
  EXPECT_EQ(read_netmask("255.255.255.0"), 24);
  EXPECT_EQ(read_netmask("0xffffff00"), 24);
  EXPECT_EQ(read_netmask("0xffffffff"), 32);
  EXPECT_EQ(read_netmask("0.0.0.0"), 0);
  for (const char* bad : {"255.0.255.0", "0xff00ff00", "24", "", "0x", "0x1ffffffff"})
    EXPECT_FALSE(read_netmask(bad)) << bad;
}

TEST(SysctlConf, SaysWhetherToPreempt) {
  EXPECT_TRUE(read_sysctl_conf("# x\nnet.inet.carp.preempt=1 # y\n").preempt);
  EXPECT_FALSE(read_sysctl_conf("net.inet.carp.preempt = 0\nkern.ipc.somaxconn=1\n").preempt);
  EXPECT_EQ(read_sysctl_conf("net.inet.carp.demotion=1\n").remarks.size(), 1u);
  EXPECT_EQ(read_sysctl_conf("what\n").remarks,
            (std::vector<Remark>{{1, "not an assignment: what"}}));
}

}  // namespace
}  // namespace carpool::tool
