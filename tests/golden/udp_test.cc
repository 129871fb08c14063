// Datagrams: how a flow of UDP begins, what each direction looks like, and when it is over.

#include <string>

#include <gtest/gtest.h>

#include "tests/golden/bed.h"

namespace carpool::test {
namespace {

constexpr Endpoint kClient{Ipv4Address::of(198, 51, 100, 7), 40'123};
constexpr Macs kFromRouter{kRouterMac, kPublicMac};

// A question, and who sees it as from whom.
struct Question {
  Question(Bed& bed, const Endpoint& client, std::string_view data = "?")
      : out(bed.send(udp(client, kDns).macs(kFromRouter).data(data))) {
    const auto seen = read_udp(out.frame);
    if (out.verdict != Verdict::to_server || !seen) return;
    local = seen->from;
    server = seen->to;
  }
  [[nodiscard]] UdpFrame answer(std::string_view data = "!") const {
    return udp(server, local).macs({mac_of(server), kPublicMac}).data(data);
  }
  Outcome out;
  Endpoint local, server;
};

TEST(Udp, AQuestionReachesAServerAsIfFromUs) {
  Bed bed({}, content_with_dns());
  const Outcome out = bed.send(udp(kClient, kDns).macs(kFromRouter).ttl(61).data("question"));
  ASSERT_EQ(out.verdict, Verdict::to_server);
  EXPECT_EQ(out.port, kLan);
  const auto seen = read_udp(out.frame);
  ASSERT_TRUE(seen);
  EXPECT_TRUE(seen->checksums_hold && seen->is_summed);
  EXPECT_EQ(seen->macs, (Macs{kPublicMac, mac_of(seen->to)}));
  EXPECT_EQ(seen->from.address, kWebLocal);
  EXPECT_TRUE(seen->to == kDns1 || seen->to == kDns2);
  EXPECT_EQ(seen->ttl, 60);
  EXPECT_EQ(seen->data, "question");
  EXPECT_EQ(bed.state_of(kClient, kDns, kProtocolUdp), TcpState::udp_asked);
}

TEST(Udp, TheAnswerReachesTheClientAsIfFromTheVirtualAddress) {
  Bed bed({}, content_with_dns());
  const Question question(bed, kClient);
  const Outcome out = bed.send(question.answer("answer").ttl(64), kLan);
  ASSERT_EQ(out.verdict, Verdict::to_client);
  EXPECT_EQ(out.port, kWan);
  const auto seen = read_udp(out.frame);
  ASSERT_TRUE(seen);
  EXPECT_TRUE(seen->checksums_hold && seen->is_summed);
  EXPECT_EQ(seen->macs, (Macs{kPublicMac, kRouterMac}));
  EXPECT_EQ(seen->from, kDns);
  EXPECT_EQ(seen->to, kClient);
  EXPECT_EQ(seen->ttl, 63);
  EXPECT_EQ(bed.state_of(kClient, kDns, kProtocolUdp), TcpState::udp_answered);
}

// Sums near 0 and 0xffff: plus zero on the wire would say that nothing has been summed.
TEST(Udp, ChecksumsHoldForEveryValueOfTheSum) {
  Bed bed({}, content_with_dns());
  const Question question(bed, kClient);
  for (unsigned word = 0; word < 0x10000; ++word) {
    const std::string data{static_cast<char>(word >> 8), static_cast<char>(word)};
    const auto in = read_udp(bed.send(udp(kClient, kDns).data(data)).frame);
    const auto out = read_udp(bed.send(question.answer(data), kLan).frame);
    ASSERT_TRUE(in && in->checksums_hold && in->is_summed) << word;
    ASSERT_TRUE(out && out->checksums_hold && out->is_summed) << word;
  }
}

TEST(Udp, WhatWasNotSummedStaysSo) {
  Bed bed({}, content_with_dns());
  const Question question(bed, kClient);
  const auto in = read_udp(bed.send(udp(kClient, kDns).data("?").without_checksum()).frame);
  const auto out = read_udp(bed.send(question.answer().without_checksum(), kLan).frame);
  ASSERT_TRUE(in && out);
  EXPECT_TRUE(in->checksums_hold && out->checksums_hold);
  EXPECT_FALSE(in->is_summed || out->is_summed);
}

TEST(Udp, DamageIsNotHidden) {
  Bed bed({}, content_with_dns());
  Frame damaged = udp(kClient, kDns).data("payload");
  damaged.back() ^= 1;
  const auto seen = read_udp(bed.send(damaged).frame);
  ASSERT_TRUE(seen);
  EXPECT_FALSE(seen->checksums_hold);
}

TEST(Udp, FlowsStayAndAreSpread) {
  Bed bed({}, content_with_dns());
  int first = 0;
  for (std::uint32_t number = 0; number < 100; ++number) {
    const Question one(bed, client(number)), two(bed, client(number));
    EXPECT_EQ(one.server, two.server);
    EXPECT_EQ(one.local, two.local);
    first += one.server == kDns1;
  }
  EXPECT_EQ(first, 50);
}

// TCP and UDP on one address and port are two services, and one client's ports are two clients.
TEST(Udp, IsApartFromTcpOnTheSamePort) {
  ImageContent content = content_with_dns();
  content.service_keys.push_back(
      {.address = kDns.address, .port = be16(kDns.port), .protocol = kProtocolTcp, .service = 0});
  Bed bed({}, content);
  EXPECT_EQ(read_tcp(bed.send(tcp(kClient, kDns).flags(kTcpSyn)).frame)->to.port, kWeb1.port);
  EXPECT_EQ(read_udp(bed.send(udp(kClient, kDns)).frame)->to.port, kDns1.port);
  EXPECT_EQ(bed.pipeline().flows().live(), 2u);
}

// A flow that nobody has answered is what a flood leaves behind: bounded, and the oldest goes.
TEST(Udp, FloodsDoNotTouchWhatHasBeenAnswered) {
  Bed bed({.limits = {.flows = 64, .half_open = 8}}, content_with_dns());
  const Question known(bed, kClient);
  (void)bed.send(known.answer(), kLan);
  for (std::uint32_t number = 0; number < 1000; ++number)
    EXPECT_EQ(Question(bed, client(number)).out.verdict, Verdict::to_server);
  EXPECT_EQ(bed.pipeline().flows().half_open(), 8u);
  EXPECT_EQ(bed.send(known.answer(), kLan).verdict, Verdict::to_client);
}

TEST(Udp, IdleFlowsAreForgotten) {
  Bed bed({}, content_with_dns());
  const Question asked(bed, kClient), answered(bed, client(1));
  (void)bed.send(answered.answer(), kLan);
  bed.advance_ms(kUdpTimeoutMs);
  bed.sweep_all();
  EXPECT_EQ(bed.pipeline().flows().live(), 2u);
  bed.advance_ms(1);
  bed.sweep_all();
  EXPECT_EQ(bed.pipeline().flows().live(), 0u);
  EXPECT_EQ(bed.server(kDns1Index).active.get() + bed.server(kDns2Index).active.get(), 0u);
  EXPECT_EQ(bed.server(kDns1Index).connect_timeouts.get(), 0u);  // silence is no failure here
  // What comes late has no flow, and UDP is not reset.
  EXPECT_EQ(bed.send(asked.answer(), kLan).verdict, Verdict::no_flow);
}

// --- proxy-responses --------------------------------------------------------------------------

TEST(UdpReplies, TheLastAnswerEndsTheFlow) {
  Bed bed({}, content_with_dns(1));
  const Question question(bed, kClient);
  EXPECT_EQ(bed.send(question.answer(), kLan).verdict, Verdict::to_client);
  EXPECT_EQ(bed.state_of(kClient, kDns, kProtocolUdp), TcpState::closed);
  EXPECT_EQ(bed.server(kDns1Index).active.get() + bed.server(kDns2Index).active.get(), 0u);
  EXPECT_EQ(bed.server(kDns1Index).answered.get() + bed.server(kDns2Index).answered.get(), 1u);
  // An answer that the network has doubled still arrives; soon after, the record is free.
  EXPECT_EQ(bed.send(question.answer(), kLan).verdict, Verdict::to_client);
  bed.advance_ms(kUdpAnsweredTimeoutMs + 1);
  bed.sweep_all();
  EXPECT_EQ(bed.pipeline().flows().live(), 0u);
}

// A resolver asks for A and AAAA from one port at once, and both answers have to arrive.
TEST(UdpReplies, AsManyAsQuestions) {
  Bed bed({}, content_with_dns(1));
  const Question first(bed, kClient), second(bed, kClient);
  EXPECT_EQ(first.server, second.server);
  EXPECT_EQ(bed.send(first.answer(), kLan).verdict, Verdict::to_client);
  EXPECT_EQ(bed.state_of(kClient, kDns, kProtocolUdp), TcpState::udp_answered);
  EXPECT_EQ(bed.send(second.answer(), kLan).verdict, Verdict::to_client);
  EXPECT_EQ(bed.state_of(kClient, kDns, kProtocolUdp), TcpState::closed);
}

TEST(UdpReplies, TheNextQuestionIsTheNextServers) {
  Bed bed({}, content_with_dns(1));
  const Question first(bed, kClient);
  (void)bed.send(first.answer(), kLan);
  const Question second(bed, kClient);
  EXPECT_NE(first.server, second.server);
  EXPECT_EQ(bed.pipeline().flows().live(), 1u);
}

// --- verdicts ---------------------------------------------------------------------------------

TEST(UdpVerdicts, OfWhatIsDropped) {
  const auto with_length = [](std::uint16_t length) {
    Frame frame = udp(kClient, kDns).data("1234");
    udp_header(frame).length = be16(length);
    return frame;
  };
  struct Case {
    const char* what;
    Verdict verdict;
    Frame frame;
  };
  Bed bed({}, content_with_dns());
  for (const auto& [what, verdict, frame] : std::vector<Case>{
           {"no room for UDP", Verdict::udp_malformed,
            OtherFrame(kClient.address, kDns.address, kProtocolUdp, "1234567")},
           {"length below the header", Verdict::udp_malformed, with_length(7)},
           {"length beyond the packet", Verdict::udp_malformed, with_length(13)},
           {"no such service, broadcast", Verdict::no_service,
            udp(kClient, {kDns.address, 54}).macs({kRouterMac, MacAddress::broadcast()})},
           {"a server whose flow is unknown", Verdict::no_flow, udp(kDns1, {kWebLocal, 5000})},
           {"someone else's address", Verdict::not_for_us,
            udp(kClient, {Ipv4Address::of(203, 0, 113, 9), 53})},
           {"last hop", Verdict::ipv4_ttl_expired, udp(kClient, kDns).ttl(1)},
       }) {
    const Outcome out = bed.send(frame);
    EXPECT_EQ(out.verdict, verdict) << what;
    EXPECT_TRUE(abi::info(out.verdict).is_drop) << what;
    EXPECT_EQ(out.frame, frame) << what;
  }
  EXPECT_EQ(bed.pipeline().flows().live(), 0u);
}

// As a host would say it: so that a resolver asks the next name server at once (RFC 1122, 4.1.3.1).
TEST(UdpVerdicts, NobodyThereIsSaidByAnError) {
  ImageContent content = content_with_dns();
  content.services[kDnsService].picks.clear();
  Bed bed({}, content);
  for (const Endpoint& to : {kDns, kWeb, Endpoint{kDns.address, 54}}) {
    const Frame question = udp(kClient, to).macs(kFromRouter).data("question");
    const Outcome out = bed.send(question);
    ASSERT_EQ(out.verdict, Verdict::port_unreachable);
    EXPECT_EQ(out.port, kWan);
    const auto seen = read_error(out.frame);
    ASSERT_TRUE(seen && seen->checksums_hold);
    EXPECT_EQ(seen->macs, (Macs{kPublicMac, kRouterMac}));
    EXPECT_EQ(seen->from, to.address);
    EXPECT_EQ(seen->to, kClient.address);
    EXPECT_EQ(seen->type, 3);
    EXPECT_EQ(seen->code, 3);
    EXPECT_EQ(seen->quoted, Frame(question.begin() + 14, question.end()));
  }
}

// --- mirroring --------------------------------------------------------------------------------

TEST(UdpMirror, AnsweredFlowsAreTakenUpByThePeer) {
  Bed bed({}, content_with_dns());
  const Question question(bed, kClient);
  (void)bed.send(question.answer(), kLan);
  abi::MirrorRecord told;
  told.kind = abi::MirrorKind::opened;
  told.protocol = kProtocolUdp;
  told.tcp_state = static_cast<std::uint8_t>(TcpState::udp_answered);
  told.client = kClient.address;
  told.client_port = be16(kClient.port);
  told.virtual_address = kDns.address;
  told.virtual_port = be16(kDns.port);
  told.local = question.local.address;
  told.local_port = be16(question.local.port);
  told.server_address = question.server.address;
  told.server_port = be16(question.server.port);
  told.service = kDnsService;
  told.server = question.server == kDns1 ? kDns1Index : kDns2Index;
  told.client_mac = kRouterMac;

  Bed peer({}, content_with_dns());
  peer.hold_groups(0);
  peer.learn(told);
  EXPECT_EQ(peer.counters().mirror_learned.get(), 1u);
  told.tcp_state = static_cast<std::uint8_t>(TcpState::established);  // no state of UDP
  peer.learn(told);
  EXPECT_EQ(peer.counters().mirror_refused.get(), 1u);
  peer.hold_groups(~0u);
  EXPECT_EQ(peer.send(question.answer(), kLan).verdict, Verdict::to_client);
}

}  // namespace
}  // namespace carpool::test
