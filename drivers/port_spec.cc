#include "drivers/port_spec.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <span>

#include "dataplane/net/address.h"

namespace carpool {
namespace {

constexpr std::size_t kLongestPortName = 15;     // as a kernel device's
constexpr std::size_t kLongestDeviceName = 15;   // IFNAMSIZ without its end
constexpr std::size_t kLongestSocketPath = 107;  // sockaddr_un

enum class ValueType : std::uint8_t { kYesNo, kNumber, kPowerOfTwo, kRole, kMac, kText };

struct OptionRule {
  std::string_view name;
  ValueType type;
  unsigned least = 0;
  unsigned most = 0;
};

constexpr OptionRule kXdpOptions[] = {{"busy-budget", ValueType::kNumber, 0, 65535},
                                      {"copy", ValueType::kYesNo}};
constexpr OptionRule kPacketOptions[] = {{"frames", ValueType::kPowerOfTwo, 64, 65536},
                                         {"qdisc-bypass", ValueType::kYesNo}};
constexpr OptionRule kMemifOptions[] = {{"role", ValueType::kRole},
                                        {"id", ValueType::kNumber, 0, 65535},
                                        {"mac", ValueType::kMac},
                                        {"buffer", ValueType::kNumber, 256, 65535},
                                        {"secret", ValueType::kText, 1, 23}};
constexpr OptionRule kRingOptions[] = {{"mac", ValueType::kMac},
                                       {"size", ValueType::kPowerOfTwo, 2, 1u << 20}};

struct KindRule {
  PortKind kind;
  std::string_view name;
  std::string_view device;  // what it is called in messages; empty: the kind has none
  std::size_t longest_device;
  std::span<const OptionRule> options;
};

constexpr KindRule kKinds[] = {
    {PortKind::kXdp, "xdp", "network device", kLongestDeviceName, kXdpOptions},
    {PortKind::kPacket, "packet", "network device", kLongestDeviceName, kPacketOptions},
    {PortKind::kMemif, "memif", "socket path", kLongestSocketPath, kMemifOptions},
    {PortKind::kRing, "ring", "", 0, kRingOptions},
};

std::optional<unsigned> parse_number(std::string_view text) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string range_text(const OptionRule& rule) {
  return std::to_string(rule.least) + " to " + std::to_string(rule.most);
}

// What the value should have been; empty when it is right.
std::string expected_value(const OptionRule& rule, std::string_view value) {
  switch (rule.type) {
    case ValueType::kYesNo:
      return value == "yes" || value == "no" ? "" : "yes or no";
    case ValueType::kRole:
      return value == "server" || value == "client" ? "" : "server or client";
    case ValueType::kMac: {
      const auto mac = parse_mac(value);
      return mac && !mac->is_multicast() && !mac->is_zero()
                 ? ""
                 : "a unicast address like 02:00:00:00:00:01";
    }
    case ValueType::kText:
      return value.size() >= rule.least && value.size() <= rule.most
                 ? ""
                 : range_text(rule) + " characters";
    case ValueType::kNumber:
    case ValueType::kPowerOfTwo: {
      const auto number = parse_number(value);
      const bool power = rule.type == ValueType::kPowerOfTwo;
      const bool right = number && *number >= rule.least && *number <= rule.most &&
                         (!power || std::has_single_bit(*number));
      return right ? "" : (power ? "a power of two, " : "a number, ") + range_text(rule);
    }
  }
  return "";
}

bool is_port_name(std::string_view name) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
  };
  return !name.empty() && name.size() <= kLongestPortName && std::ranges::all_of(name, allowed);
}

// DPDK's device arguments know no quoting: what would end a value cannot stand in one.
bool fits_device_arguments(std::string_view text) {
  return std::ranges::none_of(text, [](char c) {
    return c == ',' || c == '=' || c == '[' || c == ']' || c == '"' ||
           static_cast<signed char>(c) <= ' ';
  });
}

// Takes what stands before the first separator off the front of text, and the separator too.
std::string_view take_until(std::string_view& text, char separator) {
  const std::size_t at = std::min(text.find(separator), text.size());
  const std::string_view front = text.substr(0, at);
  text.remove_prefix(std::min(at + 1, text.size()));
  return front;
}

std::string join(auto&& names) {
  std::string text;
  for (const auto& each : names)
    text += (text.empty() ? "" : ", ") + std::string(each.name);
  return text;
}

Result<void> add_option(PortSpec& spec, const KindRule& kind, std::string_view text) {
  const std::string where = "port " + spec.name + ": ";
  std::string_view value = text;
  const std::string_view name = take_until(value, '=');
  const auto rule = std::ranges::find(kind.options, name, &OptionRule::name);
  if (rule == kind.options.end()) {
    return fail(where + std::string(kind.name) + " ports have no option '" + std::string(name) +
                "'; they have: " + join(kind.options));
  }
  std::string expected = expected_value(*rule, value);
  if (expected.empty() && !fits_device_arguments(value)) expected = "without ,=[]\" and spaces";
  if (!expected.empty()) {
    return fail(where + "option " + std::string(name) + " is '" + std::string(value) +
                "', should be " + expected);
  }
  if (!spec.options.emplace(name, value).second) {
    return fail(where + "option " + std::string(name) + " is given twice");
  }
  return {};
}

}  // namespace

std::string_view to_string(PortKind kind) {
  return std::ranges::find(kKinds, kind, &KindRule::kind)->name;
}

Result<PortSpec> parse_port_spec(std::string_view text) {
  PortSpec spec;
  std::string_view rest = text;
  const std::string_view name = take_until(rest, '=');
  if (!is_port_name(name) || rest.empty()) {
    return fail("port '" + std::string(text) +
                "': should be NAME=KIND:DEVICE, like wan=xdp:eth1; a name has up to 15 letters, "
                "digits, '-' and '_'");
  }
  spec.name = name;
  const std::string where = "port " + spec.name + ": ";

  std::string_view device = take_until(rest, ',');
  const std::string_view kind_name = take_until(device, ':');
  const auto kind = std::ranges::find(kKinds, kind_name, &KindRule::name);
  if (kind == std::end(kKinds)) {
    return fail(where + "there is no port kind '" + std::string(kind_name) +
                "'; there are: " + join(kKinds));
  }
  spec.kind = kind->kind;
  spec.device = device;
  if (device.empty() != kind->device.empty()) {
    return fail(where + std::string(kind->name) +
                (device.empty() ? " needs a " + std::string(kind->device) + ": " +
                                      std::string(kind->name) + ":DEVICE"
                                : " has no device, remove ':" + spec.device + "'"));
  }
  if (device.size() > kind->longest_device || !fits_device_arguments(device)) {
    return fail(where + "'" + spec.device + "' is not a " + std::string(kind->device));
  }
  while (!rest.empty()) {
    if (auto added = add_option(spec, *kind, take_until(rest, ',')); !added) {
      return std::unexpected(added.error());
    }
  }
  return spec;
}

std::string to_string(const PortSpec& spec) {
  std::string text = spec.name + "=" + std::string(to_string(spec.kind));
  if (!spec.device.empty()) text += ":" + spec.device;
  for (const auto& [option, value] : spec.options)
    text += "," + option + "=" + value;
  return text;
}

std::string option_text(const PortSpec& spec, const std::string& option, std::string fallback) {
  const auto found = spec.options.find(option);
  return found == spec.options.end() ? std::move(fallback) : found->second;
}

unsigned option_number(const PortSpec& spec, const std::string& option, unsigned fallback) {
  const auto found = spec.options.find(option);
  return found == spec.options.end() ? fallback : parse_number(found->second).value_or(fallback);
}

bool option_yes(const PortSpec& spec, const std::string& option, bool fallback) {
  const auto found = spec.options.find(option);
  return found == spec.options.end() ? fallback : found->second == "yes";
}

}  // namespace carpool
