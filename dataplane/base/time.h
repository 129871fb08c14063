// Durations and instants. Both are CLOCK_MONOTONIC nanoseconds, which all processes of a machine
// share.
#pragma once

#include <chrono>
#include <cstdint>

namespace carpool {

using Duration = std::chrono::nanoseconds;
using Instant = std::chrono::steady_clock::time_point;

[[nodiscard]] inline Instant monotonic_now() {
  return std::chrono::steady_clock::now();
}
[[nodiscard]] constexpr std::uint64_t to_ns(Instant instant) {
  return static_cast<std::uint64_t>(Duration(instant.time_since_epoch()).count());
}
[[nodiscard]] constexpr Instant from_ns(std::uint64_t ns) {
  return Instant(Duration(static_cast<std::int64_t>(ns)));
}

}  // namespace carpool
