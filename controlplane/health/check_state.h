// When do check results make a server go up or down, and how soon is the next check? HAProxy's
// counter, exactly: `rise` successes in a row bring a server up, `fall` failures in a row take it
// down, and one result of the other kind starts the count anew. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "controlplane/config/server_checks.h"
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
  bool up = true;            // what its check, its agent or the server that it tracks come to
  bool agent_up = true;      // what its agent said last
  bool stopping = false;     // up, but its last check asked for no new connections (HAProxy's NOLB)
  Instant since{};           // of the last transition, or of the first sight
  CheckResult last{};        // of the last finished check
  std::uint64_t checks = 0;  // finished
  std::uint64_t failures = 0;    // HAProxy's chkfail: failed while the server was not fully down
  std::uint64_t downs = 0;       // HAProxy's chkdown: transitions to down
  std::uint64_t observed = 0;    // HAProxy's hanafail: times that its traffic reached error-limit
  Duration finished_downtime{};  // of completed outages, see downtime()

  friend bool operator==(const ServerHealth&, const ServerHealth&) = default;
  [[nodiscard]] bool takes_new_connections() const { return up && !stopping; }
};

// Up also ends Stopping.
enum class Transition : std::uint8_t { Up, Down, Stopping };

struct StepOutcome {
  ServerHealth next;
  std::optional<Transition> transition;
  bool counts = false;     // it changed how close the server is to up or down: HAProxy logs it
  Duration next_interval;  // from the end of this check to the start of the next
};

// By default a server is up before its first check and goes down if that one fails: HAProxy starts
// at health = rise, "UP 1/fall", so a start neither holds traffic back nor trusts a dead server
// long. `init-state` says otherwise.
[[nodiscard]] ServerHealth initial_health(const CheckSettings& settings, Instant now,
                                          config::InitState state = config::InitState::Up);

// A server without `check`: always up.
[[nodiscard]] ServerHealth unchecked_health(Instant now);

// `result` finished at `now`. A conditional success keeps a server up but does not bring one up:
// on a server that is down it is recorded as L7STS, a failure.
[[nodiscard]] StepOutcome step(const ServerHealth& health, const CheckSettings& settings,
                               CheckResult result, Instant now);

// The traffic of the server has shown `error-limit` errors in a row, and `on-error` says what that
// means. HAProxy's __health_adjust(). The next check is to come after `fastinter` in any case.
[[nodiscard]] StepOutcome adjust(const ServerHealth& health, const CheckSettings& settings,
                                 config::OnError on_error, std::string why, Instant now);

// The agent has spoken: a server is up if both its check, where it has one, and its agent say so.
[[nodiscard]] StepOutcome hear_agent(const ServerHealth& health,
                                     const std::optional<CheckSettings>& settings, bool agent_up,
                                     Instant now);

// A server that tracks another is what that one is.
[[nodiscard]] StepOutcome follow(const ServerHealth& health, const ServerHealth& tracked,
                                 Instant now);

// The pause before the next check in this state. HAProxy's srv_getinter().
[[nodiscard]] Duration interval(const ServerHealth& health, const CheckSettings& settings);

// The same server under new rise and fall: up stays up and down stays down, and what was complete
// stays complete; a count under way is started anew.
[[nodiscard]] ServerHealth carry_over(const ServerHealth& health, const CheckSettings& before,
                                      const CheckSettings& after);

// "UP", "UP 1/3", "DOWN 1/2", "DOWN", "DOWN (agent)", "NOLB" as in HAProxy's statistics; "no check"
// is for servers that have no settings.
[[nodiscard]] std::string status_text(const ServerHealth& health,
                                      const std::optional<CheckSettings>& settings);

// All time spent down up to `now`.
[[nodiscard]] Duration downtime(const ServerHealth& health, Instant now);

}  // namespace carpool
