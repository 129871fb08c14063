// When do check results make a server go up or down, and how soon is the next check? HAProxy's
// counter, exactly: `rise` successes in a row bring a server up, `fall` failures in a row take it
// down, and one result of the other kind starts the count anew. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "controlplane/health/check_result.h"
#include "dataplane/base/time.h"

namespace carpool {

struct CheckSettings {
  int rise = 2;
  int fall = 3;
  Duration inter = std::chrono::seconds(2);
  Duration fastinter = inter;  // between up and down
  Duration downinter = inter;  // fully down

  friend bool operator==(const CheckSettings&, const CheckSettings&) = default;
};

// One number tells all: 0 is fully down, up to rise-1 is coming up, from rise it is up, and
// rise+fall-1 is fully up.
struct ServerHealth {
  int health = 0;
  bool up = true;
  bool stopping = false;     // up, but its last check asked for no new connections (HAProxy's NOLB)
  Instant since{};           // of the last transition, or of the first sight
  CheckResult last{};        // of the last finished check
  std::uint64_t checks = 0;  // finished
  std::uint64_t failures = 0;    // HAProxy's chkfail: failed while the server was not fully down
  std::uint64_t downs = 0;       // HAProxy's chkdown: transitions to down
  Duration finished_downtime{};  // of completed outages, see downtime()

  friend bool operator==(const ServerHealth&, const ServerHealth&) = default;
  [[nodiscard]] bool takes_new_connections() const { return up && !stopping; }
};

// Up also ends Stopping.
enum class Transition : std::uint8_t { Up, Down, Stopping };

struct StepOutcome {
  ServerHealth next;
  std::optional<Transition> transition;
  Duration next_interval;  // from the end of this check to the start of the next
};

// A server is up before its first check and goes down if that one fails: HAProxy starts at
// health = rise, "UP 1/fall", so a start neither holds traffic back nor trusts a dead server long.
[[nodiscard]] ServerHealth initial_health(const CheckSettings& settings, Instant now);

// A server without `check`: always up.
[[nodiscard]] ServerHealth unchecked_health(Instant now);

// `result` finished at `now`. A conditional success keeps a server up but does not bring one up:
// on a server that is down it is recorded as L7STS, a failure.
[[nodiscard]] StepOutcome step(const ServerHealth& health, const CheckSettings& settings,
                               CheckResult result, Instant now);

// The pause before the next check in this state. HAProxy's srv_getinter().
[[nodiscard]] Duration interval(const ServerHealth& health, const CheckSettings& settings);

// The same server under new rise and fall: up stays up and down stays down, and what was complete
// stays complete; a count under way is started anew.
[[nodiscard]] ServerHealth carry_over(const ServerHealth& health, const CheckSettings& before,
                                      const CheckSettings& after);

// "UP", "UP 1/3", "DOWN 1/2", "DOWN", "NOLB" as in HAProxy's statistics; "no check" is for servers
// that have no settings.
[[nodiscard]] std::string status_text(const ServerHealth& health,
                                      const std::optional<CheckSettings>& settings);

// All time spent down up to `now`.
[[nodiscard]] Duration downtime(const ServerHealth& health, Instant now);

}  // namespace carpool
