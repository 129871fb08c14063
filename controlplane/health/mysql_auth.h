// How a MySQL client proves that it knows the password. Pure; the ciphers are OpenSSL's.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace carpool::mysql {

inline constexpr std::size_t kNonceBytes = 20;
inline constexpr std::string_view kNativePassword = "mysql_native_password";
inline constexpr std::string_view kCachingSha2Password = "caching_sha2_password";

// SHA1(password) xor SHA1(nonce . SHA1(SHA1(password))); empty for an empty password.
[[nodiscard]] std::string native_proof(std::string_view password, std::string_view nonce);

// SHA256(password) xor SHA256(SHA256(SHA256(password)) . nonce); empty for an empty password.
[[nodiscard]] std::string caching_sha2_proof(std::string_view password, std::string_view nonce);

// The password for the eyes of the holder of this public key (PEM) only: with its NUL, masked by
// the nonce, and encrypted by RSA with OAEP. Nothing where the key is not one that we can use.
[[nodiscard]] std::optional<std::string> encrypt_password(std::string_view password,
                                                          std::string_view nonce,
                                                          std::string_view public_key);

}  // namespace carpool::mysql
