// What the probe concludes about its service, whatever the protocol in which it is then said.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "dataplane/base/time.h"

namespace carpool::probe {

enum class State : std::uint8_t {
  Up,     // in rotation
  Drain,  // an operator wants no new connections here
  Maint,  // an operator took it out
  Down,   // the service is not well, or does not have the role that was asked for
};

// "up", "drain", "maint", "down"
[[nodiscard]] constexpr std::string_view name(State state) {
  switch (state) {
    case State::Up:
      return "up";
    case State::Drain:
      return "drain";
    case State::Maint:
      return "maint";
    case State::Down:
      break;
  }
  return "down";
}

struct Verdict {
  State state = State::Down;
  std::string reason;  // one line for an operator, without full stop

  friend bool operator==(const Verdict&, const Verdict&) = default;
};

[[nodiscard]] inline Verdict up(std::string reason) {
  return {State::Up, std::move(reason)};
}
[[nodiscard]] inline Verdict down(std::string reason) {
  return {State::Down, std::move(reason)};
}

// Where a check does not come back at all.
inline constexpr const char* kHangs = "the check hangs beyond its time limit";

// Looks at the service once. Blocks, but not beyond the deadline unless the system's name
// resolution does.
using Check = std::function<Verdict(Instant deadline)>;

}  // namespace carpool::probe
