// Packets in fragments: the first decides, the others follow, in whatever order they come.

#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "dataplane/net/checksum.h"
#include "tests/golden/bed.h"

namespace carpool::test {
namespace {

constexpr Endpoint kClient{Ipv4Address::of(198, 51, 100, 7), 40'123};
constexpr Macs kFromRouter{kRouterMac, kPublicMac};
constexpr std::size_t kHeaders = 34;  // Ethernet and IPv4

// The whole packet of a frame in fragments of at most so many bytes of payload, a multiple of 8.
std::vector<Frame> fragments_of(const Frame& whole, std::size_t bytes) {
  std::vector<Frame> fragments;
  const std::size_t payload = whole.size() - kHeaders;
  for (std::size_t at = 0; at < payload; at += bytes) {
    const std::size_t length = std::min(bytes, payload - at);
    Frame fragment(whole.begin(), whole.begin() + kHeaders);
    const auto from = whole.begin() + static_cast<long>(kHeaders + at);
    fragment.insert(fragment.end(), from, from + static_cast<long>(length));
    Ipv4Header& ip = ipv4(fragment);
    ip.total_length = be16(static_cast<std::uint16_t>(sizeof ip + length));
    const unsigned more = at + length < payload ? kMoreFragments : 0u;
    ip.fragment = be16(static_cast<std::uint16_t>(more | at / 8));
    ip.checksum = be16(0);
    ip.checksum = internet_checksum({reinterpret_cast<std::uint8_t*>(&ip), sizeof ip});
    fragments.push_back(std::move(fragment));
  }
  return fragments;
}

// What their receiver makes of them.
Frame reassembled(std::vector<Frame> fragments) {
  const auto offset = [](Frame& frame) { return ipv4(frame).fragment.host() & kFragmentOffset; };
  std::ranges::sort(fragments, [&](Frame& a, Frame& b) { return offset(a) < offset(b); });
  Frame whole = fragments.front();
  for (std::size_t i = 1; i < fragments.size(); ++i) {
    EXPECT_EQ(internet_checksum(std::span(fragments[i]).subspan(14, 20)), be16(0));
    EXPECT_TRUE(std::equal(whole.begin(), whole.begin() + 14, fragments[i].begin()));
    EXPECT_EQ(ipv4(fragments[i]).source, ipv4(whole).source);
    EXPECT_EQ(ipv4(fragments[i]).destination, ipv4(whole).destination);
    EXPECT_EQ(ipv4(fragments[i]).ttl, ipv4(whole).ttl);
    EXPECT_EQ(ipv4(fragments[i]).id, ipv4(whole).id);
    whole.insert(whole.end(), fragments[i].begin() + kHeaders, fragments[i].end());
  }
  Ipv4Header& ip = ipv4(whole);
  ip.total_length = be16(static_cast<std::uint16_t>(whole.size() - 14));
  ip.fragment = be16(0);
  ip.checksum = be16(0);
  ip.checksum = internet_checksum({reinterpret_cast<std::uint8_t*>(&ip), sizeof ip});
  return whole;
}

std::string long_data() {
  std::string data(3000, '\0');
  for (std::size_t i = 0; i < data.size(); ++i)
    data[i] = static_cast<char>(i * 37 + i / 256);
  return data;
}

TEST(Fragments, TheOthersFollowTheFirst) {
  Bed bed({}, content_with_dns());
  const Frame question = udp(kClient, kDns).macs(kFromRouter).data(long_data());
  std::vector<Frame> in;
  for (const Frame& fragment : fragments_of(question, 1480)) {
    const Outcome out = bed.send(fragment);
    ASSERT_EQ(out.verdict, Verdict::to_server);
    EXPECT_EQ(out.port, kLan);
    in.push_back(out.frame);
  }
  const auto asked = read_udp(reassembled(in));
  ASSERT_TRUE(asked && asked->checksums_hold);
  EXPECT_EQ(asked->from.address, kWebLocal);
  EXPECT_EQ(asked->data, long_data());

  const Frame answer =
      udp(asked->to, asked->from).macs({mac_of(asked->to), kPublicMac}).data(long_data());
  std::vector<Frame> out;
  for (const Frame& fragment : fragments_of(answer, 800)) {
    const Outcome passed = bed.send(fragment, kLan);
    ASSERT_EQ(passed.verdict, Verdict::to_client);
    EXPECT_EQ(passed.port, kWan);
    out.push_back(passed.frame);
  }
  const auto answered = read_udp(reassembled(out));
  ASSERT_TRUE(answered && answered->checksums_hold);
  EXPECT_EQ(answered->from, kDns);
  EXPECT_EQ(answered->to, kClient);
  EXPECT_EQ(answered->macs, (Macs{kPublicMac, kRouterMac}));
}

TEST(Fragments, OfTcp) {
  Bed bed;
  Connection connection = Connection::established(bed, kClient, kWeb);
  std::vector<Frame> in;
  for (const Frame& fragment : fragments_of(connection.client_frame(kTcpAck, long_data()), 1480)) {
    const Outcome out = bed.send(fragment);
    ASSERT_EQ(out.verdict, Verdict::to_server);
    in.push_back(out.frame);
  }
  const auto seen = read_tcp(reassembled(in));
  ASSERT_TRUE(seen && seen->checksums_hold);
  EXPECT_EQ(seen->data, long_data());
  EXPECT_EQ(seen->from, connection.local());
}

// Last first: they wait for the one that has the ports, and go on behind it.
TEST(Fragments, OutOfOrder) {
  Bed bed({}, content_with_dns());
  auto fragments = fragments_of(udp(kClient, kDns).macs(kFromRouter).data(long_data()), 1000);
  std::ranges::reverse(fragments);
  const Frame first = fragments.back();
  fragments.pop_back();
  for (const Frame& fragment : fragments)
    EXPECT_EQ(bed.send(fragment).verdict, Verdict::fragment_held);
  EXPECT_TRUE(bed.take_released().empty());
  std::vector<Frame> out{bed.send(first).frame};
  for (const Outcome& released : bed.take_released()) {
    EXPECT_EQ(released.verdict, Verdict::to_server);
    EXPECT_EQ(released.port, kLan);
    out.push_back(released.frame);
  }
  ASSERT_EQ(out.size(), fragments.size() + 1);
  const auto seen = read_udp(reassembled(out));
  ASSERT_TRUE(seen && seen->checksums_hold);
  EXPECT_EQ(seen->data, long_data());
  EXPECT_EQ(bed.counters().fragments_released.get(), fragments.size());
  EXPECT_EQ(bed.counters().fragments_lost.get(), 0u);
}

TEST(Fragments, InEveryMode) {
  for (const auto forward :
       {abi::Forward::nat, abi::Forward::dsr, abi::Forward::ipip, abi::Forward::gue}) {
    ImageContent content = content_with_dns();
    content.services[kDnsService].fields.forward = forward;
    Bed bed({}, content);
    const std::size_t header = forward == abi::Forward::ipip  ? 20
                               : forward == abi::Forward::gue ? 32
                                                              : 0;
    std::vector<Frame> in;
    for (const Frame& fragment :
         fragments_of(udp(kClient, kDns).macs(kFromRouter).data(long_data()), 1000)) {
      const Outcome out = bed.send(fragment);
      ASSERT_EQ(out.verdict, Verdict::to_server);
      in.push_back(out.frame);
      in.back().erase(in.back().begin() + 14, in.back().begin() + 14 + static_cast<long>(header));
    }
    const auto seen = read_udp(reassembled(in));
    ASSERT_TRUE(seen && seen->checksums_hold);
    EXPECT_EQ(seen->from, kClient);
    EXPECT_EQ(seen->data, long_data());
  }
}

TEST(Fragments, OfTwoPacketsAreNotMixed) {
  Bed bed({}, content_with_dns());
  auto one = fragments_of(udp(client(256), kDns).data(long_data()), 1480);
  auto two = fragments_of(udp(client(512), kDns).data(long_data()), 1480);
  ASSERT_EQ(bed.send(one[1]).verdict, Verdict::fragment_held);
  ASSERT_EQ(bed.send(two[1]).verdict, Verdict::fragment_held);
  (void)bed.send(two[0]);
  EXPECT_EQ(bed.take_released().size(), 1u);
  (void)bed.send(one[0]);
  EXPECT_EQ(bed.take_released().size(), 1u);
}

TEST(Fragments, AFloodCostsOnlyFragments) {
  Bed bed({}, content_with_dns());
  const auto known = fragments_of(udp(kClient, kDns).data(long_data()), 1480);
  EXPECT_EQ(bed.send(known[0]).verdict, Verdict::to_server);
  for (std::uint32_t number = 1; number <= 1'000; ++number) {
    EXPECT_EQ(
        bed.send(fragments_of(udp(client(256 * number), kDns).data(long_data()), 1480)[1]).verdict,
        Verdict::fragment_held);
  }
  EXPECT_EQ(bed.counters().fragments_lost.get(), 1'000u - stage::kHeldFragments);
  EXPECT_EQ(bed.send(known[1]).verdict, Verdict::to_server);
  bed.advance_ms(stage::kFragmentTimeoutMs + 1);
  bed.sweep_all();
  EXPECT_EQ(bed.counters().fragments_lost.get(), 1'000u);
  EXPECT_EQ(bed.send(known[2]).verdict, Verdict::fragment_held);  // by then forgotten
}

TEST(Fragments, AreHandedOverWithTheFirst) {
  Bed one({.worker = 0, .workers = 2}, content_with_dns());
  Bed two({.worker = 1, .workers = 2}, content_with_dns());
  int handed = 0;
  for (std::uint32_t number = 0; number < 40; ++number) {
    const auto fragments = fragments_of(udp(client(number * 300), kDns).data(long_data()), 1480);
    EXPECT_EQ(one.send(fragments[2]).verdict, Verdict::fragment_held);
    const Outcome first = one.send(fragments[0]);
    const auto released = one.take_released();
    ASSERT_EQ(released.size(), 1u);
    EXPECT_EQ(released[0].verdict, first.verdict);
    EXPECT_EQ(one.send(fragments[1]).verdict, first.verdict);
    if (first.verdict != Verdict::handed_over) continue;
    ++handed;
    EXPECT_EQ(released[0].owner, 1);
    EXPECT_EQ(released[0].frame, fragments[2]);
    EXPECT_EQ(two.send(fragments[0]).verdict, Verdict::to_server);
    EXPECT_EQ(two.send(released[0].frame).verdict, Verdict::to_server);
    EXPECT_EQ(two.send(fragments[1]).verdict, Verdict::to_server);
  }
  EXPECT_TRUE(handed > 5 && handed < 35);
}

TEST(Fragments, ThatAreDropped) {
  Bed bed({}, content_with_dns());
  const auto with = [](std::uint8_t protocol, std::uint16_t place, std::size_t bytes) -> Frame {
    return OtherFrame(kClient.address, kDns.address, protocol, std::string(bytes, '\0'))
        .fragment(place);
  };
  struct Case {
    const char* what;
    Verdict verdict;
    Frame frame;
  };
  for (const auto& [what, verdict, frame] : std::vector<Case>{
           {"less than UDP in the first", Verdict::fragment_malformed,
            with(kProtocolUdp, kMoreFragments, 0)},
           {"less than TCP in the first", Verdict::fragment_malformed,
            with(kProtocolTcp, kMoreFragments, 16)},
           {"over the flags of TCP", Verdict::fragment_malformed, with(kProtocolTcp, 1, 16)},
           {"a part of 8 bytes in the middle", Verdict::fragment_malformed,
            with(kProtocolUdp, kMoreFragments | 10, 12)},
           {"nothing", Verdict::fragment_malformed, with(kProtocolUdp, 10, 0)},
           {"beyond 64 KiB", Verdict::fragment_malformed, with(kProtocolUdp, 0x1fff, 16)},
           {"ICMP", Verdict::fragment_unsupported, with(kProtocolIcmp, kMoreFragments, 16)},
           {"of nobody's", Verdict::not_for_us,
            OtherFrame(kClient.address, kClient.address, kProtocolUdp, "12345678").fragment(10)},
       }) {
    const Outcome out = bed.send(frame);
    EXPECT_EQ(out.verdict, verdict) << what;
    EXPECT_TRUE(abi::info(out.verdict).is_drop) << what;
    EXPECT_EQ(out.frame, frame) << what;
  }
  bed.hold_groups(0);
  EXPECT_EQ(bed.send(with(kProtocolUdp, 10, 8)).verdict, Verdict::group_not_active);
}

}  // namespace
}  // namespace carpool::test
