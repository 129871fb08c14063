#include "controlplane/health/check_state.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace carpool {
namespace {

using namespace std::chrono_literals;

constexpr Instant kStart{1000s};

CheckResult passed() {
  return {.status = CheckStatus::L7Ok, .code = 200, .took = 1ms, .text = "OK"};
}
CheckResult failed() {
  return {.status = CheckStatus::L4Connect, .code = 0, .took = 1ms, .text = "Connection refused"};
}

// A transcript: each letter is a check that passed (+), failed (-) or said nothing (?), and each
// line of `expected` is what the statistics then show, with ! on a transition.
struct Transcript {
  const char* what;
  int rise;
  int fall;
  std::string checks;
  std::vector<std::string> expected;
};

const Transcript kTranscripts[] = {
    {"up before its first check; the first failure takes it down", 2, 3, "-", {"DOWN!"}},
    {"the first success makes it fully up at once", 2, 3, "+", {"UP"}},
    {"fall failures in a row take it down", 2, 3, "+---", {"UP", "UP 2/3", "UP 1/3", "DOWN!"}},
    {"a success on the way down starts the count anew",
     2,
     3,
     "+--+--+",
     {"UP", "UP 2/3", "UP 1/3", "UP", "UP 2/3", "UP 1/3", "UP"}},
    {"rise successes in a row bring it up", 3, 2, "-+++", {"DOWN!", "DOWN 1/3", "DOWN 2/3", "UP!"}},
    {"a failure on the way up starts the count anew",
     3,
     2,
     "-++-++-",
     {"DOWN!", "DOWN 1/3", "DOWN 2/3", "DOWN", "DOWN 1/3", "DOWN 2/3", "DOWN"}},
    {"after coming up it may fail fall-1 times",
     2,
     3,
     "-++--",
     {"DOWN!", "DOWN 1/2", "UP!", "UP 2/3", "UP 1/3"}},
    {"rise 1 fall 1 follows every result", 1, 1, "+-+-", {"UP", "DOWN!", "UP!", "DOWN!"}},
    {"what says nothing changes nothing",
     2,
     2,
     "?+?-?",
     {"UP 1/2", "UP", "UP", "UP 1/2", "UP 1/2"}},
    {"more of the same changes nothing",
     2,
     2,
     "++---+++",
     {"UP", "UP", "UP 1/2", "DOWN!", "DOWN", "DOWN 1/2", "UP!", "UP"}},
};

TEST(CheckState, CountsAsHaproxyDoes) {
  for (const auto& transcript : kTranscripts) {
    const CheckSettings settings{.rise = transcript.rise, .fall = transcript.fall};
    ServerHealth health = initial_health(settings, kStart);
    ASSERT_TRUE(health.up);
    for (std::size_t i = 0; i < transcript.checks.size(); ++i) {
      const char kind = transcript.checks[i];
      const bool was_up = health.up;
      const auto outcome = step(health, settings,
                                kind == '+'   ? passed()
                                : kind == '-' ? failed()
                                              : CheckResult{.status = CheckStatus::Unknown},
                                kStart + (i + 1) * 1s);
      health = outcome.next;
      EXPECT_EQ(status_text(health, settings) + (outcome.transition ? "!" : ""),
                transcript.expected[i])
          << transcript.what << ", check " << i + 1;
      EXPECT_EQ(outcome.transition.has_value(), was_up != health.up);
      EXPECT_EQ(outcome.transition == Transition::Up, !was_up && health.up);
    }
  }
}

TEST(CheckState, HurriesWhileUndecidedAndRestsWhenDown) {
  const CheckSettings settings{
      .rise = 2, .fall = 2, .inter = 2s, .fastinter = 500ms, .downinter = 10s};
  ServerHealth health = initial_health(settings, kStart);
  EXPECT_EQ(interval(health, settings), 500ms);  // not proven yet
  const std::pair<CheckResult, Duration> transcript[] = {
      {passed(), 2s},  {failed(), 500ms}, {failed(), 10s}, {passed(), 500ms},
      {failed(), 10s}, {passed(), 500ms}, {passed(), 2s},
  };
  for (const auto& [result, expected] : transcript) {
    const auto outcome = step(health, settings, result, kStart);
    EXPECT_EQ(outcome.next_interval, expected);
    health = outcome.next;
  }
}

TEST(CheckState, InterServesForIntervalsNotSet) {
  const CheckSettings settings{.rise = 2, .fall = 2, .inter = 3s};
  ServerHealth health = initial_health(settings, kStart);
  for (const auto& result : {passed(), failed(), failed(), failed(), passed()}) {
    const auto outcome = step(health, settings, result, kStart);
    EXPECT_EQ(outcome.next_interval, 3s);
    health = outcome.next;
  }
}

TEST(CheckState, CountsFailuresAndOutages) {
  const CheckSettings settings{.rise = 1, .fall = 2};
  ServerHealth health = initial_health(settings, kStart);
  Instant now = kStart;
  const auto check = [&](const CheckResult& result) {
    now += 1s;
    health = step(health, settings, result, now).next;
  };
  check(passed());
  check(failed());
  check(failed());  // down at 3 s
  check(failed());  // already fully down: not counted as another failure
  EXPECT_EQ(health.since, kStart + 3s);
  EXPECT_EQ(downtime(health, now), 1s);
  check(passed());  // up at 5 s
  check(passed());
  EXPECT_EQ(health.since, kStart + 5s);
  EXPECT_EQ(downtime(health, now), 2s);
  EXPECT_EQ(health.checks, 6u);
  EXPECT_EQ(health.failures, 2u);
  EXPECT_EQ(health.downs, 1u);
  EXPECT_EQ(health.last, passed());
}

TEST(CheckState, NewThresholdsKeepTheVerdict) {
  const CheckSettings before{.rise = 2, .fall = 3};
  const CheckSettings after{.rise = 5, .fall = 1};
  const auto after_checks = [&](std::string_view checks) {
    ServerHealth health = initial_health(before, kStart);
    for (const char kind : checks)
      health = step(health, before, kind == '+' ? passed() : failed(), kStart).next;
    return health;
  };
  EXPECT_EQ(status_text(carry_over(after_checks("+"), before, after), after), "UP");
  EXPECT_EQ(status_text(carry_over(after_checks("+-"), before, after), after), "UP");
  EXPECT_EQ(status_text(carry_over(after_checks("-"), before, after), after), "DOWN");
  EXPECT_EQ(status_text(carry_over(after_checks("-+"), before, after), after), "DOWN");
  // Nothing known yet: still one failure from being down.
  EXPECT_EQ(carry_over(after_checks(""), before, after).health, after.rise);
  // The same thresholds keep even the count under way.
  EXPECT_EQ(carry_over(after_checks("+-"), before, before), after_checks("+-"));
}

// `http-check disable-on-404`: the administrator takes a server out softly by removing its page.
TEST(CheckState, AConditionalSuccessStopsAServerButRevivesNone) {
  const CheckSettings settings{.rise = 1, .fall = 2};
  const CheckResult conditional{.status = CheckStatus::L7OkConditional, .code = 404};
  ServerHealth health = initial_health(settings, kStart);
  const auto check = [&](const CheckResult& result) {
    auto outcome = step(health, settings, result, kStart);
    health = outcome.next;
    return outcome.transition;
  };
  EXPECT_EQ(check(conditional), Transition::Stopping);
  EXPECT_TRUE(health.up);
  EXPECT_FALSE(health.takes_new_connections());
  EXPECT_EQ(status_text(health, settings), "NOLB");
  EXPECT_EQ(check(failed()), std::nullopt);
  EXPECT_EQ(status_text(health, settings), "NOLB 1/2");
  EXPECT_EQ(check(passed()), Transition::Up);
  EXPECT_TRUE(health.takes_new_connections());
  check(failed());
  EXPECT_EQ(check(failed()), Transition::Down);
  EXPECT_EQ(check(conditional), std::nullopt);
  EXPECT_EQ(status_text(health, settings), "DOWN");
  EXPECT_EQ(health.last.status, CheckStatus::L7Status);
}

// `init-state`: what is shown at first, and how many results of one kind it takes to turn it.
TEST(CheckState, BeginsAsInitStateSays) {
  using config::InitState;
  const CheckSettings settings{.rise = 3, .fall = 2};
  struct Case {
    InitState state;
    const char* shown;
    int failures_to_down;
    int successes_to_up;
  };
  for (const auto& [state, shown, failures, successes] :
       {Case{InitState::Up, "UP 1/2", 1, 0}, Case{InitState::FullyUp, "UP", 2, 0},
        Case{InitState::Down, "DOWN 2/3", 0, 1}, Case{InitState::FullyDown, "DOWN", 0, 3}}) {
    const ServerHealth initial = initial_health(settings, kStart, state);
    EXPECT_EQ(status_text(initial, settings), shown);
    const auto turns_after = [&](const CheckResult& result, bool up) {
      ServerHealth health = initial;
      int checks = 0;
      for (; health.up != up && checks < 10; ++checks)
        health = step(health, settings, result, kStart).next;
      return checks;
    };
    EXPECT_EQ(turns_after(failed(), false), failures) << shown;
    EXPECT_EQ(turns_after(passed(), true), successes) << shown;
  }
}

// What errors of the traffic do to a server, by `on-error` and by how it stands.
TEST(CheckState, ErrorsOfTrafficCountAsOnErrorSays) {
  using config::OnError;
  const CheckSettings settings{.rise = 2, .fall = 3, .inter = 10s, .fastinter = 1s};
  struct Case {
    const char* checks;  // before it
    OnError on_error;
    const char* shown;
  };
  const Case cases[] = {
      {"+", OnError::Fastinter, "UP"},       {"+", OnError::FailCheck, "UP 2/3"},
      {"+", OnError::SuddenDeath, "UP 1/3"}, {"+", OnError::MarkDown, "DOWN!"},
      {"+-", OnError::FailCheck, "UP 1/3"},  {"+-", OnError::SuddenDeath, "UP 1/3"},
      {"+--", OnError::FailCheck, "DOWN!"},  {"+--", OnError::SuddenDeath, "DOWN!"},
      {"", OnError::FailCheck, "DOWN!"},     {"+---", OnError::MarkDown, "DOWN"},
      {"+---+", OnError::FailCheck, "DOWN"}, {"+---+", OnError::Fastinter, "DOWN 1/2"},
  };
  for (const auto& [checks, on_error, shown] : cases) {
    ServerHealth health = initial_health(settings, kStart);
    for (const char kind : std::string_view(checks))
      health = step(health, settings, kind == '+' ? passed() : failed(), kStart).next;
    const auto outcome = adjust(health, settings, on_error, "10 errors", kStart);
    EXPECT_EQ(status_text(outcome.next, settings) + (outcome.transition ? "!" : ""), shown)
        << checks << " " << static_cast<int>(on_error);
    EXPECT_EQ(outcome.next_interval, 1s);
    EXPECT_EQ(outcome.next.observed, 1u);
    EXPECT_EQ(outcome.next.checks, health.checks) << "it was none";
  }
}

TEST(CheckState, OnlyResultsThatMoveTheCounterCount) {
  const CheckSettings settings{.rise = 2, .fall = 2};
  ServerHealth health = initial_health(settings, kStart);
  const auto counts = [&](const CheckResult& result) {
    const auto outcome = step(health, settings, result, kStart);
    health = outcome.next;
    return outcome.counts;
  };
  EXPECT_TRUE(counts(passed()));
  EXPECT_FALSE(counts(passed()));
  EXPECT_TRUE(counts(failed()));
  EXPECT_TRUE(counts(failed()));
  EXPECT_FALSE(counts(failed()));
  EXPECT_TRUE(counts(passed()));
}

TEST(CheckState, NeedsBothCheckAndAgent) {
  const CheckSettings settings{.rise = 1, .fall = 2};
  ServerHealth health = step(initial_health(settings, kStart), settings, passed(), kStart).next;
  auto outcome = hear_agent(health, settings, false, kStart + 1s);
  EXPECT_EQ(outcome.transition, Transition::Down);
  EXPECT_EQ(status_text(outcome.next, settings), "DOWN (agent)");
  health = step(outcome.next, settings, passed(), kStart + 2s).next;
  EXPECT_FALSE(health.up);
  health = step(health, settings, failed(), kStart + 3s).next;
  health = step(health, settings, failed(), kStart + 4s).next;
  EXPECT_EQ(status_text(health, settings), "DOWN");
  EXPECT_EQ(hear_agent(health, settings, true, kStart + 5s).transition, std::nullopt);
  health = hear_agent(health, settings, true, kStart + 5s).next;
  const auto up = step(health, settings, passed(), kStart + 6s);
  EXPECT_EQ(up.transition, Transition::Up);
  EXPECT_EQ(downtime(up.next, kStart + 10s), 5s);
  EXPECT_EQ(up.next.downs, 1u);
}

TEST(CheckState, AFollowerIsWhatItsLeaderIs) {
  const ServerHealth follower = unchecked_health(kStart);
  ServerHealth leader{.health = 0, .up = false, .last = failed()};
  auto outcome = follow(follower, leader, kStart + 1s);
  EXPECT_EQ(outcome.transition, Transition::Down);
  EXPECT_EQ(outcome.next.since, kStart + 1s);
  EXPECT_EQ(follow(outcome.next, leader, kStart + 2s).transition, std::nullopt);
  leader = {.health = 4, .up = true, .stopping = true};
  outcome = follow(outcome.next, leader, kStart + 3s);
  EXPECT_EQ(outcome.transition, Transition::Up);
  EXPECT_FALSE(outcome.next.takes_new_connections());
}

TEST(CheckState, AServerWithoutCheckIsUp) {
  const auto health = unchecked_health(kStart);
  EXPECT_TRUE(health.up);
  EXPECT_EQ(status_text(health, std::nullopt), "no check");
}

TEST(CheckResult, BearsHaproxysNames) {
  EXPECT_EQ(name(CheckStatus::L7Status), "L7STS");
  EXPECT_EQ(description(CheckStatus::L4Timeout), "Layer4 timeout");
  EXPECT_EQ(verdict(CheckStatus::L7OkConditional), CheckVerdict::Passed);
  EXPECT_EQ(verdict(CheckStatus::SocketError), CheckVerdict::Failed);
}

TEST(CheckResult, TextIsHarmlessAndBounded) {
  EXPECT_EQ(printable("a\nb\x1b[31m\xff"), "a.b.[31m.");
  EXPECT_EQ(printable(std::string(1000, 'x')).size(), kMaxCheckText);
}

}  // namespace
}  // namespace carpool
