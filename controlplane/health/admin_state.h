// What is wanted of a server, whatever its checks find: said by the configuration, then by an
// operator or by the agent on the server. As in HAProxy these two share one state, and the last
// word holds.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string_view>

namespace carpool {

enum class AdminMode : std::uint8_t {
  Ready,
  Drain,        // keeps its connections, gets no new ones, is checked
  Maintenance,  // likewise, and is not checked
};
[[nodiscard]] constexpr std::string_view name(AdminMode mode) {
  constexpr std::string_view kNames[] = {"ready", "drain", "maint"};
  return kNames[static_cast<std::size_t>(mode)];
}

enum class AdminSource : std::uint8_t { Configuration, Operator, Agent };
[[nodiscard]] constexpr std::string_view name(AdminSource source) {
  constexpr std::string_view kNames[] = {"configuration", "operator", "agent"};
  return kNames[static_cast<std::size_t>(source)];
}

// "50", or "50%" of the configured one.
struct WeightOverride {
  std::uint32_t value = 0;
  bool percent = false;

  friend bool operator==(const WeightOverride&, const WeightOverride&) = default;
  [[nodiscard]] std::uint32_t apply(std::uint32_t configured) const {
    const std::uint64_t wanted = percent ? std::uint64_t{configured} * value / 100 : value;
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(wanted, 256));  // HAProxy's highest
  }
};

struct AdminState {
  AdminMode mode = AdminMode::Ready;
  AdminSource said_by = AdminSource::Configuration;  // who set the mode
  std::optional<WeightOverride> weight{};
  std::optional<std::uint32_t> maxconn{};  // in place of the configured one; 0: no limit

  friend bool operator==(const AdminState&, const AdminState&) = default;
};

}  // namespace carpool
