// Against published vectors: what we seal, others' implementations must open.
#include "controlplane/mirror/crypto.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "tests/unit/mirror/hex.h"

namespace carpool::mirror {
namespace {

// RFC 5869, A.1; its 42 bytes begin with our 32.
TEST(Crypto, DerivesAsRfc5869Says) {
  const Key key = derive_key(test::from_hex("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b"),
                             test::from_hex("000102030405060708090a0b0c"),
                             test::from_hex("f0f1f2f3f4f5f6f7f8f9"));
  EXPECT_EQ(test::to_hex(key), "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf");
}

// The Galois/Counter Mode of Operation (McGrew, Viega), test case 16.
constexpr std::string_view kCaseKey =
    "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308";
constexpr std::string_view kCaseNonce = "cafebabefacedbaddecaf888";
constexpr std::string_view kCaseHeader = "feedfacedeadbeeffeedfacedeadbeefabaddad2";
constexpr std::string_view kCasePlain =
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
    "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39";
constexpr std::string_view kCaseSealed =
    "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
    "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662";
constexpr std::string_view kCaseTag = "76fc6ece0f4e1768cddf8853bb2d551b";

struct Case {
  Key key = test::array_from_hex<kKeyBytes>(kCaseKey);
  Nonce nonce = test::array_from_hex<kNonceBytes>(kCaseNonce);
  std::vector<std::uint8_t> header = test::from_hex(kCaseHeader);
  std::vector<std::uint8_t> text = test::from_hex(kCasePlain);
  std::array<std::uint8_t, kTagBytes> tag = test::array_from_hex<kTagBytes>(kCaseTag);
};

TEST(Crypto, SealsAsTheGcmPaperSays) {
  Case c;
  c.tag.fill(0);
  Sealer sealer(c.key);
  sealer.seal(c.nonce, c.header, c.text, c.tag);
  EXPECT_EQ(test::to_hex(c.text), kCaseSealed);
  EXPECT_EQ(test::to_hex(c.tag), kCaseTag);
}

TEST(Crypto, OpensWhatItSealedAndNothingElse) {
  const Case c;
  Opener opener(c.key);
  const auto opens = [&](const std::vector<std::uint8_t>& header, std::vector<std::uint8_t> sealed,
                         const std::array<std::uint8_t, kTagBytes>& tag, Nonce nonce) {
    return opener.open(nonce, header, sealed, tag) && sealed == c.text;
  };
  const auto sealed = test::from_hex(kCaseSealed);
  EXPECT_TRUE(opens(c.header, sealed, c.tag, c.nonce));
  for (std::size_t bit = 0; bit < 8; ++bit) {
    auto header = c.header;
    header[bit] ^= static_cast<std::uint8_t>(1 << bit);
    EXPECT_FALSE(opens(header, sealed, c.tag, c.nonce));
    auto text = sealed;
    text[bit] ^= static_cast<std::uint8_t>(1 << bit);
    EXPECT_FALSE(opens(c.header, text, c.tag, c.nonce));
    auto tag = c.tag;
    tag[bit] ^= static_cast<std::uint8_t>(1 << bit);
    EXPECT_FALSE(opens(c.header, sealed, tag, c.nonce));
    auto nonce = c.nonce;
    nonce[bit] ^= static_cast<std::uint8_t>(1 << bit);
    EXPECT_FALSE(opens(c.header, sealed, c.tag, nonce));
  }
  EXPECT_TRUE(opens(c.header, sealed, c.tag, c.nonce)) << "after failures as before";
}

TEST(Crypto, SealsNothingAtAll) {
  const Key key{};
  const Nonce nonce{};
  std::array<std::uint8_t, kTagBytes> tag;
  Sealer(key).seal(nonce, {}, {}, tag);
  // Test case 13 of the paper.
  EXPECT_EQ(test::to_hex(tag), "530f8afbc74536b9a963b4f1c4cb738b");
  EXPECT_TRUE(Opener(key).open(nonce, {}, {}, tag));
}

}  // namespace
}  // namespace carpool::mirror
