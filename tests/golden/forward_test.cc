// What leaves, byte for byte, and to whom.
#include <gtest/gtest.h>

#include "tests/golden/bed.h"

namespace carpool::test {
namespace {

using abi::Verdict;

TEST(Forward, SynGoesToAServerFromTheFloatingAddress) {
  Bed bed;
  const Outcome out = bed.from_client(40'000, kTcpSyn);
  ASSERT_EQ(out.verdict, Verdict::to_server);
  EXPECT_EQ(out.port, kLan);
  const Decoded seen = out.decoded();
  EXPECT_TRUE(seen.checksums_good);
  EXPECT_EQ(seen.ip.source, kFloating);
  EXPECT_EQ(seen.tcp.destination_port, be16(8080));
  EXPECT_GE(seen.tcp.source_port.host(), 1024);
  EXPECT_EQ(seen.ip.ttl, 63);
  EXPECT_EQ(seen.ethernet.source, kGroupMac);
  EXPECT_EQ(seen.tcp.flags, kTcpSyn);
  EXPECT_EQ(seen.tcp.sequence, be32(1000));
}

TEST(Forward, AnswerComesBackFromTheVirtualAddress) {
  Bed bed;
  const Outcome out = bed.from_server(bed.from_client(40'000, kTcpSyn), kTcpSyn | kTcpAck);
  ASSERT_EQ(out.verdict, Verdict::to_client);
  EXPECT_EQ(out.port, kWan);
  const Decoded seen = out.decoded();
  EXPECT_TRUE(seen.checksums_good);
  EXPECT_EQ(seen.ip.source, kVip);
  EXPECT_EQ(seen.ip.destination, kClient);
  EXPECT_EQ(seen.tcp.source_port, be16(80));
  EXPECT_EQ(seen.tcp.destination_port, be16(40'000));
  EXPECT_EQ(seen.ethernet.destination, kClientMac);
  EXPECT_EQ(seen.ethernet.source, kGroupMac);
  EXPECT_EQ(seen.ip.ttl, 63);
}

// Both directions, payloads of odd and even length, with and without IP options: checksums hold and
// not a byte of the payload changes.
TEST(Forward, ChecksumsHoldForEveryLengthAndWithOptions) {
  Bed bed;
  const Outcome sent = bed.connect(40'000);
  for (std::size_t length = 0; length < 40; ++length) {
    const std::string payload(length, static_cast<char>('a' + length % 26));
    for (const unsigned options : {0u, 4u, 40u}) {
      TcpFrame frame;
      frame.source = kClient;
      frame.source_port = 40'000;
      frame.destination = kVip;
      frame.destination_port = 80;
      frame.flags = kTcpAck | kTcpPsh;
      frame.payload = payload;
      frame.ip_option_bytes = options;
      const Outcome out = bed.send(frame.bytes(), kWan);
      ASSERT_EQ(out.verdict, Verdict::to_server);
      EXPECT_TRUE(out.decoded().checksums_good) << length << " bytes, options " << options;
      EXPECT_EQ(out.decoded().payload, payload);
    }
    const Outcome back = bed.from_server(sent, kTcpAck | kTcpPsh, payload);
    ASSERT_EQ(back.verdict, Verdict::to_client);
    EXPECT_TRUE(back.decoded().checksums_good) << length << " bytes back";
    EXPECT_EQ(back.decoded().payload, payload);
  }
}

// Many clients: the adjusted checksums are right for all sorts of addresses and ports.
TEST(Forward, ChecksumsHoldForManyClients) {
  Bed bed({.flows = 4096, .half_open = 4096});
  for (std::uint32_t i = 0; i < 4000; ++i) {
    TcpFrame frame;
    frame.source = Ipv4Address{be32(i * 2'654'435'761u)};
    frame.source_port = static_cast<std::uint16_t>(i * 40'503u);
    frame.destination = kVip;
    frame.destination_port = 80;
    frame.flags = kTcpSyn;
    const Outcome out = bed.send(frame.bytes(), kWan);
    ASSERT_EQ(out.verdict, Verdict::to_server);
    ASSERT_TRUE(out.decoded().checksums_good) << "client " << i;
    const Outcome back = bed.from_server(out, kTcpSyn | kTcpAck);
    ASSERT_EQ(back.verdict, Verdict::to_client);
    ASSERT_TRUE(back.decoded().checksums_good) << "client " << i;
    ASSERT_EQ(back.decoded().ip.destination, frame.source);
  }
}

// A packet that arrives damaged leaves damaged: its receiver must be able to tell.
TEST(Forward, DamageStaysVisible) {
  Bed bed;
  (void)bed.connect(40'000);
  TcpFrame frame;
  frame.source = kClient;
  frame.source_port = 40'000;
  frame.destination = kVip;
  frame.destination_port = 80;
  frame.flags = kTcpAck;
  frame.payload = "hello";
  auto bytes = frame.bytes();
  bytes.back() ^= 1;
  const Outcome out = bed.send(bytes, kWan);
  ASSERT_EQ(out.verdict, Verdict::to_server);
  EXPECT_FALSE(out.decoded().checksums_good);
}

TEST(Forward, RoundRobinTakesTurns) {
  Bed bed;
  std::array<int, 3> by_server{};
  for (std::uint16_t i = 0; i < 30; ++i) {
    const auto to = bed.from_client(static_cast<std::uint16_t>(40'000 + i), kTcpSyn).decoded();
    ++by_server.at(to.ip.destination.value.host() - Ipv4Address::of(10, 0, 0, 21).value.host());
  }
  EXPECT_EQ(by_server, (std::array<int, 3>{10, 10, 10}));
}

// A server whose configured port is 0 is reached on the port that the client chose.
TEST(Forward, ServerPortZeroIsTheClients) {
  ImageContent content = small_network();
  content.servers[kDb1].port = be16(0);
  Bed bed({}, content);
  EXPECT_EQ(bed.from_client(40'000, kTcpSyn, "", 3306).decoded().tcp.destination_port, be16(3306));
}

// The answer follows the client's router: it goes to where the last packet came from.
TEST(Forward, AnswersGoWhereTheClientsPacketsComeFrom) {
  Bed bed;
  const Outcome sent = bed.connect(40'000);
  TcpFrame frame;
  frame.from = {{2, 0, 0, 0, 0, 200}};
  frame.source = kClient;
  frame.source_port = 40'000;
  frame.destination = kVip;
  frame.destination_port = 80;
  frame.flags = kTcpAck;
  (void)bed.send(frame.bytes(), kWan);
  EXPECT_EQ(bed.from_server(sent, kTcpAck).decoded().ethernet.destination, frame.from);
}

// The same packets, one by one and in batches of every size, come to the same.
TEST(Forward, BatchesEqualSinglePackets) {
  std::vector<std::vector<std::uint8_t>> frames;
  for (std::uint32_t i = 0; i < 640; ++i) {
    TcpFrame frame;
    frame.source = kClient;
    frame.source_port = static_cast<std::uint16_t>(40'000 + i % 50);
    frame.destination = i % 7 == 6 ? kOtherVip : kVip;
    frame.destination_port = i % 11 == 10 ? 81 : 80;
    frame.flags = i < 100 ? kTcpSyn : i % 13 == 0 ? kTcpRst : kTcpAck;
    frames.push_back(frame.bytes());
  }
  Bed single;
  std::vector<Outcome> expected;
  for (const auto& frame : frames)
    expected.push_back(single.send(frame, kWan));
  for (const std::size_t size : {1u, 2u, 7u, 32u, 64u}) {
    Bed bed;
    for (std::size_t at = 0; at < frames.size(); at += size) {
      const auto end = std::min(frames.size(), at + size);
      const auto outcomes = bed.send_batch(
          {frames.begin() + static_cast<long>(at), frames.begin() + static_cast<long>(end)}, kWan);
      for (std::size_t i = 0; i < outcomes.size(); ++i) {
        ASSERT_EQ(outcomes[i].verdict, expected[at + i].verdict)
            << "packet " << at + i << " in batches of " << size;
        // The table's own secret differs between two beds; what leaves must not.
        ASSERT_EQ(outcomes[i].frame, expected[at + i].frame);
      }
    }
  }
}

}  // namespace
}  // namespace carpool::test
