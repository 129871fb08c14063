// Rules for new connections: who is let in, who hears of it, and which servers they get.

#include <vector>

#include <gtest/gtest.h>

#include "tests/golden/bed.h"

namespace carpool::test {
namespace {

using abi::RuleAction;
using abi::RuleField;

constexpr Endpoint kFriend{Ipv4Address::of(198, 51, 100, 7), 40'000};
constexpr Endpoint kStranger{Ipv4Address::of(203, 0, 113, 7), 40'000};

abi::ImageRange only(Ipv4Address address) {
  return {address.value.host(), address.value.host()};
}

abi::ImageTerm term(RuleField field, std::uint32_t list, bool negated = false, bool or_ = false) {
  abi::ImageTerm term;
  term.field = field;
  term.list = list;
  term.negated = negated ? 1 : 0;
  term.begins_alternative = or_ ? 1 : 0;
  return term;
}

// One rule of kWeb's service with these terms. List 0: kFriend. List 1: port 80. List 2: nothing.
ImageContent with_rule(RuleAction action, std::vector<abi::ImageTerm> terms, bool unless = false) {
  ImageContent content = usual_content();
  content.lists = {{only(kFriend.address)}, {{80, 80}}, {}};
  abi::ImageRule rule;
  rule.action = action;
  rule.unless = unless ? 1 : 0;
  rule.terms = static_cast<std::uint32_t>(terms.size());
  content.terms = std::move(terms);
  content.rules = {rule};
  content.services[0].fields.connection_rules = 1;
  return content;
}

Outcome syn(Bed& bed, const Endpoint& from) {
  return bed.send(tcp(from, kWeb).macs({kRouterMac, kPublicMac}).flags(kTcpSyn).sequence(41));
}

TEST(Rules, ARejectedConnectionIsReset) {
  Bed bed({}, with_rule(RuleAction::reject, {term(RuleField::source, 0)}));
  const Outcome out = syn(bed, kFriend);
  ASSERT_EQ(out.verdict, Verdict::refused_by_rule);
  EXPECT_EQ(out.port, kWan);
  const auto seen = read_tcp(out.frame);
  EXPECT_TRUE(seen->checksums_hold);
  EXPECT_EQ(seen->flags, kTcpRst | kTcpAck);
  EXPECT_EQ(seen->acknowledgement, 42u);
  EXPECT_EQ(seen->to, kFriend);
  EXPECT_EQ(bed.pipeline().flows().live(), 0u);
  EXPECT_EQ(syn(bed, kStranger).verdict, Verdict::to_server);
}

TEST(Rules, ADroppedConnectionHearsNothing) {
  Bed bed({}, with_rule(RuleAction::drop, {term(RuleField::source, 0)}));
  EXPECT_EQ(syn(bed, kFriend).verdict, Verdict::dropped_by_rule);
  EXPECT_EQ(syn(bed, kStranger).verdict, Verdict::to_server);
}

TEST(Rules, LookAtNewConnectionsOnly) {
  Bed bed;
  Connection connection = Connection::established(bed, kFriend, kWeb);
  bed.install(with_rule(RuleAction::reject, {}));
  EXPECT_EQ(connection.from_client(kTcpAck, "x").verdict, Verdict::to_server);
  EXPECT_EQ(connection.from_server(kTcpAck, "y").verdict, Verdict::to_client);
  EXPECT_EQ(syn(bed, kStranger).verdict, Verdict::refused_by_rule);
}

TEST(Rules, OtherServicesAreNotTouched) {
  Bed bed({}, with_rule(RuleAction::reject, {}));
  EXPECT_EQ(Connection(bed, kFriend, kMysql).opened().verdict, Verdict::to_server);
}

// Terms of one alternative all have to hold.
TEST(Rules, TermsAndAlternatives) {
  using enum RuleField;
  const struct {
    std::vector<abi::ImageTerm> terms;
    bool unless;
    bool friend_in;
    bool stranger_in;
  } cases[] = {
      {{}, false, false, false},
      {{}, true, true, true},
      {{term(source, 0)}, false, false, true},
      {{term(source, 0)}, true, true, false},
      {{term(source, 0, true)}, false, true, false},
      {{term(source, 0), term(destination_port, 1)}, false, false, true},
      {{term(source, 0), term(destination_port, 1, true)}, false, true, true},
      {{term(source, 2), term(source, 0, false, true)}, false, false, true},
      {{term(source, 0), term(source, 2, false, true)}, false, false, true},
      {{term(source, 2), term(destination, 2, false, true)}, false, true, true},
      {{term(source, 2), term(destination_port, 1), term(source, 0, true, true)},
       false,
       true,
       false},
  };
  for (std::size_t at = 0; at < std::size(cases); ++at) {
    const auto& [terms, unless, friend_in, stranger_in] = cases[at];
    Bed bed({}, with_rule(RuleAction::reject, terms, unless));
    EXPECT_EQ(syn(bed, kFriend).verdict == Verdict::to_server, friend_in) << at;
    EXPECT_EQ(syn(bed, kStranger).verdict == Verdict::to_server, stranger_in) << at;
  }
}

// accept if friend; reject
TEST(Rules, TheFirstThatHoldsDecides) {
  ImageContent content = with_rule(RuleAction::accept, {term(RuleField::source, 0)});
  abi::ImageRule reject;
  reject.action = RuleAction::reject;
  content.rules.push_back(reject);
  content.services[0].fields.connection_rules = 2;
  Bed bed({}, content);
  EXPECT_EQ(syn(bed, kFriend).verdict, Verdict::to_server);
  EXPECT_EQ(syn(bed, kStranger).verdict, Verdict::refused_by_rule);
}

// Friends get the servers of service 2, which has no address of its own.
ImageContent with_other_service() {
  ImageContent content = with_rule(RuleAction::use_service, {term(RuleField::source, 0)});
  content.services.push_back(content.services[0]);
  content.services[2].fields.name = Name("web>other");
  content.services[2].fields.connection_rules = 0;
  content.services[2].fields.parent = 0;
  content.services[0].fields.connection_rules = 0;
  content.services[0].fields.service_rules = 1;
  content.services[0].picks = {kWeb1Index};
  content.rules[0].service = 2;
  abi::ImageServer other = content.servers[kWeb2Index];
  other.service = 2;
  content.servers.push_back(other);
  content.services[2].picks = {3};
  return content;
}

TEST(Rules, ChooseAnotherService) {
  Bed bed({}, with_other_service());
  EXPECT_EQ(Connection(bed, kFriend, kWeb).server(), kWeb2);
  EXPECT_EQ(Connection(bed, kStranger, kWeb).server(), kWeb1);
  EXPECT_EQ(bed.server(3).active.get(), 1u);
  EXPECT_EQ(bed.server(kWeb1Index).active.get(), 1u);
}

// What the peer tells of such a connection is taken up.
TEST(Rules, TheirConnectionsAreMirrored) {
  Bed bed({}, with_other_service());
  bed.hold_groups(0);
  Bed master({}, with_other_service());
  Connection connection = Connection::established(master, kFriend, kWeb);
  abi::MirrorRecord told;
  told.kind = abi::MirrorKind::opened;
  told.protocol = kProtocolTcp;
  told.tcp_state = static_cast<std::uint8_t>(TcpState::established);
  told.client = kFriend.address;
  told.client_port = be16(kFriend.port);
  told.virtual_address = kWeb.address;
  told.virtual_port = be16(kWeb.port);
  told.local = connection.local().address;
  told.local_port = be16(connection.local().port);
  told.server_address = kWeb2.address;
  told.server_port = be16(kWeb2.port);
  told.service = 2;
  told.server = 3;
  bed.learn(told);
  EXPECT_EQ(bed.counters().mirror_learned.get(), 1u);
  EXPECT_EQ(bed.state_of(kFriend, kWeb), TcpState::established);
  told.service = 1;
  bed.learn(told);
  EXPECT_EQ(bed.counters().mirror_refused.get(), 1u);
}

}  // namespace
}  // namespace carpool::test
