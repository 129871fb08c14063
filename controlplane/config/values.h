// The values that stand after keywords: numbers, times, sizes, addresses, names.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "dataplane/base/time.h"
#include "dataplane/net/address.h"

namespace carpool::config {

// What is wrong with a value, and what to write instead. The place is added by who knows it.
struct Complaint {
  std::string message;
  std::string hint;
};

template <class Value>
using Parsed = std::expected<Value, Complaint>;

// All of the text, in decimal, from `low` to `high`.
[[nodiscard]] Parsed<std::uint32_t> parse_number(std::string_view text, std::uint32_t low,
                                                 std::uint32_t high);

// "30s", "500" (ms), with units us, ms, s, m, h, d; up to 24 days, as in HAProxy.
[[nodiscard]] Parsed<Duration> parse_time(std::string_view text);

// "4096", "64k", "256m", "1g": powers of 1024.
[[nodiscard]] Parsed<std::uint64_t> parse_size(std::string_view text);

// What may name a proxy, server, node, group or port: letters, digits and . : _ -
[[nodiscard]] Parsed<std::string> parse_name(std::string_view text);

// An address as HAProxy writes them, IPv4 only as yet: "192.0.2.10:80", "ipv4@192.0.2.10:80-90",
// ":80", "*:80", "db1.example:3306", "192.0.2.10".
struct AddressText {
  std::optional<Ipv4Address> address;  // unset: any address, or a name
  std::string host;                    // a name that has to be resolved
  bool has_port = false;
  std::uint16_t port_first = 0;
  std::uint16_t port_last = 0;  // the same as port_first unless it is a range
  bool mapped = false;          // ":+10" or ":-10", relative to the port that the client used

  [[nodiscard]] bool is_any() const {
    return host.empty() && (!address || address->is_unspecified());
  }
};
[[nodiscard]] Parsed<AddressText> parse_address(std::string_view text);

// Why an address cannot be that of a host, or nothing.
[[nodiscard]] std::optional<std::string> why_not_a_host(Ipv4Address address);

}  // namespace carpool::config
