#include "dataplane/net/checksum.h"

#include <array>
#include <random>

#include <gtest/gtest.h>

namespace carpool {
namespace {

TEST(Checksum, Rfc1071Example) {
  const std::array<std::uint8_t, 8> bytes{0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
  EXPECT_EQ(internet_checksum(bytes).host(), 0x220d);  // complement of ddf2
}

TEST(Checksum, OddLengthIsPaddedWithZero) {
  const std::array<std::uint8_t, 3> odd{0x12, 0x34, 0x56};
  const std::array<std::uint8_t, 4> even{0x12, 0x34, 0x56, 0x00};
  EXPECT_EQ(internet_checksum(odd), internet_checksum(even));
}

// Replacing a word and adjusting gives the same as summing anew, for random packets and words.
TEST(Checksum, IncrementalUpdateEqualsFullSum) {
  std::mt19937 random(7);
  for (int round = 0; round < 10000; ++round) {
    std::array<std::uint8_t, 40> packet;
    for (auto& byte : packet)
      byte = static_cast<std::uint8_t>(random());
    packet[0] = packet[1] = 0;
    const be16 before = internet_checksum(packet);
    const std::size_t at = 2 + 2 * (random() % 19);
    std::uint16_t old_word, new_word = static_cast<std::uint16_t>(random());
    std::memcpy(&old_word, &packet[at], 2);
    std::memcpy(&packet[at], &new_word, 2);
    const std::uint16_t delta =
        fold_checksum(std::uint64_t{static_cast<std::uint16_t>(~old_word)} + new_word);
    const be16 after = adjust_checksum(before, delta);
    EXPECT_EQ(after, internet_checksum(packet));
    EXPECT_EQ(adjust_checksum(after, static_cast<std::uint16_t>(~delta)), before);
  }
}

}  // namespace
}  // namespace carpool
