// Ways of forwarding beside fullnat: what each end sees in nat, dsr and tunnels, for TCP and UDP.

#include <cstring>
#include <string>

#include <gtest/gtest.h>

#include "dataplane/flow/owner.h"
#include "dataplane/net/checksum.h"
#include "dataplane/stage/encapsulate.h"
#include "tests/golden/bed.h"

namespace carpool::test {
namespace {

using abi::Forward;

constexpr Endpoint kClient{Ipv4Address::of(198, 51, 100, 7), 40'123};
constexpr Ipv4Address kRouter = Ipv4Address::of(203, 0, 113, 1);
constexpr Macs kFromRouter{kRouterMac, kPublicMac};
constexpr std::size_t kWhole = 1500;

// All services forwarded so; what cannot change ports has servers on the service's own.
ImageContent content_with(Forward forward) {
  ImageContent content = content_with_dns();
  for (auto& service : content.services)
    service.fields.forward = forward;
  if (abi::is_one_way(forward)) {
    for (auto& server : content.servers)
      server.port = be16(0);
  }
  return content;
}

// The packet that comes out of a tunnel's far end, in a frame like the one that went in.
Frame unwrapped(const Frame& frame, std::size_t header) {
  Frame inner(frame.begin(), frame.begin() + 14);
  inner.insert(inner.end(), frame.begin() + 14 + static_cast<long>(header), frame.end());
  return inner;
}

// --- nat ----------------------------------------------------------------------------------------

TEST(Nat, ServersSeeTheClientItself) {
  Bed bed({}, content_with(Forward::nat));
  const Outcome out = bed.send(tcp(kClient, kWeb).macs(kFromRouter).flags(kTcpSyn).ttl(61));
  ASSERT_EQ(out.verdict, Verdict::to_server);
  EXPECT_EQ(out.port, kLan);
  const auto seen = read_tcp(out.frame);
  ASSERT_TRUE(seen && seen->checksums_hold);
  EXPECT_EQ(seen->from, kClient);
  EXPECT_TRUE(seen->to == kWeb1 || seen->to == kWeb2);
  EXPECT_EQ(seen->macs, (Macs{kPublicMac, mac_of(seen->to)}));
  EXPECT_EQ(seen->ttl, 60);
}

// The server's packets are for the client, and come here as to its gateway.
TEST(Nat, AnswersAreFoundByServerAndClient) {
  Bed bed({}, content_with(Forward::nat));
  const auto syn = read_tcp(bed.send(tcp(kClient, kWeb).macs(kFromRouter).flags(kTcpSyn)).frame);
  const auto answer = [&](unsigned flags) {
    return tcp(syn->to, kClient).macs({mac_of(syn->to), kPublicMac}).flags(flags);
  };
  const Outcome out = bed.send(answer(kTcpSyn | kTcpAck).ttl(64), kLan);
  ASSERT_EQ(out.verdict, Verdict::to_client);
  EXPECT_EQ(out.port, kWan);
  const auto seen = read_tcp(out.frame);
  ASSERT_TRUE(seen && seen->checksums_hold);
  EXPECT_EQ(seen->from, kWeb);
  EXPECT_EQ(seen->to, kClient);
  EXPECT_EQ(seen->macs, (Macs{kPublicMac, kRouterMac}));
  EXPECT_EQ(seen->ttl, 63);
  EXPECT_EQ(bed.send(tcp(kClient, kWeb)).verdict, Verdict::to_server);
  EXPECT_EQ(bed.state_of(kClient, kWeb), TcpState::established);
  EXPECT_EQ(bed.send(answer(kTcpFin | kTcpAck), kLan).verdict, Verdict::to_client);
  EXPECT_EQ(bed.state_of(kClient, kWeb), TcpState::server_closing);
  // What else a server sends through its gateway is not ours to route.
  EXPECT_EQ(bed.send(tcp(syn->to, client(9)), kLan).verdict, Verdict::not_for_us);
}

TEST(Nat, Datagrams) {
  Bed bed({}, content_with(Forward::nat));
  const auto in = read_udp(bed.send(udp(kClient, kDns).data("?")).frame);
  ASSERT_TRUE(in && in->checksums_hold);
  EXPECT_EQ(in->from, kClient);
  const auto out = read_udp(bed.send(udp(in->to, kClient).data("!"), kLan).frame);
  ASSERT_TRUE(out && out->checksums_hold);
  EXPECT_EQ(out->from, kDns);
  EXPECT_EQ(out->to, kClient);
}

TEST(Nat, ErrorsReachBothEnds) {
  Bed bed({}, content_with(Forward::nat));
  const Outcome in = bed.send(tcp(kClient, kWeb).macs(kFromRouter).flags(kTcpSyn));
  const Endpoint server = read_tcp(in.frame)->to;
  const auto to_client = read_error(bed.send(icmp_error(kRouter, 11, in.frame, 28), kLan).frame);
  ASSERT_TRUE(to_client && to_client->checksums_hold);
  EXPECT_EQ(to_client->from, kWeb.address);
  EXPECT_EQ(to_client->to, kClient.address);

  const Outcome out = bed.send(tcp(server, kClient).flags(kTcpSyn | kTcpAck), kLan);
  const auto to_server = read_error(bed.send(icmp_error(kRouter, 3, out.frame, kWhole)).frame);
  ASSERT_TRUE(to_server && to_server->checksums_hold);
  EXPECT_EQ(to_server->from, kRouter);  // servers know the clients' side
  EXPECT_EQ(to_server->to, server.address);
}

// From one port to two services with a server in common: the server could not tell them apart.
TEST(Nat, TheSameEndsTwiceAreRefused) {
  ImageContent content = content_with(Forward::nat);
  content.services.push_back(content.services[0]);
  content.services.back().fields.name = Name("also-web");
  content.service_keys.push_back(
      {.address = kWeb.address, .port = be16(81), .protocol = kProtocolTcp, .service = 3});
  content.services[0].picks = content.services[3].picks = {kWeb1Index};
  Bed bed({}, content);
  EXPECT_EQ(bed.send(tcp(kClient, kWeb).flags(kTcpSyn)).verdict, Verdict::to_server);
  EXPECT_EQ(bed.send(tcp(kClient, {kWeb.address, 81}).flags(kTcpSyn)).verdict,
            Verdict::no_source_port);
  EXPECT_EQ(bed.pipeline().flows().live(), 1u);
}

TEST(Nat, AnswersAreHandedToTheClientsWorker) {
  const ImageContent content = content_with(Forward::nat);
  Bed one({.worker = 0, .workers = 2}, content), two({.worker = 1, .workers = 2}, content);
  int ones = 0;
  for (std::uint32_t number = 0; number < 60; ++number) {
    const Frame syn = tcp(client(number), kWeb).flags(kTcpSyn);
    const bool is_ones = one.send(syn).verdict == Verdict::to_server;
    ones += is_ones;
    Bed& owner = is_ones ? one : two;
    Bed& other = is_ones ? two : one;
    const Endpoint server = read_tcp(owner.send(syn).frame)->to;
    const Frame answer = tcp(server, client(number)).flags(kTcpSyn | kTcpAck);
    EXPECT_EQ(other.send(answer, kLan).verdict, Verdict::handed_over);
    EXPECT_EQ(owner.send(answer, kLan).verdict, Verdict::to_client);
  }
  EXPECT_TRUE(ones > 10 && ones < 50);
}

// --- dsr ----------------------------------------------------------------------------------------

TEST(Dsr, OnlyTheFrameAndTheTimeToLiveChange) {
  Bed bed({}, content_with(Forward::dsr));
  const Frame syn = tcp(kClient, kWeb).macs(kFromRouter).flags(kTcpSyn).ttl(61).options(8);
  const Outcome out = bed.send(syn);
  ASSERT_EQ(out.verdict, Verdict::to_server);
  EXPECT_EQ(out.port, kLan);
  const auto seen = read_tcp(out.frame);
  ASSERT_TRUE(seen && seen->checksums_hold);
  EXPECT_EQ(seen->from, kClient);
  EXPECT_EQ(seen->to, kWeb);
  EXPECT_EQ(seen->ttl, 60);
  EXPECT_EQ(seen->macs.from, kPublicMac);
  EXPECT_TRUE(seen->macs.to == kWeb1Mac || seen->macs.to == kWeb2Mac);
  EXPECT_EQ(Frame(out.frame.begin() + 34, out.frame.end()), Frame(syn.begin() + 34, syn.end()));
}

TEST(Dsr, IsTrackedByTheClientsSideAlone) {
  Bed bed({}, content_with(Forward::dsr));
  const auto server = [&](unsigned flags) {
    return read_tcp(bed.send(tcp(kClient, kWeb).flags(flags)).frame)->macs.to;
  };
  const MacAddress chosen = server(kTcpSyn);
  EXPECT_EQ(bed.state_of(kClient, kWeb), TcpState::one_way_syn);
  EXPECT_EQ(bed.pipeline().flows().half_open(), 1u);
  EXPECT_EQ(server(kTcpSyn), chosen);
  EXPECT_EQ(server(kTcpAck), chosen);
  EXPECT_EQ(bed.state_of(kClient, kWeb), TcpState::established);
  EXPECT_EQ(bed.pipeline().flows().half_open(), 0u);
  EXPECT_EQ(server(kTcpFin | kTcpAck), chosen);
  EXPECT_EQ(bed.state_of(kClient, kWeb), TcpState::client_closing);
  EXPECT_EQ(server(kTcpAck), chosen);
  bed.advance_ms(kClosingTimeoutMs + 1);
  bed.sweep_all();
  EXPECT_EQ(bed.pipeline().flows().live(), 0u);
  EXPECT_EQ(bed.server(kWeb1Index).active.get() + bed.server(kWeb2Index).active.get(), 0u);
  // The server's own packets never come here; if they do they are not for us.
  EXPECT_EQ(bed.send(tcp(kWeb1, kClient), kLan).verdict, Verdict::not_for_us);
}

TEST(Dsr, AResetEndsIt) {
  Bed bed({}, content_with(Forward::dsr));
  (void)bed.send(tcp(kClient, kWeb).flags(kTcpSyn));
  (void)bed.send(tcp(kClient, kWeb).flags(kTcpRst));
  EXPECT_EQ(bed.state_of(kClient, kWeb), TcpState::reset);
}

TEST(Dsr, Datagrams) {
  Bed bed({}, content_with(Forward::dsr));
  const Frame question = udp(kClient, kDns).macs(kFromRouter).data("?");
  const Outcome out = bed.send(question);
  ASSERT_EQ(out.verdict, Verdict::to_server);
  const auto seen = read_udp(out.frame);
  ASSERT_TRUE(seen && seen->checksums_hold);
  EXPECT_EQ(seen->to, kDns);
  EXPECT_EQ(read_udp(bed.send(question).frame)->macs, seen->macs);
}

// The server answers from the virtual address, so errors about its answers come here.
TEST(Dsr, ErrorsReachTheServer) {
  Bed bed({}, content_with(Forward::dsr));
  const MacAddress chosen = read_tcp(bed.send(tcp(kClient, kWeb).flags(kTcpSyn)).frame)->macs.to;
  const Frame answer = tcp(kWeb, kClient).data(std::string(1400, 'x'));
  const Frame error = icmp_error(kRouter, 3, answer, kWhole).code(4).mtu(1300).macs(kFromRouter);
  const Outcome out = bed.send(error);
  ASSERT_EQ(out.verdict, Verdict::error_to_server);
  EXPECT_EQ(out.port, kLan);
  const auto seen = read_error(out.frame);
  ASSERT_TRUE(seen && seen->checksums_hold);
  EXPECT_EQ(seen->macs, (Macs{kPublicMac, chosen}));
  EXPECT_EQ(seen->from, kRouter);
  EXPECT_EQ(seen->to, kWeb.address);
  EXPECT_EQ(seen->mtu, 1300);
  EXPECT_EQ(seen->quoted, read_error(error)->quoted);
}

// --- tunnels ------------------------------------------------------------------------------------

BedOptions with_lan_mtu(std::uint16_t mtu) {
  BedOptions options;
  options.mtus[kLan] = mtu;
  return options;
}

TEST(Tunnel, PutsAnIpv4HeaderBefore) {
  Bed bed({}, content_with(Forward::ipip));
  const Frame data =
      tcp(kClient, kWeb).macs(kFromRouter).flags(kTcpSyn).ttl(61).fragment(kDontFragment);
  const Outcome out = bed.send(data);
  ASSERT_EQ(out.verdict, Verdict::to_server);
  EXPECT_EQ(out.port, kLan);
  ASSERT_EQ(out.frame.size(), data.size() + 20);
  Frame frame = out.frame;
  const Ipv4Header outer = ipv4(frame);
  EXPECT_EQ(outer.protocol, kProtocolIpip);
  EXPECT_EQ(outer.source, kWebLocal);
  EXPECT_TRUE(outer.destination == kWeb1.address || outer.destination == kWeb2.address);
  EXPECT_EQ(outer.ttl, 64);
  EXPECT_EQ(outer.total_length.host(), data.size() - 14 + 20);
  EXPECT_EQ(outer.fragment.host(), kDontFragment);
  EXPECT_EQ(internet_checksum(std::span(frame).subspan(14, 20)), be16(0));
  const auto inner = read_tcp(unwrapped(out.frame, 20));
  ASSERT_TRUE(inner && inner->checksums_hold);
  EXPECT_EQ(inner->macs, (Macs{kPublicMac, mac_of({outer.destination, 0})}));
  EXPECT_EQ(inner->from, kClient);
  EXPECT_EQ(inner->to, kWeb);
  EXPECT_EQ(inner->ttl, 60);
}

TEST(Tunnel, PutsGueBefore) {
  Bed bed({}, content_with(Forward::gue));
  const Frame question = udp(kClient, kDns).macs(kFromRouter).data("question").padding(6);
  const Outcome out = bed.send(question);
  ASSERT_EQ(out.verdict, Verdict::to_server);
  const auto outer = read_udp(out.frame);
  ASSERT_TRUE(outer && outer->checksums_hold);
  EXPECT_EQ(outer->from.address, kWebLocal);
  EXPECT_GE(outer->from.port, 49'152);
  EXPECT_EQ(outer->to.port, 6080);
  EXPECT_FALSE(outer->is_summed);
  EXPECT_EQ(outer->data.substr(0, 4), std::string("\0\4\0\0", 4));
  const auto inner = read_udp(unwrapped(out.frame, 32));
  ASSERT_TRUE(inner && inner->checksums_hold);
  EXPECT_EQ(inner->to, kDns);
  EXPECT_EQ(inner->data, "question");
  EXPECT_EQ(out.frame.size(), 14u + 32 + 28 + 8);  // the frame's padding stays behind
  EXPECT_EQ(read_udp(bed.send(question).frame)->from, outer->from);  // one flow, one way
}

TEST(Tunnel, ErrorsTakeItToo) {
  Bed bed({}, content_with(Forward::ipip));
  (void)bed.send(tcp(kClient, kWeb).flags(kTcpSyn));
  const Frame answer = tcp(kWeb, kClient).data(std::string(1400, 'x'));
  const Frame error = icmp_error(kRouter, 3, answer, kWhole).code(4).mtu(1300).macs(kFromRouter);
  const Outcome out = bed.send(error);
  ASSERT_EQ(out.verdict, Verdict::error_to_server);
  const auto seen = read_error(unwrapped(out.frame, 20));
  ASSERT_TRUE(seen && seen->checksums_hold);
  EXPECT_EQ(seen->to, kWeb.address);
  EXPECT_EQ(seen->quoted, read_error(error)->quoted);
}

// The client hears what fits behind the tunnel's own header.
TEST(Tunnel, WhatDoesNotFitIsSaid) {
  for (const auto& [forward, header] : {std::pair(Forward::ipip, 20u), {Forward::gue, 32u}}) {
    Bed bed(with_lan_mtu(1500), content_with(forward));
    (void)bed.send(tcp(kClient, kWeb).flags(kTcpSyn));
    const std::string fits(1500 - header - 40, 'x');
    const auto segment = [&](const std::string& data) -> Frame {
      return tcp(kClient, kWeb).macs(kFromRouter).data(data).fragment(kDontFragment);
    };
    EXPECT_EQ(bed.send(segment(fits)).verdict, Verdict::to_server);
    const Outcome out = bed.send(segment(fits + "x"));
    ASSERT_EQ(out.verdict, Verdict::fragmentation_needed);
    EXPECT_EQ(out.port, kWan);
    const auto seen = read_error(out.frame);
    ASSERT_TRUE(seen && seen->checksums_hold);
    EXPECT_EQ(seen->mtu, 1500 - header);
    EXPECT_EQ(seen->to, kClient.address);
  }
}

// A SYN with the option at an even and at an odd place, and with what else there may be.
TEST(Tunnel, TheMssOfASynIsLowered) {
  struct Case {
    const char* what;
    std::string options;
    std::size_t at;
    std::uint16_t mss, lowered;
  };
  const std::string large("\2\4\x05\xb4", 4);  // 1460
  for (const auto& [what, options, at, mss, lowered] : std::vector<Case>{
           {"even", large, 2, 1460, 1440},
           {"odd", "\1" + large + "\1\1\1", 3, 1460, 1440},
           {"behind others", "\4\2" + large + "\1\1", 4, 1460, 1440},
           {"small already", std::string("\2\4\x02\x18", 4), 2, 536, 536},
       }) {
    Bed bed(with_lan_mtu(1500), content_with(Forward::ipip));
    const auto seen = read_tcp(
        unwrapped(bed.send(tcp(kClient, kWeb).flags(kTcpSyn).option_bytes(options)).frame, 20));
    ASSERT_TRUE(seen && seen->checksums_hold) << what;
    const auto high = static_cast<std::uint8_t>(seen->options[at]);
    const auto low = static_cast<std::uint8_t>(seen->options[at + 1]);
    EXPECT_EQ(high << 8 | low, lowered) << what;
  }
}

TEST(Tunnel, BrokenOptionsPassAsTheyAre) {
  for (const std::string& options :
       {std::string("\2\0\5\xb4", 4), std::string("\2\x20\5\xb4", 4), std::string("\0\2\4\5", 4),
        std::string("\1\1\1\2", 4), std::string("\2\3\5\xb4", 4)}) {
    Bed bed(with_lan_mtu(1500), content_with(Forward::ipip));
    const auto seen = read_tcp(
        unwrapped(bed.send(tcp(kClient, kWeb).flags(kTcpSyn).option_bytes(options)).frame, 20));
    ASSERT_TRUE(seen && seen->checksums_hold);
    EXPECT_EQ(seen->options, options);
  }
}

// --- mirroring ----------------------------------------------------------------------------------

TEST(ModesMirror, FlowsAreTakenUpByThePeer) {
  for (const Forward forward : {Forward::nat, Forward::dsr, Forward::ipip, Forward::gue}) {
    const ImageContent content = content_with(forward);
    struct alignas(abi::kCacheLine) Line {
      std::byte bytes[abi::kCacheLine];
    };
    std::vector<Line> memory(abi::ring_bytes<abi::MirrorRecord>(64) / sizeof(Line));
    const auto ring = abi::RingPlace<abi::MirrorRecord>::at(memory.data(), 64);
    Bed bed({}, content), peer({}, content);
    bed.pipeline().attach_mirror(abi::RingProducer<abi::MirrorRecord>(ring));
    bed.pipeline().set_mirror(true);
    peer.hold_groups(0);
    const Frame syn = tcp(kClient, kWeb).flags(kTcpSyn);
    const auto server = read_tcp(bed.send(syn).frame);
    if (forward == Forward::nat) {
      (void)bed.send(tcp(server->to, kClient).flags(kTcpSyn | kTcpAck), kLan);
    }
    const Frame ack = tcp(kClient, kWeb);
    const Frame here = bed.send(ack).frame;
    abi::MirrorRecord told;
    ASSERT_TRUE(abi::RingConsumer<abi::MirrorRecord>(ring).pop(told));
    peer.learn(told);
    EXPECT_EQ(peer.counters().mirror_learned.get(), 1u);
    peer.hold_groups(~0u);
    EXPECT_EQ(peer.state_of(kClient, kWeb), TcpState::established);
    Frame there = peer.send(ack).frame;
    if (abi::is_one_way(forward) && forward != Forward::dsr) {  // its id is each node's own
      ipv4(there).id = be16(1);
      Frame first = here;
      ipv4(first).id = be16(1);
      ipv4(first).checksum = ipv4(there).checksum = be16(0);
      EXPECT_EQ(there, first);
    } else {
      EXPECT_EQ(there, here);
    }
    // What would be aimed otherwise here is refused.
    told.local = kWebLocal;
    peer.hold_groups(0);
    peer.learn(told);
    EXPECT_EQ(peer.counters().mirror_refused.get(), 1u);
  }
}

}  // namespace
}  // namespace carpool::test
