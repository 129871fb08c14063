#include "controlplane/redundancy/carp_wire.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <memory>
#include <optional>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "dataplane/base/endian.h"
#include "dataplane/net/checksum.h"

namespace carpool {
namespace {

constexpr std::uint8_t kVersionAndType = 0x21;
constexpr std::uint8_t kAuthWords = 7;  // counter and digest

struct MessageLayout {
  std::uint8_t version_type;
  std::uint8_t vhid;
  std::uint8_t advskew;
  std::uint8_t auth_words;
  std::uint8_t demotion;
  std::uint8_t advbase;
  be16 checksum;
  be64 counter;
  CarpDigest digest;
};
static_assert(sizeof(MessageLayout) == kCarpMessageBytes);
static_assert(offsetof(MessageLayout, checksum) == 6 && offsetof(MessageLayout, counter) == 8 &&
              offsetof(MessageLayout, digest) == 16);

bool is_link_local(const Ipv6Address& address) {
  return address.bytes[0] == 0xfe && (address.bytes[1] & 0xc0) == 0x80;
}

struct FreeMac {
  void operator()(EVP_MAC* mac) const { EVP_MAC_free(mac); }
  void operator()(EVP_MAC_CTX* context) const { EVP_MAC_CTX_free(context); }
};

// Nothing if OpenSSL cannot: that is found out once, by make_carp_key.
std::optional<CarpDigest> hmac_sha1(std::span<const std::uint8_t> key,
                                    std::span<const std::uint8_t> message) {
  const std::unique_ptr<EVP_MAC, FreeMac> mac(EVP_MAC_fetch(nullptr, "HMAC", nullptr));
  if (!mac) return std::nullopt;
  const std::unique_ptr<EVP_MAC_CTX, FreeMac> context(EVP_MAC_CTX_new(mac.get()));
  if (!context) return std::nullopt;
  char digest_name[] = "SHA1";
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest_name, 0),
      OSSL_PARAM_construct_end()};
  CarpDigest digest;
  std::size_t length = 0;
  if (EVP_MAC_init(context.get(), key.data(), key.size(), parameters) != 1 ||
      EVP_MAC_update(context.get(), message.data(), message.size()) != 1 ||
      EVP_MAC_final(context.get(), digest.data(), &length, digest.size()) != 1 ||
      length != digest.size()) {
    return std::nullopt;
  }
  return digest;
}

enum class LinkLocals : bool { kWithout, kWith };

std::vector<std::uint8_t> hashed_bytes(const CarpKey& key, std::uint64_t counter,
                                       LinkLocals link_locals) {
  std::vector<std::uint8_t> bytes{kVersionAndType >> 4, kVersionAndType & 0xf, key.vhid};
  const auto append = [&bytes](const auto& value) {
    const auto* first = reinterpret_cast<const std::uint8_t*>(&value);
    bytes.insert(bytes.end(), first, first + sizeof value);
  };
  std::ranges::for_each(key.addresses, append);
  for (const Ipv6Address& address : key.addresses6) {
    if (link_locals == LinkLocals::kWith || !is_link_local(address)) append(address);
  }
  append(be64(counter));
  return bytes;
}

CarpDigest digest_of(const CarpKey& key, std::uint64_t counter, LinkLocals link_locals) {
  const auto digest = hmac_sha1(key.password, hashed_bytes(key, counter, link_locals));
  // It worked when the key was made, so memory is exhausted. Adverts without a digest help nobody.
  if (!digest) std::abort();
  return *digest;
}

bool same_digest(const CarpDigest& left, const CarpDigest& right) {
  return CRYPTO_memcmp(left.data(), right.data(), left.size()) == 0;
}

// Ascending without duplicates, or without duplicates in the order given.
template <class Address>
void arrange(std::vector<Address>& addresses, CarpAddressOrder order) {
  if (order == CarpAddressOrder::kAscending) std::ranges::sort(addresses);
  auto kept = addresses.begin();
  for (const Address& address : addresses) {
    if (std::find(addresses.begin(), kept, address) == kept) *kept++ = address;
  }
  addresses.erase(kept, addresses.end());
}

}  // namespace

std::string_view text(CarpWireError error) {
  switch (error) {
    case CarpWireError::kFrameTooShort:
      return "frame too short";
    case CarpWireError::kNotIpv4:
      return "not IPv4";
    case CarpWireError::kIpHeader:
      return "bad IP header";
    case CarpWireError::kIpLength:
      return "IP length beyond the frame";
    case CarpWireError::kIpChecksum:
      return "wrong IP checksum";
    case CarpWireError::kFragment:
      return "IP fragment";
    case CarpWireError::kNotCarp:
      return "not IP protocol 112";
    case CarpWireError::kTtl:
      return "TTL is not 255";
    case CarpWireError::kTooShort:
      return "message too short";
    case CarpWireError::kTooLong:
      return "message too long";
    case CarpWireError::kVersion:
      return "version is not 2";
    case CarpWireError::kType:
      return "type is not 1";
    case CarpWireError::kAuthLength:
      return "authlen is not 7";
    case CarpWireError::kChecksum:
      return "wrong checksum";
    case CarpWireError::kVhid:
      return "vhid is 0";
  }
  std::unreachable();
}

CarpMessage encode(const CarpAdvert& advert) {
  MessageLayout layout{kVersionAndType, advert.vhid,          advert.advskew,
                       kAuthWords,      advert.demotion,      advert.advbase,
                       be16{},          be64(advert.counter), advert.digest};
  auto message = std::bit_cast<CarpMessage>(layout);
  layout.checksum = internet_checksum(message);
  return std::bit_cast<CarpMessage>(layout);
}

std::expected<CarpAdvert, CarpWireError> decode(std::span<const std::uint8_t> message) {
  if (message.size() < kCarpMessageBytes) return std::unexpected(CarpWireError::kTooShort);
  if (message[0] >> 4 != kVersionAndType >> 4) return std::unexpected(CarpWireError::kVersion);
  if ((message[0] & 0xf) != (kVersionAndType & 0xf)) return std::unexpected(CarpWireError::kType);
  if (message.size() > kCarpMessageBytes) return std::unexpected(CarpWireError::kTooLong);
  MessageLayout layout;
  std::memcpy(&layout, message.data(), sizeof layout);
  if (layout.auth_words != kAuthWords) return std::unexpected(CarpWireError::kAuthLength);
  // Over the checksum, too: then the sum is all ones.
  if (fold_checksum(sum_words(message)) != 0xffff) return std::unexpected(CarpWireError::kChecksum);
  if (layout.vhid == 0) return std::unexpected(CarpWireError::kVhid);
  return CarpAdvert{layout.vhid,     layout.advskew,        layout.advbase,
                    layout.demotion, layout.counter.host(), layout.digest};
}

Result<CarpKey> make_carp_key(std::uint8_t vhid, std::string_view password,
                              std::vector<Ipv4Address> addresses,
                              std::vector<Ipv6Address> addresses6, CarpAddressOrder order) {
  if (vhid == 0) return fail("vhid must be between 1 and 255");
  if (password.size() > kMaxCarpPasswordBytes) {
    return fail("the CARP password has " + std::to_string(password.size()) + " bytes, at most " +
                std::to_string(kMaxCarpPasswordBytes) + " are possible");
  }
  if (addresses.empty() && addresses6.empty()) return fail("a CARP group needs an address");
  if (addresses.size() > kMaxCarpAddresses || addresses6.size() > kMaxCarpAddresses) {
    return fail("a CARP group has at most " + std::to_string(kMaxCarpAddresses) + " addresses");
  }
  for (Ipv6Address& address : addresses6) {
    if (is_link_local(address)) address.bytes[2] = address.bytes[3] = 0;
  }
  arrange(addresses, order);
  arrange(addresses6, order);
  CarpKey key{vhid, {}, std::move(addresses), std::move(addresses6)};
  std::ranges::copy(password, key.password.begin());
  if (!hmac_sha1(key.password, hashed_bytes(key, 0, LinkLocals::kWith))) {
    return fail("OpenSSL offers no HMAC-SHA1, which CARP needs");
  }
  return key;
}

CarpDigest compute_digest(const CarpKey& key, std::uint64_t counter) {
  return digest_of(key, counter, LinkLocals::kWith);
}

bool verify(const CarpKey& key, const CarpAdvert& advert) {
  if (advert.vhid != key.vhid) return false;
  if (same_digest(compute_digest(key, advert.counter), advert.digest)) return true;
  return std::ranges::any_of(key.addresses6, is_link_local) &&
         same_digest(digest_of(key, advert.counter, LinkLocals::kWithout), advert.digest);
}

}  // namespace carpool
