#include "dataplane/net/address.h"

#include <charconv>
#include <cstdio>
#include <cstring>

#include <arpa/inet.h>

namespace carpool {
namespace {

// inet_pton wants a terminated string; no textual address is longer than this.
template <class Address>
std::optional<Address> parse_with_libc(int family, std::string_view text) {
  char buffer[INET6_ADDRSTRLEN];
  if (text.size() >= sizeof buffer || text.find('\0') != text.npos) return std::nullopt;
  std::memcpy(buffer, text.data(), text.size());
  buffer[text.size()] = '\0';
  Address address;
  if (inet_pton(family, buffer, &address) != 1) return std::nullopt;
  return address;
}

}  // namespace

std::optional<Ipv4Address> parse_ipv4(std::string_view text) {
  return parse_with_libc<Ipv4Address>(AF_INET, text);
}

std::optional<Ipv6Address> parse_ipv6(std::string_view text) {
  return parse_with_libc<Ipv6Address>(AF_INET6, text);
}

std::optional<Ipv4Prefix> parse_ipv4_prefix(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == text.npos) return std::nullopt;
  const auto address = parse_ipv4(text.substr(0, slash));
  const auto digits = text.substr(slash + 1);
  unsigned length = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
  if (!address || error != std::errc{} || end != digits.data() + digits.size() || length > 32) {
    return std::nullopt;
  }
  return Ipv4Prefix{*address, static_cast<std::uint8_t>(length)};
}

std::optional<MacAddress> parse_mac(std::string_view text) {
  if (text.size() != 17) return std::nullopt;
  MacAddress mac;
  for (std::size_t i = 0; i < 6; ++i) {
    const char* first = text.data() + i * 3;
    if (i > 0 && first[-1] != ':') return std::nullopt;
    const auto [end, error] = std::from_chars(first, first + 2, mac.bytes[i], 16);
    if (error != std::errc{} || end != first + 2) return std::nullopt;
  }
  return mac;
}

std::string to_string(Ipv4Address address) {
  char buffer[INET_ADDRSTRLEN];
  return inet_ntop(AF_INET, &address, buffer, sizeof buffer);
}

std::string to_string(const Ipv6Address& address) {
  char buffer[INET6_ADDRSTRLEN];
  return inet_ntop(AF_INET6, &address, buffer, sizeof buffer);
}

std::string to_string(const Ipv4Prefix& prefix) {
  return to_string(prefix.address) + "/" + std::to_string(prefix.length);
}

std::string to_string(const MacAddress& address) {
  const auto& b = address.bytes;
  char buffer[18];
  std::snprintf(buffer, sizeof buffer, "%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3],
                b[4], b[5]);
  return buffer;
}

}  // namespace carpool
