// Bytes as tests write them.
#pragma once

#include <array>
#include <charconv>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace carpool::mirror::test {

inline std::vector<std::uint8_t> from_hex(std::string_view hex) {
  std::vector<std::uint8_t> bytes;
  for (std::size_t at = 0; at + 1 < hex.size(); at += 2) {
    std::uint8_t byte = 0;
    std::from_chars(hex.data() + at, hex.data() + at + 2, byte, 16);
    bytes.push_back(byte);
  }
  return bytes;
}

template <std::size_t kBytes>
std::array<std::uint8_t, kBytes> array_from_hex(std::string_view hex) {
  std::array<std::uint8_t, kBytes> bytes{};
  const auto all = from_hex(hex);
  for (std::size_t at = 0; at < kBytes && at < all.size(); ++at)
    bytes[at] = all[at];
  return bytes;
}

inline std::string to_hex(std::span<const std::uint8_t> bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string hex;
  for (const std::uint8_t byte : bytes) {
    hex += kDigits[byte >> 4];
    hex += kDigits[byte & 0xf];
  }
  return hex;
}

}  // namespace carpool::mirror::test
