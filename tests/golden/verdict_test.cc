// This in, this verdict, this out: what is not simply a packet of a known connection. The verdicts
// of full rings and queues are the worker's, and tested with it.

#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "dataplane/flow/owner.h"
#include "tests/golden/bed.h"

namespace carpool::test {
namespace {

constexpr Endpoint kClient{Ipv4Address::of(198, 51, 100, 7), 40'123};
constexpr Ipv4Address kStranger = Ipv4Address::of(203, 0, 113, 99);
constexpr Macs kFromRouter{kRouterMac, kPublicMac};

Frame cut(Frame frame, std::size_t length) {
  frame.resize(length);
  return frame;
}

Frame changed(Frame frame, const std::function<void(Frame&)>& change) {
  change(frame);
  return frame;
}

TEST(Verdicts, OfWhatIsDropped) {
  const Frame syn = tcp(kClient, kWeb).flags(kTcpSyn);
  const Frame arp = Arp{.sender_mac = kRouterMac,
                        .sender_ip = kStranger,
                        .target_mac = {},
                        .target_ip = kWeb.address};
  const auto with_ip = [&](const std::function<void(Ipv4Header&)>& change) {
    return changed(syn, [&](Frame& frame) { change(ipv4(frame)); });
  };
  const auto with_tcp = [&](const std::function<void(TcpHeader&)>& change) {
    return changed(syn, [&](Frame& frame) { change(tcp_header(frame)); });
  };
  const auto with_type = [&](be16 type) {
    return changed(syn, [&](Frame& frame) { ethernet(frame).type = type; });
  };
  struct Case {
    const char* what;
    Verdict verdict;
    Frame frame;
  };
  const std::vector<Case> cases = {
      {"nothing", Verdict::short_frame, {}},
      {"less than Ethernet", Verdict::short_frame, cut(syn, 13)},
      {"Ethernet alone", Verdict::short_frame, cut(syn, 14)},
      {"half an IPv4 header", Verdict::short_frame, cut(syn, 33)},
      {"half an ARP", Verdict::short_frame, cut(arp, 41)},

      {"IPv6", Verdict::not_for_us, with_type(kEtherTypeIpv6)},
      {"VLAN tag", Verdict::not_for_us, with_type(kEtherTypeVlan)},
      {"someone else's address", Verdict::not_for_us, tcp(kClient, {kStranger, 80}).flags(kTcpSyn)},
      {"echo to someone else", Verdict::not_for_us, echo_request(kClient.address, kStranger)},

      {"IPv4 header cut", Verdict::ipv4_malformed, cut(syn, 34)},
      {"version 6 in IPv4", Verdict::ipv4_malformed,
       with_ip([](auto& ip) { ip.version_ihl = 0x65; })},
      {"header of 16 bytes", Verdict::ipv4_malformed,
       with_ip([](auto& ip) { ip.version_ihl = 0x44; })},
      {"total below header", Verdict::ipv4_malformed,
       with_ip([](auto& ip) { ip.total_length = be16(19); })},
      {"total beyond frame", Verdict::ipv4_malformed,
       with_ip([](auto& ip) { ip.total_length = be16(41); })},

      {"no room for TCP", Verdict::tcp_malformed,
       with_ip([](auto& ip) { ip.total_length = be16(39); })},
      {"TCP header of 16 bytes", Verdict::tcp_malformed,
       with_tcp([](auto& header) { header.data_offset = 0x40; })},
      {"TCP header beyond packet", Verdict::tcp_malformed,
       with_tcp([](auto& header) { header.data_offset = 0x60; })},
      {"SYN and FIN", Verdict::tcp_malformed, tcp(kClient, kWeb).flags(kTcpSyn | kTcpFin)},
      {"SYN and RST", Verdict::tcp_malformed, tcp(kClient, kWeb).flags(kTcpSyn | kTcpRst)},

      {"GRE", Verdict::protocol_unsupported,
       OtherFrame(kClient.address, kWeb.address, 47, "12345678")},
      {"ICMP timestamp", Verdict::protocol_unsupported,
       IcmpFrame(kClient.address, kWeb.address, 13)},
      {"ICMP echo with a code", Verdict::protocol_unsupported,
       echo_request(kClient.address, kWeb.address).code(1)},
      {"ICMP cut", Verdict::protocol_unsupported,
       OtherFrame(kClient.address, kWeb.address, kProtocolIcmp, "\x08")},

      {"reset of nothing", Verdict::no_flow, tcp(kClient, kWeb).flags(kTcpRst)},
      {"reset to no service", Verdict::no_flow,
       tcp(kClient, {kWeb.address, 81}).flags(kTcpRst | kTcpAck)},
      {"reset from a server", Verdict::no_flow, tcp(kWeb1, {kWebLocal, 5000}).flags(kTcpRst)},
  };
  Bed bed;
  for (const auto& [what, verdict, frame] : cases) {
    const auto before = bed.count(verdict);
    const Outcome out = bed.send(frame);
    EXPECT_EQ(out.verdict, verdict) << what;
    EXPECT_TRUE(abi::info(out.verdict).is_drop) << what;
    EXPECT_EQ(out.frame, frame) << what;
    EXPECT_EQ(bed.count(verdict), before + 1) << what;
  }
  EXPECT_EQ(bed.counters().received.get(), cases.size());
  EXPECT_EQ(bed.pipeline().flows().live(), 0u);
}

TEST(Verdicts, DontFragmentIsNoFragment) {
  Bed bed;
  EXPECT_EQ(bed.send(tcp(kClient, kWeb).flags(kTcpSyn).fragment(0x4000)).verdict,
            Verdict::to_server);
}

TEST(Verdicts, WithoutAnImageNothingIsOurs) {
  abi::WorkerCounters counters;
  std::vector<abi::ServerCounters> servers(abi::kMaxServers);
  const flow::FlowLimits limits{.flows = 64, .half_open = 16};
  stage::Pipeline pipeline(
      {.limits = limits, .table_secret = {}, .mtus = stage::PipelineSettings{}.mtus},
      flow::TableMemory(flow::FlowTable::bytes_needed(limits)), counters, servers, {});
  pipeline.hold_groups(~0u, 0);
  for (Frame frame : {Frame(tcp(kClient, kWeb).flags(kTcpSyn)),
                      Frame(echo_request(kClient.address, kWeb.address)),
                      Frame(Arp{.sender_mac = kRouterMac,
                                .sender_ip = kStranger,
                                .target_mac = {},
                                .target_ip = kWeb.address})}) {
    stage::Batch batch;
    frame.resize(std::max<std::size_t>(frame.size(), stage::kMinFrameBuffer));
    batch.count = 1;
    batch.packets[0] = {.data = frame.data(), .length = 54};
    pipeline.process(batch, 1);
    EXPECT_TRUE(abi::info(batch.verdicts[0]).is_drop) << abi::info(batch.verdicts[0]).name;
  }
  pipeline.sweep(64, 2);
}

TEST(Verdicts, AdvertsArePunted) {
  Bed bed;
  const Frame advert =
      OtherFrame(kStranger, Ipv4Address::of(224, 0, 0, 18), kProtocolCarp, std::string(36, 'x'));
  const Outcome out = bed.send(advert);
  EXPECT_EQ(out.verdict, Verdict::punted);
  EXPECT_EQ(out.frame, advert);
}

// UDP to the adverts' address, but to no other port, and to no other address.
TEST(Verdicts, HellosArePunted) {
  Bed bed;
  const auto hello = [](Ipv4Address to, std::uint16_t port) {
    const UdpHeader udp{be16(port), be16(port), be16(16), be16(0)};
    std::string payload(16, 'x');
    std::memcpy(payload.data(), &udp, sizeof udp);
    const Frame frame = OtherFrame(kStranger, to, kProtocolUdp, payload);
    return frame;
  };
  EXPECT_EQ(bed.send(hello(kHelloAddress, 8849)).verdict, Verdict::punted);
  EXPECT_TRUE(abi::info(bed.send(hello(kHelloAddress, 8848)).verdict).is_drop);
  EXPECT_TRUE(abi::info(bed.send(hello(kStranger, 8849)).verdict).is_drop);
}

// --- Resets -----------------------------------------------------------------------------------

// RFC 9293, 3.10.7.1: with an ACK the answer takes its sequence number; without one it acknowledges
// all that came.
TEST(Reset, AnswersASynToAPortWithoutService) {
  Bed bed;
  const Outcome out = bed.send(tcp(kClient, {kWeb.address, 81})
                                   .macs(kFromRouter)
                                   .flags(kTcpSyn)
                                   .sequence(100)
                                   .ip_options(8));
  ASSERT_EQ(out.verdict, Verdict::reset_no_service);
  EXPECT_EQ(out.port, kWan);
  const auto seen = read_tcp(out.frame);
  ASSERT_TRUE(seen);
  EXPECT_TRUE(seen->checksums_hold);
  EXPECT_EQ(seen->macs, (Macs{kPublicMac, kRouterMac}));
  EXPECT_EQ(seen->from, (Endpoint{kWeb.address, 81}));
  EXPECT_EQ(seen->to, kClient);
  EXPECT_EQ(seen->flags, unsigned{kTcpRst | kTcpAck});
  EXPECT_EQ(seen->sequence, 0u);
  EXPECT_EQ(seen->acknowledgement, 101u);
  EXPECT_EQ(seen->ttl, 64);
  EXPECT_EQ(seen->ip_header_bytes, 20u);
  EXPECT_EQ(seen->data, "");
  EXPECT_EQ(out.frame.size(), 54u);
}

TEST(Reset, TakesItsSequenceFromTheAcknowledgement) {
  Bed bed;
  const Outcome out = bed.send(
      tcp(kClient, kWeb).flags(kTcpAck).sequence(7).acknowledgement(0xfffffff0).data("late"));
  ASSERT_EQ(out.verdict, Verdict::reset_no_flow);
  const auto seen = read_tcp(out.frame);
  EXPECT_TRUE(seen->checksums_hold);
  EXPECT_EQ(seen->flags, unsigned{kTcpRst});
  EXPECT_EQ(seen->sequence, 0xfffffff0u);
  EXPECT_EQ(seen->acknowledgement, 0u);
}

TEST(Reset, AcknowledgesDataAndFin) {
  Bed bed;
  const auto acknowledged = [&](unsigned flags, std::string_view data) {
    const Frame frame =
        tcp(kClient, kWeb).flags(flags).sequence(1000).data(data).options(8).padding(2);
    const auto seen = read_tcp(bed.send(frame).frame);
    EXPECT_TRUE(seen && seen->checksums_hold);
    return seen ? seen->acknowledgement : 0;
  };
  EXPECT_EQ(acknowledged(kTcpFin, ""), 1001u);
  EXPECT_EQ(acknowledged(kTcpPsh, "12345"), 1005u);
  EXPECT_EQ(acknowledged(kTcpFin, "12345"), 1006u);
}

TEST(Reset, AnswersServersWhoseConnectionIsNotKnown) {
  Bed bed;
  const Outcome out = bed.send(
      tcp(kWeb1, {kWebLocal, 5000}).macs({kWeb1Mac, kPublicMac}).flags(kTcpAck).data("x"), kLan);
  ASSERT_EQ(out.verdict, Verdict::reset_no_flow);
  EXPECT_EQ(out.port, kLan);
  const auto seen = read_tcp(out.frame);
  EXPECT_TRUE(seen->checksums_hold);
  EXPECT_EQ(seen->macs, (Macs{kPublicMac, kWeb1Mac}));
  EXPECT_EQ(seen->to, kWeb1);
}

TEST(Reset, AnswersWhereNoServerIsUsable) {
  ImageContent content = usual_content();
  content.services[0].picks.clear();
  Bed bed({}, content);
  const Outcome out = bed.send(tcp(kClient, kWeb).flags(kTcpSyn).sequence(5));
  ASSERT_EQ(out.verdict, Verdict::reset_no_server);
  EXPECT_EQ(read_tcp(out.frame)->acknowledgement, 6u);
  EXPECT_EQ(bed.pipeline().flows().live(), 0u);
}

TEST(Reset, AnswersWhereEveryServerIsAtItsLimit) {
  ImageContent content = usual_content();
  content.servers[kDb1Index].max_connections = 2;
  Bed bed({}, content);
  Connection first = Connection::established(bed, client(1), kMysql);
  Connection second(bed, client(2), kMysql);
  EXPECT_EQ(Connection(bed, client(3), kMysql).opened().verdict, Verdict::reset_no_server);
  (void)first.from_client(kTcpRst);
  EXPECT_EQ(Connection(bed, client(3), kMysql).opened().verdict, Verdict::to_server);
}

// --- ARP ----------------------------------------------------------------------------------------

Arp who_has(Ipv4Address target, Ipv4Address sender = kStranger) {
  return {.sender_mac = kRouterMac, .sender_ip = sender, .target_mac = {}, .target_ip = target};
}

TEST(ArpAnswer, GivesTheGroupsMac) {
  struct Case {
    Ipv4Address address;
    std::uint8_t port;
    MacAddress mac;
  };
  Bed bed;
  for (const auto& [address, port, mac] :
       {Case{kWeb.address, kWan, kPublicMac}, Case{kMysql.address, kWan, kPrivateMac},
        Case{kWebLocal, kLan, kPublicMac}, Case{kMysqlLocal, kLan, kPrivateMac}}) {
    const Outcome out = bed.send(who_has(address), port);
    ASSERT_EQ(out.verdict, Verdict::arp_reply);
    EXPECT_EQ(out.port, port);
    const auto seen = read_arp(out.frame);
    ASSERT_TRUE(seen);
    EXPECT_EQ(seen->operation, kArpReply);
    EXPECT_EQ(seen->sender_mac, mac);
    EXPECT_EQ(seen->sender_ip, address);
    EXPECT_EQ(seen->target_mac, kRouterMac);
    EXPECT_EQ(seen->target_ip, kStranger);
    EXPECT_EQ(seen->frame_to, kRouterMac);
  }
}

// RFC 5227, 2.1.1: somebody asks whether he may have the address.
TEST(ArpAnswer, DefendsAgainstAProbe) {
  Bed bed;
  const Outcome out = bed.send(who_has(kWeb.address, Ipv4Address{}));
  EXPECT_EQ(out.verdict, Verdict::arp_reply);
  EXPECT_FALSE(bed.pipeline().take_event());
}

TEST(ArpAnswer, IsNotGivenWhereItIsNotDue) {
  Bed bed;
  const auto changed_arp = [](const std::function<void(ArpHeader&)>& change) {
    return changed(who_has(kWeb.address), [&](Frame& frame) {
      change(*reinterpret_cast<ArpHeader*>(frame.data() + sizeof(EthernetHeader)));
    });
  };
  struct Case {
    const char* what;
    Frame frame;
    std::uint8_t port = kWan;
  };
  Arp reply = who_has(kWeb.address);
  reply.operation = kArpReply;
  for (const auto& [what, frame, port] : std::vector<Case>{
           {"someone else's address", who_has(kStranger)},
           {"ours, but on the other port", who_has(kWeb.address), kLan},
           {"a reply", reply},
           {"gratuitous, of a stranger", who_has(kStranger, kStranger)},
           {"not Ethernet", changed_arp([](auto& arp) { arp.hardware_type = be16(6); })},
           {"not IPv4", changed_arp([](auto& arp) { arp.protocol_type = kEtherTypeIpv6; })},
           {"long hardware addresses", changed_arp([](auto& arp) { arp.hardware_length = 8; })},
           {"long addresses", changed_arp([](auto& arp) { arp.protocol_length = 16; })},
       }) {
    const Outcome out = bed.send(frame, port);
    EXPECT_EQ(out.verdict, Verdict::arp_ignored) << what;
    EXPECT_EQ(out.frame, frame) << what;
    EXPECT_FALSE(bed.pipeline().take_event()) << what;
  }
}

TEST(ArpConflict, IsReportedOnce) {
  Bed bed;
  for (const Arp& claim : {who_has(kWeb.address, kWeb.address),  // gratuitous
                           who_has(kStranger, kWeb.address)}) {
    EXPECT_EQ(bed.send(claim).verdict, Verdict::arp_ignored);
    const auto event = bed.pipeline().take_event();
    ASSERT_TRUE(event);
    EXPECT_EQ(event->kind, abi::EventKind::address_conflict);
    EXPECT_EQ(event->address, kWeb.address);
    EXPECT_EQ(event->mac, kRouterMac);
    EXPECT_EQ(event->port, kWan);
    EXPECT_FALSE(bed.pipeline().take_event());
  }
}

TEST(ArpConflict, OwnAnnouncementIsNone) {
  Bed bed;
  Arp own = who_has(kWeb.address, kWeb.address);
  own.sender_mac = kPublicMac;
  EXPECT_EQ(bed.send(own).verdict, Verdict::arp_ignored);
  EXPECT_FALSE(bed.pipeline().take_event());
}

TEST(ArpConflict, IsNoneWhileAnotherNodeHoldsTheGroup) {
  Bed bed;
  bed.hold_groups(0);
  EXPECT_TRUE(abi::info(bed.send(who_has(kWeb.address, kWeb.address)).verdict).is_drop);
  EXPECT_FALSE(bed.pipeline().take_event());
}

// --- Echo
// -----------------------------------------------------------------------------------------

TEST(Echo, IsAnswered) {
  Bed bed;
  for (const std::string& data : {std::string(), std::string("odd"), std::string(56, 'p')}) {
    const Outcome out = bed.send(echo_request(kClient.address, kWeb.address)
                                     .macs(kFromRouter)
                                     .ttl(1)
                                     .ip_options(data.size() == 3 ? 8 : 0)
                                     .data(data));
    ASSERT_EQ(out.verdict, Verdict::echo_reply);
    EXPECT_EQ(out.port, kWan);
    const auto seen = read_echo(out.frame);
    ASSERT_TRUE(seen);
    EXPECT_TRUE(seen->checksums_hold);
    EXPECT_EQ(seen->type, kIcmpEchoReply);
    EXPECT_EQ(seen->macs, (Macs{kPublicMac, kRouterMac}));
    EXPECT_EQ(seen->from, kWeb.address);
    EXPECT_EQ(seen->to, kClient.address);
    EXPECT_EQ(seen->ttl, 64);
    EXPECT_EQ(seen->data, data);
  }
}

// The checksum of the reply must not be computed into its other zero, whatever the request's was.
TEST(Echo, ChecksumHoldsForEveryValueOfTheSum) {
  Bed bed;
  for (unsigned word = 0; word < 0x10000; ++word) {
    const std::string data{static_cast<char>(word >> 8), static_cast<char>(word)};
    const auto seen =
        read_echo(bed.send(echo_request(kClient.address, kWeb.address).data(data)).frame);
    ASSERT_TRUE(seen && seen->checksums_hold) << word;
  }
}

// --- Groups
// -----------------------------------------------------------------------------------------

TEST(Groups, NothingOfAGroupThatWeDoNotHoldIsTouched) {
  Bed bed;
  Connection web = Connection::established(bed, kClient, kWeb);
  Connection mysql = Connection::established(bed, kClient, kMysql);
  bed.hold_groups(1 << 1);
  bed.advance_ms(stage::kLingerMs);

  EXPECT_EQ(web.from_client(kTcpAck).verdict, Verdict::group_not_active);
  EXPECT_EQ(web.from_server(kTcpAck).verdict, Verdict::group_not_active);
  EXPECT_EQ(bed.send(tcp(client(9), kWeb).flags(kTcpSyn)).verdict, Verdict::group_not_active);
  EXPECT_EQ(bed.send(tcp(client(9), {kWeb.address, 81})).verdict, Verdict::group_not_active);
  EXPECT_EQ(bed.send(echo_request(kStranger, kWeb.address)).verdict, Verdict::group_not_active);
  EXPECT_EQ(bed.send(who_has(kWeb.address)).verdict, Verdict::group_not_active);
  EXPECT_EQ(bed.send(who_has(kWebLocal), kLan).verdict, Verdict::group_not_active);

  EXPECT_EQ(mysql.from_client(kTcpAck).verdict, Verdict::to_server);
  EXPECT_EQ(bed.send(who_has(kMysqlLocal), kLan).verdict, Verdict::arp_reply);

  bed.hold_groups(~0u);  // it comes back, and so do its connections
  EXPECT_EQ(web.from_client(kTcpAck).verdict, Verdict::to_server);
  EXPECT_EQ(web.from_server(kTcpAck).verdict, Verdict::to_client);
}

// --- Several workers
// --------------------------------------------------------------------------------

TEST(Owners, PacketsOfAnotherWorkersFlowsAreHandedOverUntouched) {
  constexpr std::uint32_t kWorkers = 3;
  const ImageContent content = usual_content();
  const flow::HashSecret secret{{content.secret[0], content.secret[1]}};
  Bed bed({.worker = 1, .workers = kWorkers});
  int ours = 0, theirs = 0;
  for (std::uint32_t number = 0; number < 200; ++number) {
    const Endpoint from = client(number);
    const Frame syn = tcp(from, kWeb).flags(kTcpSyn);
    const auto owner =
        abi::owner_of_slot(flow::slot_of_client(from.address, be16(from.port), secret), kWorkers);
    const Outcome out = bed.send(syn);
    if (owner != 1) {
      ++theirs;
      EXPECT_EQ(out.verdict, Verdict::handed_over);
      EXPECT_EQ(out.owner, owner);
      EXPECT_EQ(out.frame, syn);
      continue;
    }
    ++ours;
    ASSERT_EQ(out.verdict, Verdict::to_server);
    // The source port leads back to the same worker.
    const be16 local_port{read_tcp(out.frame)->from.port};
    EXPECT_EQ(abi::owner_of_slot(flow::slot_of_local_port(local_port), kWorkers), 1u);
  }
  EXPECT_GT(ours, 30);
  EXPECT_GT(theirs, 80);
}

TEST(Owners, ServersAnswersAreHandedOverByTheirLocalPort) {
  Bed bed({.worker = 0, .workers = 2});
  for (std::uint16_t port = 2000; port < 2128; ++port) {
    const Outcome out = bed.send(tcp(kWeb1, {kWebLocal, port}).flags(kTcpAck), kLan);
    const auto owner = abi::owner_of_slot(flow::slot_of_local_port(be16(port)), 2);
    EXPECT_EQ(out.verdict, owner == 0 ? Verdict::reset_no_flow : Verdict::handed_over) << port;
    if (owner != 0) {
      EXPECT_EQ(out.owner, owner);
    }
  }
}

}  // namespace
}  // namespace carpool::test
