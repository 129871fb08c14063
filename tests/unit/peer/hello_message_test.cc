// Hellos as bytes, and as frames on the data link.
#include "controlplane/peer/hello_message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controlplane/peer/hello_frame.h"
#include "dataplane/net/checksum.h"

namespace carpool::hello {
namespace {

using testing::Each;

constexpr Ipv4Address kSource = Ipv4Address::of(192, 0, 2, 1);
constexpr MacAddress kMac{{2, 0, 0, 0, 0, 1}};

Key key(std::uint16_t id, std::uint8_t fill = 0x5c) {
  return make_key(id, std::vector<std::uint8_t>(32, fill));
}

Message sample() {
  Message message;
  message.tells_claims = true;
  message.key_id = 1;
  message.link = link_id("wan");
  message.interval = std::chrono::milliseconds(10);
  message.life = Life(0x1122334455667788);
  message.challenge = Challenge(0xa1);
  message.echoes = {Challenge(0xb1), Challenge(0xb2)};
  message.sequence = 42;
  message.claims = {group_id("public"), group_id("office")};
  return message;
}

std::vector<std::uint8_t> bytes_of(const Message& message, const Key& with = key(1)) {
  std::array<std::uint8_t, kMaxMessageBytes> buffer;
  const auto written = encode(message, with, buffer);
  return {written.begin(), written.end()};
}

TEST(HelloMessage, LaysOutWhatTheHeaderSays) {
  const auto bytes = bytes_of(sample());
  ASSERT_EQ(bytes.size(), kFixedBytes + 8 + kTagBytes);
  EXPECT_EQ(std::string(bytes.begin(), bytes.begin() + 4), "CPHL");
  EXPECT_EQ(bytes[4], 1) << "version";
  EXPECT_EQ(bytes[5], 2) << "tells claims";
  EXPECT_EQ(bytes[7], 1) << "key id";
  EXPECT_EQ(bytes[13], 10) << "interval";
  EXPECT_EQ(bytes[15], 2) << "claims";
  EXPECT_EQ(bytes[16], 0x11) << "life";
  EXPECT_EQ(bytes[31], 0xa1) << "challenge";
  EXPECT_EQ(bytes[39], 0xb1);
  EXPECT_EQ(bytes[47], 0xb2);
  EXPECT_EQ(bytes[55], 42) << "sequence";
}

TEST(HelloMessage, ReadsWhatItWrote) {
  const std::array keys{key(7, 0x11), key(1)};
  EXPECT_EQ(decode(bytes_of(sample()), keys), sample());
  Message goodbye = sample();
  goodbye.goodbye = true;
  goodbye.claims.clear();
  EXPECT_EQ(decode(bytes_of(goodbye), keys), goodbye);
}

TEST(HelloMessage, NoByteMayChange) {
  const auto right = bytes_of(sample());
  std::vector<bool> accepted;
  for (std::size_t at = 0; at < right.size(); ++at) {
    auto wrong = right;
    wrong[at] ^= 1;
    accepted.push_back(decode(wrong, std::array{key(1)}).has_value());
  }
  EXPECT_THAT(accepted, Each(false));
}

TEST(HelloMessage, SaysWhyNot) {
  const std::array keys{key(1)};
  const auto right = bytes_of(sample());
  const auto drop = [&](std::vector<std::uint8_t> bytes) { return decode(bytes, keys).error(); };
  EXPECT_EQ(drop({}), Drop::too_short);
  EXPECT_EQ(drop(std::vector<std::uint8_t>(kMaxMessageBytes + 1)), Drop::too_long);
  EXPECT_EQ(drop(std::vector<std::uint8_t>(100)), Drop::not_ours);
  auto newer = right;
  newer[4] = 2;
  EXPECT_EQ(drop(newer), Drop::other_version);
  EXPECT_EQ(drop(bytes_of(sample(), key(2))), Drop::unknown_key);
  EXPECT_EQ(drop(bytes_of(sample(), key(1, 0x77))), Drop::forged);
  Message senseless = sample();
  senseless.interval = {};
  EXPECT_EQ(drop(bytes_of(senseless)), Drop::malformed);
}

TEST(HelloMessage, ClaimsBeyondTheirNumberAreLeftOut) {
  Message many = sample();
  many.claims.assign(kMaxClaims + 5, group_id("g"));
  const auto read = decode(bytes_of(many), std::array{key(1)});
  ASSERT_TRUE(read);
  EXPECT_EQ(read->claims.size(), kMaxClaims);
}

TEST(HelloMessage, IdsFollowFromNames) {
  EXPECT_EQ(link_id("wan"), link_id("wan"));
  EXPECT_NE(link_id("wan"), link_id("lan"));
  EXPECT_NE(link_id(""), LinkId::peer);
}

TEST(HelloFrame, IsUdpToTheAdvertsAddressFromTheNodesOwn) {
  const auto message = bytes_of(sample());
  const auto frame = build_frame(kMac, kSource, message);
  const auto parsed = parse_frame(frame);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->source, kSource);
  EXPECT_TRUE(std::ranges::equal(parsed->message, message));
  const auto segment = std::span(frame).subspan(34);
  EXPECT_EQ(transport_checksum(kSource, kHelloAddress, kProtocolUdp, segment).raw(), 0)
      << "its checksum is right";
}

TEST(HelloFrame, NothingElseIsOne) {
  const auto right = build_frame(kMac, kSource, bytes_of(sample()));
  for (const std::size_t at : {12u, 14u, 20u, 22u, 23u, 24u, 30u, 36u, 38u}) {
    auto wrong = right;
    wrong[at] ^= 0x40;
    EXPECT_FALSE(parse_frame(wrong)) << "byte " << at;
  }
  for (std::size_t length = 0; length < right.size(); ++length)
    EXPECT_FALSE(parse_frame(std::span(right).first(length))) << length;
  auto padded = right;
  padded.resize(right.size() + 10);
  EXPECT_TRUE(parse_frame(padded)) << "what follows is the padding of a short frame";
}

}  // namespace
}  // namespace carpool::hello
