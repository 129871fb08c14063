// Two sessions that hear each other, or not, on a clock of their own: who is alive, who is gone,
// and what an attacker with recordings can do (nothing).
#include "controlplane/peer/hello_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace carpool::hello {
namespace {

using namespace std::chrono_literals;
using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;

constexpr std::size_t kPeer = 0, kWan = 1;
constexpr Ipv4Address kAddressA = Ipv4Address::of(192, 0, 2, 1);
constexpr Ipv4Address kAddressB = Ipv4Address::of(192, 0, 2, 2);

SessionSettings settings(std::chrono::milliseconds interval = 10ms, unsigned count = 5) {
  return {
      .links = {{"peer", LinkId::peer, interval, count}, {"wan", link_id("wan"), interval, count}},
      .groups = {{"public", group_id("public"), kWan, interval, count}}};
}

// One node: what it says goes to the other one as long as the link works in that direction.
struct Node {
  explicit Node(std::uint64_t life, Ipv4Address source, SessionSettings with = settings())
      : session(Life(life), Challenge(life * 1000)), address(source) {
    session.configure(std::move(with));
    session.set_claims({group_id("public")});
  }
  Session session;
  Ipv4Address address;
  bool speaks = true;
  bool looks = true;
  bool workers_run = true;
  std::array<bool, 2> cut{};  // what it says on this link does not arrive
  std::vector<Event> events;
};

struct Pair : testing::Test {
  Pair() : a(1, kAddressA), b(2, kAddressB) {}

  void say(Node& from, Node& to) {
    for (const std::size_t link : {kPeer, kWan}) {
      if (!from.speaks) continue;
      const Message message = from.session.next(link);
      recorded.push_back({link, message});
      if (!from.cut[link]) to.session.hear(link, message, from.address);
    }
  }
  // In steps of half an interval: hellos at every second one.
  void pass(Duration time) {
    for (Duration step{}; step < time; step += 5ms) {
      now += 5ms;
      if (beat = !beat; beat) {
        say(a, b);
        say(b, a);
      }
      for (Node* node : {&a, &b}) {
        if (node->looks) node->session.look(now, node->workers_run, node->events);
      }
    }
  }
  void meet() {
    pass(50ms);
    a.events.clear();
    b.events.clear();
  }

  Instant now{100s};
  bool beat = false;
  Node a, b;
  std::vector<std::pair<std::size_t, Message>> recorded;
};

const PeerGone kSilent{"public", kAddressA, GoneCause::silent};
const PeerGone kReleased{"public", kAddressA, GoneCause::released};

TEST_F(Pair, FindEachOther) {
  pass(50ms);
  EXPECT_THAT(a.events, ElementsAre(Event(PeerFound{})));
  EXPECT_THAT(b.events, ElementsAre(Event(PeerFound{})));
  for (const LinkReport& link : b.session.links()) {
    EXPECT_EQ(link.state, LinkState::up);
    EXPECT_GE(link.heard, 2u);
  }
}

TEST_F(Pair, SilenceOnBothLinksMeansGoneAfterTheCount) {
  meet();
  a.speaks = false;
  pass(40ms);
  EXPECT_THAT(b.events, IsEmpty());
  pass(20ms);
  EXPECT_THAT(b.events,
              ElementsAre(Event(LinkLost{"peer"}), Event(LinkLost{"wan"}), Event(kSilent)));
  pass(1s);
  EXPECT_EQ(b.events.size(), 3u) << "and is said once";
}

TEST_F(Pair, OneSilentLinkIsToldAndNothingElse) {
  meet();
  a.cut[kWan] = true;
  pass(10s);
  EXPECT_THAT(b.events, ElementsAre(Event(LinkLost{"wan"})));
  a.cut[kWan] = false;
  pass(20ms);
  EXPECT_THAT(b.events, ElementsAre(Event(LinkLost{"wan"}), Event(LinkBack{"wan"})));
  a.cut[kPeer] = true;
  pass(10s);
  EXPECT_THAT(b.events, Not(Contains(Event(kSilent))));
  a.cut[kWan] = true;
  pass(60ms);
  EXPECT_THAT(b.events, Contains(Event(kSilent))) << "the second one ends it";
}

TEST_F(Pair, APeerThatTakesNoPartAnyMoreIsGoneWithItsDataLink) {
  meet();
  a.cut[kWan] = true;
  a.session.set_claims({});
  pass(40ms);
  EXPECT_THAT(b.events, IsEmpty()) << "its word alone is not enough";
  pass(20ms);
  EXPECT_THAT(b.events, ElementsAre(Event(LinkLost{"wan"}), Event(kReleased)));
}

TEST_F(Pair, AGoneCauseThatComesLaterIsToldToo) {
  meet();
  a.cut[kWan] = true;
  pass(1s);
  a.session.set_claims({});
  pass(20ms);
  EXPECT_THAT(b.events, ElementsAre(Event(LinkLost{"wan"}), Event(kReleased)));
}

TEST_F(Pair, AGoodbyeEndsWithoutATakeover) {
  meet();
  b.session.hear(kPeer, a.session.goodbye(), kAddressA);
  const auto late = a.session.next(kWan);  // prepared, and sent by the data plane later
  a.speaks = false;
  pass(1s);
  EXPECT_EQ(b.session.hear(kWan, late, kAddressA), Drop::ended);
  pass(1s);
  EXPECT_THAT(b.events, ElementsAre(Event(PeerEnded{})));
  EXPECT_TRUE(b.session.peer_ended());
}

TEST_F(Pair, AStarvedNodeDoesNotTakeItsOwnAbsenceForSilence) {
  meet();
  for (int round = 0; round < 20; ++round) {
    b.looks = false;
    a.speaks = false;  // nothing reaches a node that does not run
    pass(200ms);
    b.looks = a.speaks = true;
    pass(30ms);
  }
  EXPECT_THAT(b.events, IsEmpty());
}

TEST_F(Pair, AStarvedWorkerIsNoSilenceOnTheDataLink) {
  meet();
  a.cut[kPeer] = true;
  pass(100ms);
  b.events.clear();
  b.workers_run = false;
  a.cut[kWan] = true;
  pass(500ms);
  EXPECT_THAT(b.events, IsEmpty());
  b.workers_run = true;
  pass(35ms);
  EXPECT_THAT(b.events, IsEmpty()) << "whatever it missed counts as one hello";
  pass(30ms);
  EXPECT_THAT(b.events, ElementsAre(Event(LinkLost{"wan"}), Event(kSilent)));
}

TEST_F(Pair, NeitherLinkEverHeardMeansNothing) {
  a.cut = {true, true};
  pass(1s);
  EXPECT_THAT(b.events, IsEmpty()) << "the peer may be no carpool";
}

TEST_F(Pair, APeerLinkThatNeverWorkedProvesNothing) {
  a.cut[kPeer] = true;
  b.cut[kPeer] = true;
  pass(100ms);
  b.events.clear();
  a.speaks = false;
  pass(1s);
  EXPECT_THAT(b.events, ElementsAre(Event(LinkLost{"wan"})));
}

TEST_F(Pair, ARestartedPeerIsFoundAnewWhileItsOldHellosStillCome) {
  meet();
  Session before = a.session;  // its data plane goes on sending what was prepared
  a.session = Session(Life(77), Challenge(77'000));
  a.session.configure(settings());
  a.cut[kWan] = true;
  for (int step = 0; step < 50; ++step) {
    b.session.hear(kWan, before.next(kWan), kAddressA);
    pass(10ms);
  }
  EXPECT_THAT(b.events, ElementsAre(Event(PeerFound{})));
  a.cut[kWan] = false;
  pass(50ms);
  for (const LinkReport& link : b.session.links())
    EXPECT_EQ(link.state, LinkState::up);
  EXPECT_THAT(b.events, ElementsAre(Event(PeerFound{})));
}

TEST_F(Pair, RecordingsDoNotKeepADeadPeerAlive) {
  meet();
  pass(200ms);
  a.speaks = b.speaks = false;
  const auto tape = recorded;
  for (std::size_t at = 0; at < tape.size(); ++at) {
    const auto drop = b.session.hear(tape[at].first, tape[at].second, kAddressA);
    EXPECT_TRUE(drop == Drop::replayed || drop == Drop::reflected) << at;
    if (at % 4 == 0) pass(5ms);
  }
  EXPECT_THAT(b.events, Contains(Event(kSilent)));
}

TEST_F(Pair, RecordingsOfAnEarlierLifeNeitherReviveItNorDisturbThePresentOne) {
  meet();
  const auto tape = recorded;
  a.session = Session(Life(77), Challenge(77'000));
  a.session.configure(settings());
  meet();
  for (const auto& [link, message] : tape) {
    if (message.life != Life(1)) continue;
    EXPECT_EQ(b.session.hear(link, message, kAddressA), Drop::unproven);
    pass(10ms);
  }
  EXPECT_THAT(b.events, IsEmpty());
  EXPECT_THAT(a.events, IsEmpty()) << "they hear that they are heard all the while";
}

TEST_F(Pair, RecordingsDoNotServeANewStart) {
  meet();
  pass(100ms);
  b.session = Session(Life(88), Challenge(88'000));
  b.session.configure(settings());
  for (const auto& [link, message] : recorded)
    EXPECT_EQ(b.session.hear(link, message, kAddressA), Drop::unproven);
  EXPECT_FALSE(b.session.has_peer());
}

TEST_F(Pair, AHelloCountsOnItsOwnLinkOnly) {
  meet();
  EXPECT_EQ(b.session.hear(kWan, a.session.next(kPeer), kAddressA), Drop::wrong_link);
  EXPECT_EQ(b.session.hear(7, a.session.next(kPeer), kAddressA), Drop::wrong_link);
}

TEST_F(Pair, ASlowerPeerIsGivenItsOwnTime) {
  a.session.configure(settings(100ms));
  meet();
  for (int second = 0; second < 20; ++second) {
    say(a, b);
    a.speaks = false;
    pass(100ms);
    a.speaks = true;
  }
  EXPECT_THAT(b.events, IsEmpty());
}

TEST_F(Pair, AReloadKeepsWhatIsKnown) {
  meet();
  SessionSettings more = settings();
  more.links.push_back({"lan", link_id("lan")});
  more.groups.insert(more.groups.begin(), {"inside", group_id("inside"), 2});
  b.session.configure(more);
  pass(50ms);
  EXPECT_THAT(b.events, IsEmpty());
  a.speaks = false;
  pass(60ms);
  EXPECT_THAT(b.events,
              ElementsAre(Event(LinkLost{"peer"}), Event(LinkLost{"wan"}), Event(kSilent)));
}

}  // namespace
}  // namespace carpool::hello
