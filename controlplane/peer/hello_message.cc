#include "controlplane/peer/hello_message.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "controlplane/mirror/bytes.h"
#include "controlplane/mirror/crypto.h"
#include "dataplane/base/endian.h"

namespace carpool::hello {
namespace {

using mirror::ByteReader;
using mirror::ByteWriter;
using Tag = std::array<std::uint8_t, kTagBytes>;

constexpr std::uint32_t kMagic = 0x4350484c;  // "CPHL"
constexpr std::uint8_t kGoodbye = 0x01;
constexpr std::uint8_t kTellsClaims = 0x02;

// FNV-1a. Names are few and not chosen by an enemy; zero means the peer link.
std::uint32_t hash_of(std::string_view name) {
  std::uint32_t hash = 2166136261;
  for (const char letter : name)
    hash = (hash ^ static_cast<std::uint8_t>(letter)) * 16777619;
  return hash == 0 ? 1 : hash;
}

Tag tag_of(const Key& key, std::span<const std::uint8_t> bytes) {
  std::array<std::uint8_t, EVP_MAX_MD_SIZE> digest;
  unsigned length = 0;
  // It worked in check_crypto(), so memory is exhausted, and nothing may leave without a tag.
  if (HMAC(EVP_sha256(), key.bytes.data(), static_cast<int>(key.bytes.size()), bytes.data(),
           bytes.size(), digest.data(), &length) == nullptr) {
    std::abort();
  }
  Tag tag;
  std::copy_n(digest.begin(), tag.size(), tag.begin());
  return tag;
}

Challenge take_challenge(ByteReader& from) {
  return Challenge(from.take<be64>().host());
}

}  // namespace

LinkId link_id(std::string_view port) {
  return LinkId(hash_of(port));
}
GroupId group_id(std::string_view group) {
  return GroupId(hash_of(group));
}

Key make_key(std::uint16_t id, std::span<const std::uint8_t> secret) {
  constexpr std::string_view kPurpose = "carpool hello 1";
  const std::span info(reinterpret_cast<const std::uint8_t*>(kPurpose.data()), kPurpose.size());
  return {id, mirror::derive_key(secret, info, info)};
}

std::string_view name(Drop reason) {
  constexpr std::array<std::string_view, kDrops> kNames = {
      "foreign_sender", "not_a_frame", "too_short", "too_long",  "not_ours",
      "other_version",  "unknown_key", "forged",    "malformed", "reflected",
      "wrong_link",     "replayed",    "unproven",  "ended"};
  return kNames[static_cast<std::size_t>(reason)];
}

std::span<const std::uint8_t> encode(const Message& message, const Key& key,
                                     std::span<std::uint8_t, kMaxMessageBytes> to) {
  const auto claims = std::span(message.claims).first(std::min(message.claims.size(), kMaxClaims));
  ByteWriter writer(to);
  writer.put(be32(kMagic));
  writer.put(kVersion);
  writer.put(static_cast<std::uint8_t>((message.goodbye ? kGoodbye : 0) |
                                       (message.tells_claims ? kTellsClaims : 0)));
  writer.put(be16(key.id));
  writer.put(be32(static_cast<std::uint32_t>(message.link)));
  writer.put(be16(static_cast<std::uint16_t>(message.interval.count())));
  writer.put(be16(static_cast<std::uint16_t>(claims.size())));
  writer.put(be64(static_cast<std::uint64_t>(message.life)));
  writer.put(be64(static_cast<std::uint64_t>(message.challenge)));
  for (const Challenge echo : message.echoes)
    writer.put(be64(static_cast<std::uint64_t>(echo)));
  writer.put(be64(message.sequence));
  for (const GroupId claim : claims)
    writer.put(be32(static_cast<std::uint32_t>(claim)));
  writer.put(tag_of(key, writer.written()));
  return writer.written();
}

std::expected<Message, Drop> decode(std::span<const std::uint8_t> bytes,
                                    std::span<const Key> keys) {
  if (bytes.size() < kFixedBytes + kTagBytes) return std::unexpected(Drop::too_short);
  if (bytes.size() > kMaxMessageBytes) return std::unexpected(Drop::too_long);
  ByteReader reader(bytes.first(bytes.size() - kTagBytes));
  if (reader.take<be32>().host() != kMagic) return std::unexpected(Drop::not_ours);
  if (reader.take<std::uint8_t>() != kVersion) return std::unexpected(Drop::other_version);
  Message message;
  const auto flags = reader.take<std::uint8_t>();
  message.goodbye = (flags & kGoodbye) != 0;
  message.tells_claims = (flags & kTellsClaims) != 0;
  message.key_id = reader.take<be16>().host();
  const auto key = std::ranges::find(keys, message.key_id, &Key::id);
  if (key == keys.end()) return std::unexpected(Drop::unknown_key);
  const Tag expected = tag_of(*key, bytes.first(bytes.size() - kTagBytes));
  if (CRYPTO_memcmp(expected.data(), bytes.last<kTagBytes>().data(), kTagBytes) != 0) {
    return std::unexpected(Drop::forged);
  }
  message.link = LinkId(reader.take<be32>().host());
  message.interval = std::chrono::milliseconds(reader.take<be16>().host());
  const std::size_t claims = reader.take<be16>().host();
  message.life = Life(reader.take<be64>().host());
  message.challenge = take_challenge(reader);
  for (Challenge& echo : message.echoes)
    echo = take_challenge(reader);
  message.sequence = reader.take<be64>().host();
  for (std::size_t at = 0; at < claims && !reader.at_end(); ++at)
    message.claims.emplace_back(GroupId(reader.take<be32>().host()));
  if (reader.failed() || !reader.at_end() || message.claims.size() != claims ||
      message.interval.count() == 0) {
    return std::unexpected(Drop::malformed);
  }
  return message;
}

}  // namespace carpool::hello
