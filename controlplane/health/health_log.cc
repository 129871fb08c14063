#include "controlplane/health/health_log.h"

#include <chrono>

#include <fmt/format.h>

namespace carpool {
namespace {

std::string_view word_of(const ServerHealth& health) {
  if (!health.up) return "down";
  return health.stopping ? "up, and takes no new connections" : "up";
}

// "reason: Layer7 wrong status, code: 503, info: "Service Unavailable", check duration: 2ms"
std::string reason(const CheckResult& result) {
  std::string text = fmt::format("reason: {}", description(result.status));
  if (result.code != 0) text += fmt::format(", code: {}", result.code);
  if (!result.text.empty()) text += fmt::format(", info: \"{}\"", result.text);
  if (result.status != CheckStatus::Observed) {
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(result.took);
    text += fmt::format(", check duration: {}ms", ms.count());
  }
  return text;
}

// "2/3 UP"
std::string progress(const ServerHealth& health, const CheckSettings& settings) {
  if (health.health >= settings.rise) {
    return fmt::format("{}/{} UP", health.health - settings.rise + 1, settings.fall);
  }
  return fmt::format("{}/{} DOWN", health.health, settings.rise);
}

}  // namespace

std::string transition_line(const ServerKey& key, const ServerHealth& health,
                            const CheckResult& cause) {
  std::string line =
      fmt::format("server {} is {}: {}", to_string(key), word_of(health), name(cause.status));
  if (!cause.text.empty()) line += " " + cause.text;
  return line;
}

std::string check_line(std::string_view of, const ServerPlan& plan, const CheckResult& result,
                       const ServerHealth& health) {
  const std::string_view how =
      result.status == CheckStatus::L7OkConditional ? "conditionally " : "";
  const bool passed = verdict(result.status) == CheckVerdict::Passed;
  std::string line =
      fmt::format("{} check for {}server {} {}{}, {}", of, plan.backup ? "backup " : "",
                  to_string(plan.key), how, passed ? "succeeded" : "failed", reason(result));
  if (of == "Agent") {
    line += health.agent_up ? ", status: 1/1 UP" : ", status: 0/1 DOWN";
  } else if (plan.check) {
    line += ", status: " + progress(health, plan.check->settings);
  }
  return line + ".";
}

}  // namespace carpool
