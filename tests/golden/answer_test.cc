// What the data plane answers, and what it stays silent to.
#include <random>

#include <gtest/gtest.h>

#include "tests/golden/bed.h"

namespace carpool::test {
namespace {

using abi::Verdict;

ArpHeader arp_of(const Outcome& out) {
  ArpHeader arp;
  std::memcpy(&arp, out.frame.data() + sizeof(EthernetHeader), sizeof arp);
  return arp;
}

TEST(Arp, RequestForAVirtualAddressIsAnswered) {
  Bed bed;
  const Outcome out = bed.send(arp_frame(kArpRequest, kClientMac, kClient, kVip), kWan);
  ASSERT_EQ(out.verdict, Verdict::arp_reply);
  EXPECT_EQ(out.port, kWan);
  const ArpHeader arp = arp_of(out);
  EXPECT_EQ(arp.operation, kArpReply);
  EXPECT_EQ(arp.sender_mac, kGroupMac);
  EXPECT_EQ(arp.sender_ip, kVip);
  EXPECT_EQ(arp.target_mac, kClientMac);
  EXPECT_EQ(arp.target_ip, kClient);
}

TEST(Arp, OnlyOnTheAddressesOwnPortAndOnlyWhileActive) {
  Bed bed;
  EXPECT_EQ(bed.send(arp_frame(kArpRequest, kClientMac, kClient, kVip), kLan).verdict,
            Verdict::arp_ignored);
  EXPECT_EQ(bed.send(arp_frame(kArpRequest, kClientMac, kClient, kOtherVip), kWan).verdict,
            Verdict::group_not_active);
  EXPECT_EQ(bed.send(arp_frame(kArpReply, kClientMac, kClient, kVip), kWan).verdict,
            Verdict::arp_ignored);
  const Ipv4Address stranger = Ipv4Address::of(192, 0, 2, 77);
  EXPECT_EQ(bed.send(arp_frame(kArpRequest, kClientMac, kClient, stranger), kWan).verdict,
            Verdict::arp_ignored);
  bed.pipeline().hold_groups(0);
  EXPECT_EQ(bed.send(arp_frame(kArpRequest, kClientMac, kClient, kVip), kWan).verdict,
            Verdict::group_not_active);
}

TEST(Arp, SomebodyElsesClaimIsReported) {
  Bed bed;
  const MacAddress thief = {{2, 6, 6, 6, 6, 6}};
  EXPECT_EQ(bed.send(arp_frame(kArpRequest, thief, kVip, kVip), kWan).verdict,
            Verdict::arp_ignored);
  const auto event = bed.pipeline().take_event();
  ASSERT_TRUE(event);
  EXPECT_EQ(event->kind, abi::EventKind::address_conflict);
  EXPECT_EQ(event->address, kVip);
  EXPECT_EQ(event->mac, thief);
  EXPECT_FALSE(bed.pipeline().take_event());
  // Our own announcement, come back to us, is none.
  (void)bed.send(arp_frame(kArpRequest, kGroupMac, kVip, kVip), kWan);
  EXPECT_FALSE(bed.pipeline().take_event());
}

TEST(Echo, IsAnsweredWhileActive) {
  Bed bed;
  const Outcome out = bed.send(echo_frame(kClient, kVip, "ping payload"), kWan);
  ASSERT_EQ(out.verdict, Verdict::echo_reply);
  const Decoded seen = out.decoded();
  EXPECT_TRUE(seen.checksums_good);
  EXPECT_EQ(seen.ip.source, kVip);
  EXPECT_EQ(seen.ip.destination, kClient);
  EXPECT_EQ(out.frame[sizeof(EthernetHeader) + sizeof(Ipv4Header)], kIcmpEchoReply);
  EXPECT_EQ(bed.send(echo_frame(kClient, kOtherVip, ""), kWan).verdict, Verdict::group_not_active);
}

TEST(Reset, PortWithoutAService) {
  Bed bed;
  const Outcome out = bed.from_client(40'000, kTcpSyn, "", 81);
  ASSERT_EQ(out.verdict, Verdict::reset_no_service);
  const Decoded seen = out.decoded();
  EXPECT_TRUE(seen.checksums_good);
  EXPECT_EQ(seen.ip.source, kVip);
  EXPECT_EQ(seen.tcp.flags, kTcpRst | kTcpAck);
  EXPECT_EQ(seen.tcp.acknowledgement, be32(1001));  // the SYN counts as one
  EXPECT_EQ(seen.ethernet.destination, kClientMac);
  EXPECT_EQ(out.port, kWan);
}

TEST(Reset, ServiceWithoutAServer) {
  ImageContent content = small_network();
  content.services[kWeb].picks.clear();
  Bed bed({}, content);
  EXPECT_EQ(bed.from_client(40'000, kTcpSyn).verdict, Verdict::reset_no_server);
}

TEST(Reset, UnknownConnection) {
  Bed bed;
  TcpFrame frame;
  frame.source = kClient;
  frame.source_port = 40'000;
  frame.destination = kVip;
  frame.destination_port = 80;
  frame.flags = kTcpAck;
  frame.acknowledgement = 777;
  frame.payload = "who are you";
  const Outcome out = bed.send(frame.bytes(), kWan);
  ASSERT_EQ(out.verdict, Verdict::reset_no_flow);
  EXPECT_EQ(out.decoded().tcp.sequence, be32(777));
  EXPECT_EQ(out.decoded().tcp.flags, kTcpRst);
  // A server's packet to the floating address likewise; a reset is never answered.
  frame.destination = kFloating;
  EXPECT_EQ(bed.send(frame.bytes(), kLan).verdict, Verdict::reset_no_flow);
  frame.flags = kTcpRst;
  EXPECT_EQ(bed.send(frame.bytes(), kLan).verdict, Verdict::no_flow);
}

TEST(Drop, EveryReasonHasItsVerdict) {
  Bed bed;
  (void)bed.connect(40'000);
  TcpFrame good;
  good.source = kClient;
  good.source_port = 40'000;
  good.destination = kVip;
  good.destination_port = 80;
  good.flags = kTcpAck;
  constexpr std::size_t kIp = sizeof(EthernetHeader);
  constexpr std::size_t kTcp = kIp + sizeof(Ipv4Header);
  const auto with = [&](std::size_t at, std::uint8_t value) {
    auto bytes = good.bytes();
    bytes[at] = value;
    return bed.send(bytes, kWan).verdict;
  };
  EXPECT_EQ(bed.send({1, 2, 3}, kWan).verdict, Verdict::short_frame);
  EXPECT_EQ(with(kIp, 0x65), Verdict::ipv4_malformed);      // version 6
  EXPECT_EQ(with(kIp, 0x44), Verdict::ipv4_malformed);      // header of 16 bytes
  EXPECT_EQ(with(kIp + 2, 0xff), Verdict::ipv4_malformed);  // longer than the frame
  EXPECT_EQ(with(kIp + 6, 0x20), Verdict::ipv4_fragment);   // more fragments
  EXPECT_EQ(with(kIp + 9, kProtocolUdp), Verdict::protocol_unsupported);
  EXPECT_EQ(with(kTcp + 12, 0x40), Verdict::tcp_malformed);  // header of 16 bytes
  EXPECT_EQ(with(kTcp + 12, 0xf0), Verdict::tcp_malformed);  // longer than the packet
  EXPECT_EQ(with(kTcp + 13, kTcpSyn | kTcpFin), Verdict::tcp_malformed);
  EXPECT_EQ(with(kIp - 2, 0x86), Verdict::not_for_us);  // another EtherType
  EXPECT_EQ(with(kIp + 9, kProtocolCarp), Verdict::punted);
  good.ttl = 1;
  EXPECT_EQ(bed.send(good.bytes(), kWan).verdict, Verdict::ipv4_ttl_expired);
  good.ttl = 64;
  good.destination = Ipv4Address::of(192, 0, 2, 77);
  EXPECT_EQ(bed.send(good.bytes(), kWan).verdict, Verdict::not_for_us);
  good.destination = kOtherVip;
  EXPECT_EQ(bed.send(good.bytes(), kWan).verdict, Verdict::group_not_active);
  good.destination = kVip;
  bed.pipeline().hold_groups(0);  // fenced
  EXPECT_EQ(bed.send(good.bytes(), kWan).verdict, Verdict::group_not_active);
}

TEST(Drop, UnresolvedNextHop) {
  ImageContent content = small_network();
  for (auto& hop : content.next_hops)
    hop.resolved = 0;
  Bed bed({}, content);
  EXPECT_EQ(bed.from_client(40'000, kTcpSyn).verdict, Verdict::next_hop_unresolved);
  bed.install(small_network());
  EXPECT_EQ(bed.from_client(40'000, kTcpSyn).verdict, Verdict::to_server);  // retransmitted
}

// Whatever the bytes, each packet gets one verdict and the counters add up.
TEST(Drop, RandomBytesAreJudgedAndCounted) {
  Bed bed;
  std::mt19937 random(11);
  TcpFrame syn;
  syn.source = kClient;
  syn.source_port = 1;
  syn.destination = kVip;
  syn.destination_port = 80;
  syn.flags = kTcpSyn;
  const auto good = syn.bytes();
  std::uint64_t sent = 0;
  for (int round = 0; round < 2'000; ++round) {
    std::vector<std::vector<std::uint8_t>> frames(64, good);
    for (auto& frame : frames) {
      for (int i = 0; i < 3; ++i)
        frame[random() % frame.size()] = static_cast<std::uint8_t>(random());
      frame.resize(random() % 4 == 0 ? random() % (frame.size() + 1) : frame.size());
    }
    (void)bed.send_batch(frames, static_cast<std::uint8_t>(round % 2));
    sent += frames.size();
  }
  std::uint64_t sum = 0;
  for (const auto& counter : bed.counters().verdicts)
    sum += counter.get();
  EXPECT_EQ(sum, sent);
  EXPECT_EQ(bed.counters().received.get(), sent);
}

}  // namespace
}  // namespace carpool::test
