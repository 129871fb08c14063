#include "controlplane/mirror/channel.h"

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/unit/mirror/hex.h"

namespace carpool::mirror {
namespace {

using Bytes = std::vector<std::uint8_t>;

PreSharedKey key(std::uint16_t id, std::uint8_t fill) {
  PreSharedKey made{id, {}};
  made.secret.fill(fill);
  return made;
}

Epoch epoch(std::uint8_t fill) {
  Epoch made;
  made.fill(fill);
  return made;
}

// Seals a text; for nobody in particular if `receiver` is none.
Bytes seal(Channel& channel, const std::optional<Epoch>& receiver, std::string_view text) {
  std::array<std::uint8_t, kMaxDatagramBytes> datagram{};
  std::ranges::copy(text, datagram.begin() + kHeaderBytes);
  const std::size_t length = channel.seal(receiver, text.size(), datagram);
  return {datagram.begin(), datagram.begin() + static_cast<std::ptrdiff_t>(length)};
}

// "text", or "(reason)".
std::string open(Channel& channel, Bytes datagram) {
  const auto opened = channel.open(datagram);
  if (!opened) return "(" + std::string(name(opened.error())) + ")";
  return {opened->payload.begin(), opened->payload.end()};
}

struct Pair : testing::Test {
  Channel a{{key(1, 7)}, epoch(0xa)};
  Channel b{{key(1, 7)}, epoch(0xb)};

  // b knows a, without a knowing b.
  void introduce(Channel& from, Channel& to) {
    Bytes datagram = seal(from, to.own(), "first");
    const auto opened = to.open(datagram);
    ASSERT_TRUE(opened);
    to.adopt(*opened);
  }
};

TEST_F(Pair, AnOpeningTellsWhoIsThere) {
  Bytes datagram = seal(a, std::nullopt, "");
  const auto opened = b.open(datagram);
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->type, DatagramType::opening);
  EXPECT_EQ(opened->sender, a.own());
  EXPECT_FALSE(b.peer()) << "and changes nothing";
}

// What is on the wire is a contract: key schedule, nonce and layout must not change unnoticed.
TEST_F(Pair, GoldenDatagram) {
  EXPECT_EQ(test::to_hex(seal(a, b.own(), "hello")),
            "43504d52"
            "02"
            "02"
            "0001"
            "0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a"
            "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b"
            "0000000000000001"
            "42bc8b83ec"
            "54aba001345c15debaf6088d4d2497ef");
}

TEST_F(Pair, SpeaksBothWays) {
  EXPECT_EQ(open(b, seal(a, b.own(), "hello")), "hello");
  EXPECT_EQ(open(a, seal(b, a.own(), "hello yourself")), "hello yourself");
  introduce(a, b);
  introduce(b, a);
  for (int at = 0; at < 3; ++at) {
    EXPECT_EQ(open(b, seal(a, b.own(), "more")), "more");
    EXPECT_EQ(open(a, seal(b, a.own(), "likewise")), "likewise");
  }
}

TEST_F(Pair, EveryTamperedByteIsNoticed) {
  introduce(a, b);
  const Bytes good = seal(a, b.own(), "records");
  for (std::size_t at = 0; at < good.size(); ++at) {
    Bytes bad = good;
    bad[at] ^= 0x40;
    EXPECT_EQ(open(b, bad).front(), '(') << "byte " << at;
  }
  for (std::size_t length = 0; length < good.size(); ++length) {
    EXPECT_EQ(open(b, {good.begin(), good.begin() + static_cast<std::ptrdiff_t>(length)}).front(),
              '(');
  }
  EXPECT_EQ(open(b, good), "records") << "none of which spoils the original";
}

TEST_F(Pair, ReplaysAreDropped) {
  introduce(a, b);
  std::vector<Bytes> sent;
  for (int at = 0; at < 100; ++at)
    sent.push_back(seal(a, b.own(), std::to_string(at)));
  // Overtaking is no replay.
  for (std::size_t at = sent.size(); at-- > 0;)
    EXPECT_EQ(open(b, sent[at]), std::to_string(at));
  for (const Bytes& datagram : sent)
    EXPECT_EQ(open(b, datagram), "(replayed)");
}

TEST_F(Pair, WhatIsOlderThanTheWindowCountsAsReplayed) {
  introduce(a, b);
  const Bytes old = seal(a, b.own(), "old");
  Bytes last;
  for (std::uint64_t at = 0; at < ReplayWindow::kBits; ++at)
    last = seal(a, b.own(), "new");
  EXPECT_EQ(open(b, last), "new");
  EXPECT_EQ(open(b, old), "(replayed)");
}

// A forged sequence number must not move the window past what is on its way.
TEST_F(Pair, ForgeriesDoNotMoveTheWindow) {
  introduce(a, b);
  const Bytes good = seal(a, b.own(), "good");
  Bytes forged = good;
  forged[kHeaderBytes - 2] = 0x7f;
  EXPECT_EQ(open(b, forged), "(forged)");
  forged[kHeaderBytes - 8] = 0x7f;  // so far off that not even a key is made for it
  EXPECT_EQ(open(b, forged), "(forged)");
  EXPECT_EQ(open(b, good), "good");
}

TEST_F(Pair, WhatWasMeantForAnEarlierLifeIsDead) {
  const Bytes recorded = seal(a, b.own(), "recorded");
  EXPECT_EQ(open(b, recorded), "recorded");
  b.renew(epoch(0xc));
  EXPECT_EQ(open(b, recorded), "(other_epoch)");
}

TEST_F(Pair, OwnDatagramsComingBackAreDropped) {
  EXPECT_EQ(open(a, seal(a, b.own(), "x")), "(reflected)");
  EXPECT_EQ(open(a, seal(a, std::nullopt, "")), "(reflected)");
}

TEST_F(Pair, AnotherKeyOpensNothing) {
  Channel stranger({key(1, 8)}, epoch(0xd));
  EXPECT_EQ(open(b, seal(stranger, b.own(), "x")), "(forged)");
  EXPECT_EQ(open(b, seal(stranger, std::nullopt, "")), "(forged)");
  Channel newer({key(2, 7)}, epoch(0xd));
  EXPECT_EQ(open(b, seal(newer, b.own(), "x")), "(unknown_key)");
}

// One node after the other gets the new key, then loses the old one.
TEST_F(Pair, KeysAreExchangedWithoutAPause) {
  introduce(a, b);
  introduce(b, a);
  const auto both_ways = [&] {
    EXPECT_EQ(open(b, seal(a, b.own(), "x")), "x");
    EXPECT_EQ(open(a, seal(b, a.own(), "y")), "y");
  };
  b.set_keys({key(2, 9), key(1, 7)});  // accepts the new one, uses the old one
  both_ways();
  a.set_keys({key(1, 7), key(2, 9)});
  both_ways();
  b.set_keys({key(1, 7), key(2, 9)});
  both_ways();
  a.set_keys({key(2, 9)});
  b.set_keys({key(2, 9)});
  both_ways();
}

TEST_F(Pair, DirectionsHaveDifferentKeys) {
  // The same epochs the other way round, the same sequence number, the same text.
  const Bytes there = seal(a, b.own(), "text");
  const Bytes back = seal(b, a.own(), "text");
  EXPECT_FALSE(std::equal(there.begin() + kHeaderBytes, there.end(), back.begin() + kHeaderBytes));
}

TEST(Replay, AgainstARememberedSet) {
  ReplayWindow window;
  std::set<std::uint64_t> seen;
  std::uint64_t state = 1;
  for (int at = 0; at < 20'000; ++at) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    const std::uint64_t sequence = 1 + static_cast<std::uint64_t>(at) / 2 + (state >> 33) % 6000;
    const bool expected =
        !seen.contains(sequence) && sequence + ReplayWindow::kBits > window.highest();
    ASSERT_EQ(window.is_fresh(sequence), expected) << sequence;
    if (!expected) continue;
    window.mark(sequence);
    seen.insert(sequence);
    ASSERT_FALSE(window.is_fresh(sequence));
  }
}

}  // namespace
}  // namespace carpool::mirror
