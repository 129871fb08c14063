#include "controlplane/health/check_state.h"

#include <algorithm>
#include <utility>

namespace carpool {
namespace {

int fully_up(const CheckSettings& settings) {
  return settings.rise + settings.fall - 1;
}

// A failure on the way up, or the one that completes `fall`, falls through to the bottom; a success
// on the way down, or the one that completes `rise`, jumps to the top. Thus only results in a row
// count.
int after_failure(int health, const CheckSettings& settings) {
  const int lower = std::max(health - 1, 0);
  return lower < settings.rise ? 0 : lower;
}

int after_success(int health, const CheckSettings& settings) {
  const int higher = std::min(health + 1, fully_up(settings));
  return higher >= settings.rise ? fully_up(settings) : higher;
}

std::optional<Transition> transition_between(const ServerHealth& before,
                                             const ServerHealth& after) {
  if (before.up != after.up) return after.up ? Transition::Up : Transition::Down;
  if (before.stopping != after.stopping) {
    return after.stopping ? Transition::Stopping : Transition::Up;
  }
  return std::nullopt;
}

}  // namespace

ServerHealth initial_health(const CheckSettings& settings, Instant now) {
  return {.health = settings.rise, .since = now};
}

ServerHealth unchecked_health(Instant now) {
  return {.health = 1, .since = now, .last = {.status = CheckStatus::Unknown}};
}

StepOutcome step(const ServerHealth& health, const CheckSettings& settings, CheckResult result,
                 Instant now) {
  if (result.status == CheckStatus::L7OkConditional && !health.up) {
    result.status = CheckStatus::L7Status;
  }
  ServerHealth next = health;
  next.last = std::move(result);
  const CheckVerdict judged = verdict(next.last.status);
  if (judged == CheckVerdict::Neutral) return {next, std::nullopt, interval(next, settings)};

  ++next.checks;
  if (judged == CheckVerdict::Failed) {
    if (health.health > 0) ++next.failures;
    next.health = after_failure(health.health, settings);
  } else {
    next.health = after_success(health.health, settings);
    next.stopping = next.last.status == CheckStatus::L7OkConditional;
  }
  next.up = next.health >= settings.rise;
  if (!next.up) next.stopping = false;

  const auto transition = transition_between(health, next);
  if (transition) {
    if (!health.up) next.finished_downtime += now - health.since;
    if (!next.up) ++next.downs;
    next.since = now;
  }
  const Duration pause = interval(next, settings);
  return {std::move(next), transition, pause};
}

Duration interval(const ServerHealth& health, const CheckSettings& settings) {
  if (health.health == fully_up(settings)) return settings.inter;
  return health.health == 0 ? settings.downinter : settings.fastinter;
}

ServerHealth carry_over(const ServerHealth& health, const CheckSettings& before,
                        const CheckSettings& after) {
  if (before.rise == after.rise && before.fall == after.fall) return health;
  ServerHealth next = health;
  if (!health.up) {
    next.health = 0;
  } else if (health.checks == 0) {
    next.health = after.rise;  // still before its first check: one failure takes it down
  } else {
    next.health = fully_up(after);
  }
  return next;
}

std::string status_text(const ServerHealth& health, const std::optional<CheckSettings>& settings) {
  if (!settings) return "no check";
  const auto progress = [](const char* word, int done, int of) {
    return std::string(word) + " " + std::to_string(done) + "/" + std::to_string(of);
  };
  if (!health.up) {
    return health.health == 0 ? "DOWN" : progress("DOWN", health.health, settings->rise);
  }
  const char* word = health.stopping ? "NOLB" : "UP";
  return health.health == fully_up(*settings)
             ? word
             : progress(word, health.health - settings->rise + 1, settings->fall);
}

Duration downtime(const ServerHealth& health, Instant now) {
  return health.finished_downtime + (health.up ? Duration{} : now - health.since);
}

}  // namespace carpool
