// ICMP errors: each reaches the end whose packet it is about, and quotes what that end had sent.

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "dataplane/net/checksum.h"
#include "tests/golden/bed.h"

namespace carpool::test {
namespace {

constexpr Endpoint kClient{Ipv4Address::of(198, 51, 100, 7), 40'123};
constexpr Ipv4Address kRouter = Ipv4Address::of(203, 0, 113, 1);    // somewhere towards the client
constexpr Ipv4Address kLanRouter = Ipv4Address::of(10, 0, 0, 254);  // and towards the servers
constexpr Macs kFromRouter{kRouterMac, kPublicMac};
constexpr std::size_t kIpAndEight = 28;  // what every error quotes
constexpr std::size_t kWhole = 1500;

// The beginning of the packet in a frame, after one more router has passed it on.
Frame as_quoted(Frame sent, std::size_t bytes) {
  Ipv4Header& ip = ipv4(sent);
  --ip.ttl;
  ip.checksum = be16(0);
  ip.checksum = internet_checksum({reinterpret_cast<std::uint8_t*>(&ip), ip.header_bytes()});
  const auto length = std::min<std::size_t>(bytes, ip.total_length.host());
  return {sent.begin() + 14, sent.begin() + 14 + static_cast<long>(length)};
}

struct Exchange {
  const char* what;
  Frame from_client, from_server;  // as they are sent
};

// A connection and a question, so that the same is shown for TCP and for UDP.
std::vector<Exchange> exchanges(Bed& bed) {
  const Connection connection = Connection::established(bed, kClient, kWeb);
  const Frame question = udp(kClient, kDns).macs(kFromRouter).data("question");
  const auto asked = read_udp(bed.send(question).frame);
  const UdpFrame answer = udp(asked->to, asked->from).macs({mac_of(asked->to), kPublicMac});
  return {
      {"TCP", connection.client_frame(kTcpAck, "hello"), connection.server_frame(kTcpAck, "world")},
      {"UDP", question, UdpFrame(answer).data("answer")},
      {"UDP without a sum", udp(kClient, kDns).data("question").without_checksum(),
       UdpFrame(answer).data("answer").without_checksum()}};
}

TEST(Errors, FromTheClientsSideReachTheServer) {
  Bed bed({}, content_with_dns());
  for (const auto& [what, from_client, from_server] : exchanges(bed)) {
    for (const std::size_t bytes : {kIpAndEight, std::size_t{40}, kWhole}) {
      const Outcome passed = bed.send(from_server, kLan);
      ASSERT_EQ(passed.verdict, Verdict::to_client);
      const Outcome out = bed.send(icmp_error(kRouter, kIcmpUnreachable, passed.frame, bytes)
                                       .code(kIcmpFragmentationNeeded)
                                       .mtu(1400)
                                       .macs(kFromRouter)
                                       .ttl(60));
      ASSERT_EQ(out.verdict, Verdict::error_to_server) << what << bytes;
      EXPECT_EQ(out.port, kLan);
      const auto seen = read_error(out.frame);
      ASSERT_TRUE(seen);
      EXPECT_TRUE(seen->checksums_hold) << what << bytes;
      EXPECT_EQ(seen->from, kWebLocal);  // the server knows nobody behind it
      EXPECT_EQ(seen->ttl, 59);
      EXPECT_EQ(seen->code, kIcmpFragmentationNeeded);
      EXPECT_EQ(seen->mtu, 1400);
      EXPECT_EQ(seen->quoted, as_quoted(from_server, bytes)) << what << bytes;
      Frame sent = from_server;
      EXPECT_EQ(seen->to, ipv4(sent).source);
      EXPECT_EQ(seen->macs, (Macs{kPublicMac, mac_of({seen->to, 0})}));
    }
  }
}

TEST(Errors, FromTheServersSideReachTheClient) {
  Bed bed({}, content_with_dns());
  for (const auto& [what, from_client, from_server] : exchanges(bed)) {
    for (const std::size_t bytes : {kIpAndEight, std::size_t{40}, kWhole}) {
      const Outcome passed = bed.send(from_client);
      ASSERT_EQ(passed.verdict, Verdict::to_server);
      const Frame error = icmp_error(kLanRouter, kIcmpTimeExceeded, passed.frame, bytes);
      const Outcome out = bed.send(error, kLan);
      ASSERT_EQ(out.verdict, Verdict::error_to_client) << what << bytes;
      EXPECT_EQ(out.port, kWan);
      const auto seen = read_error(out.frame);
      ASSERT_TRUE(seen && seen->checksums_hold) << what << bytes;
      EXPECT_EQ(seen->type, kIcmpTimeExceeded);
      Frame sent = from_client;
      EXPECT_EQ(seen->from, ipv4(sent).destination);
      EXPECT_EQ(seen->to, kClient.address);
      EXPECT_EQ(seen->quoted, as_quoted(from_client, bytes)) << what << bytes;
    }
  }
}

// Path MTU through the appliance: what a router says to the address that the server sees is said
// to the client, and the connection goes on.
TEST(Errors, LeaveTheirFlowAsItIs) {
  Bed bed;
  Connection connection = Connection::established(bed, kClient, kWeb);
  const Outcome passed = connection.from_server(kTcpAck, std::string(1400, 'x'));
  bed.advance_ms(kEstablishedTimeoutMs - 1);
  EXPECT_EQ(bed.send(icmp_error(kRouter, kIcmpUnreachable, passed.frame, kIpAndEight)).verdict,
            Verdict::error_to_server);
  EXPECT_EQ(connection.state(), TcpState::established);
  bed.advance_ms(2);
  bed.sweep_all();  // nor do they keep it alive
  EXPECT_EQ(connection.state(), TcpState::free);
}

TEST(Errors, ChecksumsHoldForEveryValueOfTheSum) {
  Bed bed({}, content_with_dns());
  const Frame question = udp(kClient, kDns).data("??");
  const Frame passed = bed.send(question).frame;
  for (unsigned word = 0; word < 0x10000; ++word) {
    Frame about = passed;
    udp_header(about).checksum = be16(static_cast<std::uint16_t>(word));
    const auto seen = read_error(bed.send(icmp_error(kLanRouter, 11, about, 28), kLan).frame);
    ASSERT_TRUE(seen && seen->checksums_hold) << word;
  }
}

TEST(Errors, DamageIsNotHidden) {
  Bed bed;
  Connection connection = Connection::established(bed, kClient, kWeb);
  Frame error = icmp_error(kRouter, 3, connection.from_server(kTcpAck, "x").frame, kIpAndEight);
  error.back() ^= 1;
  const auto seen = read_error(bed.send(error).frame);
  ASSERT_TRUE(seen);
  EXPECT_FALSE(seen->checksums_hold);
}

// A server without a socket says so.
TEST(Errors, ARefusedDatagramCounts) {
  Bed bed({}, content_with_dns());
  const Outcome out = bed.send(udp(kClient, kDns).data("?"));
  const Endpoint server = read_udp(out.frame)->to;
  EXPECT_EQ(bed.send(icmp_error(server.address, 3, out.frame, kWhole).code(3), kLan).verdict,
            Verdict::error_to_client);
  EXPECT_EQ(bed.server(kDns1Index).refused.get() + bed.server(kDns2Index).refused.get(), 1u);
}

TEST(Errors, ThatAreDropped) {
  Bed bed;
  Connection connection = Connection::established(bed, kClient, kWeb);
  const Frame passed = connection.from_server(kTcpAck, "x").frame;
  const auto error = [&] { return icmp_error(kRouter, 3, passed, kWhole); };
  const auto about = [&](auto change) {
    Frame inner = passed;
    change(inner);
    return icmp_error(kRouter, 3, inner, kWhole);
  };
  struct Case {
    const char* what;
    Verdict verdict;
    Frame frame;
  };
  for (const auto& [what, verdict, frame] : std::vector<Case>{
           {"nothing quoted", Verdict::icmp_malformed, icmp_error(kRouter, 3, passed, 0)},
           {"half a header", Verdict::icmp_malformed, icmp_error(kRouter, 3, passed, 19)},
           {"seven bytes", Verdict::icmp_malformed, icmp_error(kRouter, 3, passed, 27)},
           {"not IPv4", Verdict::icmp_malformed,
            about([](Frame& inner) { ipv4(inner).version_ihl = 0x65; })},
           {"header of 16 bytes", Verdict::icmp_malformed,
            about([](Frame& inner) { ipv4(inner).version_ihl = 0x44; })},
           {"header beyond the quotation", Verdict::icmp_malformed,
            about([](Frame& inner) { ipv4(inner).version_ihl = 0x4f; })},
           {"a later fragment", Verdict::error_no_flow,
            about([](Frame& inner) { ipv4(inner).fragment = be16(100); })},
           {"GRE", Verdict::protocol_unsupported,
            about([](Frame& inner) { ipv4(inner).protocol = 47; })},
           {"no such connection", Verdict::error_no_flow,
            about([](Frame& inner) { tcp_header(inner).destination_port = be16(1); })},
           {"last hop", Verdict::ipv4_ttl_expired, error().ttl(1)},
           {"about a stranger's packet", Verdict::not_for_us,
            icmp_error(kRouter, 3, tcp(kClient, {kRouter, 80}), kWhole)},
       }) {
    const Outcome out = bed.send(frame);
    EXPECT_EQ(out.verdict, verdict) << what;
    EXPECT_TRUE(abi::info(out.verdict).is_drop) << what;
    EXPECT_EQ(out.frame, frame) << what;
  }
  // To us, but about a packet of somebody else's.
  Frame forged = error();
  ipv4(forged).destination = kMysql.address;
  EXPECT_EQ(bed.send(forged).verdict, Verdict::icmp_malformed);
  bed.hold_groups(0);
  EXPECT_EQ(bed.send(error()).verdict, Verdict::group_not_active);
}

TEST(Errors, OfAnotherWorkersFlowsAreHandedOver) {
  Bed one({.worker = 0, .workers = 2}), two({.worker = 1, .workers = 2});
  for (std::uint32_t number = 0; number < 40; ++number) {
    const Frame syn = tcp(client(number), kWeb).flags(kTcpSyn);
    const bool is_ones = one.send(syn).verdict == Verdict::to_server;
    Bed& owner = is_ones ? one : two;
    Bed& other = is_ones ? two : one;
    const Frame passed = owner.send(syn).frame;
    const Frame error = icmp_error(kLanRouter, 3, passed, kWhole);
    const Outcome handed = other.send(error, kLan);
    EXPECT_EQ(handed.verdict, Verdict::handed_over);
    EXPECT_EQ(handed.owner, is_ones ? 0 : 1);
    EXPECT_EQ(owner.send(error, kLan).verdict, Verdict::error_to_client);
  }
}

// --- What does not fit --------------------------------------------------------------------------

BedOptions with_mtus(std::uint16_t wan, std::uint16_t lan) {
  BedOptions options;
  options.mtus[kWan] = wan;
  options.mtus[kLan] = lan;
  return options;
}

TEST(TooLong, TheSenderHearsHowLongItMayBe) {
  Bed bed(with_mtus(1500, 1400));
  Connection connection = Connection::established(bed, kClient, kWeb);
  const std::string fits(1400 - 40, 'x');
  EXPECT_EQ(bed.send(connection.client_frame(kTcpAck, fits).fragment(kDontFragment)).verdict,
            Verdict::to_server);
  const Frame frame = connection.client_frame(kTcpAck, fits + "x").fragment(kDontFragment);
  const Outcome out = bed.send(frame);
  ASSERT_EQ(out.verdict, Verdict::fragmentation_needed);
  EXPECT_EQ(out.port, kWan);
  const auto seen = read_error(out.frame);
  ASSERT_TRUE(seen && seen->checksums_hold);
  EXPECT_EQ(seen->macs, (Macs{kPublicMac, kRouterMac}));
  EXPECT_EQ(seen->from, kWeb.address);
  EXPECT_EQ(seen->to, kClient.address);
  EXPECT_EQ(seen->type, kIcmpUnreachable);
  EXPECT_EQ(seen->code, kIcmpFragmentationNeeded);
  EXPECT_EQ(seen->mtu, 1400);
  EXPECT_EQ(out.frame.size(), 14u + 576);  // RFC 1812, 4.3.2.3
  EXPECT_EQ(seen->quoted, Frame(frame.begin() + 14, frame.begin() + 14 + 548));
}

TEST(TooLong, AlsoTheServer) {
  Bed bed(with_mtus(1400, 1500));
  Connection connection = Connection::established(bed, kClient, kWeb);
  const Outcome out = bed.send(
      connection.server_frame(kTcpAck, std::string(1361, 'x')).fragment(kDontFragment), kLan);
  ASSERT_EQ(out.verdict, Verdict::fragmentation_needed);
  EXPECT_EQ(out.port, kLan);
  const auto seen = read_error(out.frame);
  ASSERT_TRUE(seen && seen->checksums_hold);
  EXPECT_EQ(seen->from, kWebLocal);
  EXPECT_EQ(seen->to, connection.server().address);
  EXPECT_EQ(seen->mtu, 1400);
}

TEST(TooLong, WhatMayBeFragmentedIsDroppedAsWeDoNot) {
  Bed bed(with_mtus(1500, 1400));
  Connection connection = Connection::established(bed, kClient, kWeb);
  EXPECT_EQ(connection.from_client(kTcpAck, std::string(1361, 'x')).verdict, Verdict::does_not_fit);
}

TEST(TooLong, ErrorsAreLimited) {
  Bed bed(with_mtus(1500, 1400));
  Connection connection = Connection::established(bed, kClient, kWeb);
  const Frame frame =
      connection.client_frame(kTcpAck, std::string(1361, 'x')).fragment(kDontFragment);
  for (std::uint32_t i = 0; i < stage::kErrorsPerSecond; ++i)
    ASSERT_EQ(bed.send(frame).verdict, Verdict::fragmentation_needed);
  EXPECT_EQ(bed.send(frame).verdict, Verdict::errors_limited);
  bed.advance_ms(1'000);
  EXPECT_EQ(bed.send(frame).verdict, Verdict::fragmentation_needed);
}

}  // namespace
}  // namespace carpool::test
