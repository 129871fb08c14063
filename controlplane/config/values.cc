#include "controlplane/config/values.h"

#include <algorithm>
#include <charconv>
#include <limits>

#include <fmt/format.h>

#include "controlplane/config/limits.h"

namespace carpool::config {
namespace {

constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

std::unexpected<Complaint> complain(std::string message, std::string hint = {}) {
  return std::unexpected(Complaint{std::move(message), std::move(hint)});
}

// Digits and then a unit.
struct Quantity {
  std::uint64_t number;
  std::string_view unit;
};

std::optional<Quantity> split_quantity(std::string_view text) {
  std::uint64_t number = 0;
  const char* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, number);
  if (error != std::errc{}) return std::nullopt;
  return Quantity{number, std::string_view(end, static_cast<std::size_t>(last - end))};
}

std::optional<std::uint64_t> time_unit_us(std::string_view unit) {
  if (unit == "us") return 1;
  if (unit.empty() || unit == "ms") return 1'000;
  if (unit == "s") return 1'000'000;
  if (unit == "m") return 60'000'000;
  if (unit == "h") return 3'600'000'000;
  if (unit == "d") return 86'400'000'000;
  return std::nullopt;
}

// Prefixes of HAProxy's addresses that are not a plain IPv4 socket, and what they are.
struct Family {
  std::string_view prefix;
  std::string_view what;
};
constexpr Family kOtherFamilies[] = {{"ipv6@", "IPv6"},
                                     {"tcp6@", "IPv6"},
                                     {"udp@", "UDP"},
                                     {"udp4@", "UDP"},
                                     {"udp6@", "UDP"},
                                     {"quic@", "QUIC"},
                                     {"quic4@", "QUIC"},
                                     {"quic6@", "QUIC"},
                                     {"unix@", "a UNIX socket"},
                                     {"uxst@", "a UNIX socket"},
                                     {"uxdg@", "a UNIX socket"},
                                     {"abns@", "a UNIX socket"},
                                     {"abnsz@", "a UNIX socket"},
                                     {"fd@", "an inherited socket"},
                                     {"sockpair@", "a socket pair"},
                                     {"rhttp@", "reverse HTTP"},
                                     {"/", "a UNIX socket"}};

Parsed<std::string_view> strip_family(std::string_view text) {
  for (const std::string_view prefix : {"ipv4@", "tcp@", "tcp4@"}) {
    if (text.starts_with(prefix)) return text.substr(prefix.size());
  }
  const auto other = std::ranges::find_if(
      kOtherFamilies, [text](const Family& family) { return text.starts_with(family.prefix); });
  if (other != std::end(kOtherFamilies) && other->what == "UDP") {
    return complain(fmt::format("'{}': the protocol is not part of an address here", text),
                    "write the address alone, and 'mode udp' into its section");
  }
  if (other != std::end(kOtherFamilies)) {
    return complain(fmt::format("'{}' is {}: only IPv4 is supported yet", text, other->what),
                    "write an IPv4 address, as in 192.0.2.10:80");
  }
  if (text.starts_with('[') || std::ranges::count(text, ':') > 1) {
    return complain(fmt::format("'{}' is an IPv6 address: only IPv4 is supported yet", text),
                    "leave the IPv6 address out, or serve it by another balancer until then");
  }
  return text;
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  const auto number = parse_number(text, 1, 65535);
  if (!number) return std::nullopt;
  return static_cast<std::uint16_t>(*number);
}

// What stands after the colon.
Parsed<AddressText> with_ports(AddressText result, std::string_view text) {
  result.has_port = true;
  if (text.starts_with('+') || text.starts_with('-')) {
    result.mapped = true;
    return result;
  }
  const auto dash = text.find('-');
  const auto first = parse_port(text.substr(0, dash));
  const auto last = dash == text.npos ? first : parse_port(text.substr(dash + 1));
  if (!first || !last) {
    return complain(fmt::format("'{}' is not a port", text), "ports go from 1 to 65535");
  }
  if (*last < *first) return complain(fmt::format("the port range '{}' is empty", text));
  result.port_first = *first;
  result.port_last = *last;
  return result;
}

// Letters, digits, dots and hyphens (RFC 1123), and not all digits and dots: "10.0.0.300" is an
// address gone wrong, and nobody should ask the name servers for it.
bool is_host_name(std::string_view text) {
  const auto allowed = [](char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' ||
           c == '-' || c == '_';
  };
  const auto numeric = [](char c) { return is_digit(c) || c == '.'; };
  return !text.empty() && text.size() <= 253 && std::ranges::all_of(text, allowed) &&
         !std::ranges::all_of(text, numeric);
}

}  // namespace

Parsed<std::uint32_t> parse_number(std::string_view text, std::uint32_t low, std::uint32_t high) {
  std::uint64_t number = 0;
  const char* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, number);
  const bool out_of_range = error == std::errc::result_out_of_range;
  if (!out_of_range && (text.empty() || error != std::errc{} || end != last)) {
    return complain(fmt::format("'{}' is not a number", text));
  }
  if (out_of_range || number < low || number > high) {
    return complain(fmt::format("{} is out of range, from {} to {}", text, low, high));
  }
  return static_cast<std::uint32_t>(number);
}

Parsed<Duration> parse_time(std::string_view text) {
  const auto quantity = split_quantity(text);
  if (!quantity) {
    return complain(fmt::format("'{}' is not a time", text), "write it like 500ms, 30s or 1h");
  }
  const auto unit_us = time_unit_us(quantity->unit);
  if (!unit_us) {
    return complain(fmt::format("'{}' is not a unit of time", quantity->unit),
                    "units are us, ms (the default), s, m, h and d");
  }
  constexpr std::uint64_t kMaxUs = 24ull * 86'400'000'000;
  if (quantity->number > kMaxUs / *unit_us) {
    return complain(fmt::format("{} is more than 24 days", text));
  }
  return std::chrono::microseconds(quantity->number * *unit_us);
}

Parsed<std::uint64_t> parse_size(std::string_view text) {
  const auto quantity = split_quantity(text);
  if (!quantity) {
    return complain(fmt::format("'{}' is not a size", text), "write it like 4096, 64k or 256m");
  }
  unsigned shift = 0;
  if (quantity->unit == "k" || quantity->unit == "K") shift = 10;
  if (quantity->unit == "m" || quantity->unit == "M") shift = 20;
  if (quantity->unit == "g" || quantity->unit == "G") shift = 30;
  if (shift == 0 && !quantity->unit.empty()) {
    return complain(fmt::format("'{}' is not a unit of size", quantity->unit),
                    "units are k, m and g");
  }
  if (quantity->number > std::numeric_limits<std::uint64_t>::max() >> shift) {
    return complain(fmt::format("{} is too large", text));
  }
  return quantity->number << shift;
}

Parsed<std::string> parse_name(std::string_view text) {
  const auto allowed = [](char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' ||
           c == ':' || c == '_' || c == '-';
  };
  if (text.empty()) return complain("a name must not be empty");
  if (const auto bad = std::ranges::find_if_not(text, allowed); bad != text.end()) {
    return complain(fmt::format("the name '{}' has a character that names cannot have", text),
                    "names are made of letters, digits, '.', ':', '_' and '-'");
  }
  if (text.size() > kMaxNameLength) {
    return complain(fmt::format("the name '{}' is longer than {} bytes", text, kMaxNameLength));
  }
  return std::string(text);
}

Parsed<AddressText> parse_address(std::string_view text) {
  const auto stripped = strip_family(text);
  if (!stripped) return std::unexpected(stripped.error());
  const auto colon = stripped->find(':');
  const std::string_view host = stripped->substr(0, colon);
  AddressText result;
  if (host.empty() && colon == stripped->npos) return complain("an address must not be empty");
  if (!host.empty() && host != "*") {
    result.address = parse_ipv4(host);
    if (!result.address) {
      if (!is_host_name(host)) return complain(fmt::format("'{}' is not an address", host));
      result.host = host;
    }
  }
  if (colon == stripped->npos) return result;
  return with_ports(std::move(result), stripped->substr(colon + 1));
}

std::optional<std::string> why_not_a_host(Ipv4Address address) {
  const std::uint32_t number = address.value.host();
  const auto is = [&](const char* what) {
    return fmt::format("{} is {}", carpool::to_string(address), what);
  };
  if (number >> 24 == 0) return is("not the address of a host");
  if (number >> 24 == 127) return is("a loopback address: the data plane cannot reach it");
  if (address.is_multicast()) return is("a multicast address");
  if (number >> 28 == 0xf) return is("a reserved address");
  return std::nullopt;
}

}  // namespace carpool::config
