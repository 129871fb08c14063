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

// Books what it means for the server's life that it went from one state to the next.
std::optional<Transition> settle(const ServerHealth& before, ServerHealth& next, Instant now) {
  if (!next.up) next.stopping = false;
  const auto transition = transition_between(before, next);
  if (!transition) return transition;
  if (!before.up) next.finished_downtime += now - before.since;
  if (before.up && !next.up) ++next.downs;
  next.since = now;
  return transition;
}

}  // namespace

ServerHealth initial_health(const CheckSettings& settings, Instant now, config::InitState state) {
  ServerHealth health{.health = settings.rise, .since = now};
  switch (state) {
    case config::InitState::Up:
      break;
    case config::InitState::FullyUp:
      health.health = fully_up(settings);
      break;
    case config::InitState::Down:
      health.health = settings.rise - 1;
      health.up = false;
      break;
    case config::InitState::FullyDown:
      health.health = 0;
      health.up = false;
      break;
  }
  return health;
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
  if (judged == CheckVerdict::Neutral) return {next, std::nullopt, false, interval(next, settings)};

  if (next.last.status != CheckStatus::Observed) ++next.checks;
  const bool counts =
      judged == CheckVerdict::Failed ? health.health > 0 : health.health < fully_up(settings);
  if (judged == CheckVerdict::Failed) {
    if (health.health > 0) ++next.failures;
    next.health = after_failure(health.health, settings);
  } else {
    next.health = after_success(health.health, settings);
    next.stopping = next.last.status == CheckStatus::L7OkConditional;
  }
  next.up = next.health >= settings.rise && next.agent_up;
  const auto transition = settle(health, next, now);
  const Duration pause = interval(next, settings);
  return {std::move(next), transition, counts, pause};
}

StepOutcome adjust(const ServerHealth& health, const CheckSettings& settings,
                   config::OnError on_error, std::string why, Instant now) {
  ServerHealth adjusted = health;
  ++adjusted.observed;
  if (on_error == config::OnError::Fastinter) {
    return {std::move(adjusted), std::nullopt, false, settings.fastinter};
  }
  if (on_error == config::OnError::SuddenDeath) {
    adjusted.health = std::min(adjusted.health, settings.rise + 1);
  } else if (on_error == config::OnError::MarkDown) {
    adjusted.health = std::min(adjusted.health, settings.rise);
  }
  auto outcome =
      step(adjusted, settings, {.status = CheckStatus::Observed, .text = printable(why)}, now);
  outcome.next_interval = settings.fastinter;
  return outcome;
}

StepOutcome hear_agent(const ServerHealth& health, const std::optional<CheckSettings>& settings,
                       bool agent_up, Instant now) {
  ServerHealth next = health;
  next.agent_up = agent_up;
  next.up = agent_up && (!settings || next.health >= settings->rise);
  const auto transition = settle(health, next, now);
  return {std::move(next), transition, health.agent_up != agent_up, {}};
}

StepOutcome follow(const ServerHealth& health, const ServerHealth& tracked, Instant now) {
  ServerHealth next = health;
  next.up = tracked.up;
  next.stopping = tracked.stopping;
  next.last = tracked.last;
  const auto transition = settle(health, next, now);
  return {std::move(next), transition, false, {}};
}

Duration interval(const ServerHealth& health, const CheckSettings& settings) {
  if (health.health == fully_up(settings)) return settings.inter;
  return health.health == 0 ? settings.downinter : settings.fastinter;
}

ServerHealth carry_over(const ServerHealth& health, const CheckSettings& before,
                        const CheckSettings& after) {
  if (before.rise == after.rise && before.fall == after.fall) return health;
  ServerHealth next = health;
  if (!health.up && health.health < before.rise) {
    next.health = 0;
  } else if (health.checks == 0) {
    next.health = after.rise;  // still before its first check: one failure takes it down
  } else {
    next.health = fully_up(after);
  }
  return next;
}

std::string status_text(const ServerHealth& health, const std::optional<CheckSettings>& settings) {
  if (!settings) return health.up ? "no check" : "DOWN";
  const auto progress = [](const char* word, int done, int of) {
    return std::string(word) + " " + std::to_string(done) + "/" + std::to_string(of);
  };
  if (!health.up) {
    if (health.health >= settings->rise) return "DOWN (agent)";
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
