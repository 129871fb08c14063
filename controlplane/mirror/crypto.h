// What seals datagrams: AES-256-GCM (NIST SP 800-38D) and keys by HKDF-SHA256 (RFC 5869), both by
// OpenSSL. Nonces are the caller's: no two messages under one key may have the same.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "dataplane/base/result.h"

struct evp_cipher_ctx_st;

namespace carpool::mirror {

inline constexpr std::size_t kKeyBytes = 32;
inline constexpr std::size_t kTagBytes = 16;
inline constexpr std::size_t kNonceBytes = 12;

using Key = std::array<std::uint8_t, kKeyBytes>;
using Nonce = std::array<std::uint8_t, kNonceBytes>;

// Whether this OpenSSL offers what the rest takes for granted. To be asked once, at start.
[[nodiscard]] Result<void> check_crypto();

[[nodiscard]] Key derive_key(std::span<const std::uint8_t> secret,
                             std::span<const std::uint8_t> salt,
                             std::span<const std::uint8_t> info);

namespace detail {
struct FreeCipher {
  void operator()(evp_cipher_ctx_st* context) const;
};
using CipherContext = std::unique_ptr<evp_cipher_ctx_st, FreeCipher>;
}  // namespace detail

// One direction under one key. The key schedule is made once; messages only bring their nonce.
class Sealer {
 public:
  explicit Sealer(const Key& key);
  // Encrypts `text` in place and writes the tag over it and `header`.
  void seal(const Nonce& nonce, std::span<const std::uint8_t> header, std::span<std::uint8_t> text,
            std::span<std::uint8_t, kTagBytes> tag);

 private:
  detail::CipherContext context_;
};

class Opener {
 public:
  explicit Opener(const Key& key);
  // Decrypts `text` in place. False, and the text is worthless, if anything was tampered with.
  [[nodiscard]] bool open(const Nonce& nonce, std::span<const std::uint8_t> header,
                          std::span<std::uint8_t> text,
                          std::span<const std::uint8_t, kTagBytes> tag);

 private:
  detail::CipherContext context_;
};

}  // namespace carpool::mirror
