#include "controlplane/config/acl_values.h"

#include <algorithm>
#include <bit>

#include <fmt/format.h>

#include "dataplane/net/address.h"

namespace carpool::config {
namespace {

constexpr std::size_t kWrongAtMost = 3;  // lines of a file that are complained about

std::unexpected<Complaint> not_an_address(std::string_view text) {
  return std::unexpected(Complaint{fmt::format("'{}' is not an address or network", text),
                                   "write it like 192.0.2.1 or 10.0.0.0/8"});
}

std::string_view trimmed(std::string_view line) {
  constexpr std::string_view kBlanks = " \t\r";
  const auto first = line.find_first_not_of(kBlanks);
  if (first == line.npos) return {};
  return line.substr(first, line.find_last_not_of(kBlanks) - first + 1);
}

}  // namespace

std::string_view to_string(AclField field) {
  switch (field) {
    case AclField::Source:
      return "src";
    case AclField::Destination:
      return "dst";
    case AclField::DestinationPort:
      break;
  }
  return "dst_port";
}

ValueRanges normalized(ValueRanges ranges) {
  std::ranges::sort(ranges, {}, &ValueRange::first);
  ValueRanges joined;
  for (const ValueRange& range : ranges) {
    const bool touches =
        !joined.empty() && std::uint64_t{range.first} <= std::uint64_t{joined.back().last} + 1;
    if (touches) {
      joined.back().last = std::max(joined.back().last, range.last);
    } else {
      joined.push_back(range);
    }
  }
  return joined;
}

Parsed<ValueRange> parse_address_value(std::string_view text, bool& ignored) {
  const auto slash = text.find('/');
  const std::string_view host = text.substr(0, slash);
  if (host.find(':') != host.npos) {
    const bool plain = slash == text.npos || parse_number(text.substr(slash + 1), 0, 128);
    if (!parse_ipv6(host) || !plain) return not_an_address(text);
    ignored = true;
    return ValueRange{};
  }
  const auto address = parse_ipv4(host);
  if (!address) return not_an_address(text);
  std::uint32_t mask = ~std::uint32_t{0};
  if (slash != text.npos) {
    const std::string_view rest = text.substr(slash + 1);
    if (const auto length = parse_number(rest, 0, 32)) {
      mask = *length == 0 ? 0 : ~std::uint32_t{0} << (32 - *length);
    } else if (const auto dotted = parse_ipv4(rest)) {
      mask = dotted->value.host();
      const bool is_prefix = std::countl_one(mask) + std::countr_zero(mask) == 32;
      if (!is_prefix && mask != ~std::uint32_t{0}) return not_an_address(text);
    } else {
      return not_an_address(text);
    }
  }
  const std::uint32_t first = address->value.host() & mask;
  return ValueRange{first, first | ~mask};
}

Parsed<ValueRange> parse_port_value(std::string_view text) {
  const auto colon = text.find(':');
  const auto first = parse_number(text.substr(0, colon), 0, 65535);
  if (!first) return std::unexpected(first.error());
  if (colon == text.npos) return ValueRange{*first, *first};
  const auto last = parse_number(text.substr(colon + 1), *first, 65535);
  if (!last) return std::unexpected(last.error());
  return ValueRange{*first, *last};
}

AclList parse_acl_list(std::string_view text, AclField field) {
  AclList list;
  std::size_t number = 0;
  for (std::size_t start = 0; start < text.size();) {
    const std::size_t end = std::min(text.find('\n', start), text.size());
    const std::string_view line = trimmed(text.substr(start, end - start));
    start = end + 1;
    ++number;
    if (line.empty() || line.front() == '#') continue;
    bool ignored = false;
    const auto value = field == AclField::DestinationPort ? parse_port_value(line)
                                                          : parse_address_value(line, ignored);
    if (!value) {
      if (list.wrong.size() < kWrongAtMost) {
        list.wrong.push_back(fmt::format("line {}: {}", number, value.error().message));
      }
    } else if (ignored) {
      ++list.ignored;
    } else {
      list.ranges.push_back(*value);
    }
  }
  return list;
}

}  // namespace carpool::config
