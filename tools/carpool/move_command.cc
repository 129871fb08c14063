#include "tools/carpool/move_command.h"

#include <cstdio>
#include <functional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "tools/carpool/client.h"
#include "tools/carpool/move_text.h"
#include "tools/carpool/status_command.h"

namespace carpool::tool {
namespace {

using nlohmann::json;

// Longer than carpoold may take: the peer's answers and takeovers, twice for a drill.
constexpr std::chrono::seconds kLimit{60};

json wish_of(const MoveOptions& options) {
  json wish = json::object();
  if (!options.group.empty()) wish["group"] = options.group;
  return wish;
}

int ask_and_print(const MoveOptions& options, Wish wish,
                  const std::function<std::string(const json&)>& text) {
  wish.limit = kLimit;
  const auto answer = ask_for(options.run_dir / kControlSocket, wish);
  if (!answer) {
    fmt::print(stderr, "carpool: {}\n", answer.error().message);
    return kNothingRuns;
  }
  const json body = json::parse(answer->body, nullptr, /*allow_exceptions=*/false);
  if (options.json) {
    fmt::print("{}", answer->body);
  } else if (answer->status == 200 && body.is_object()) {
    fmt::print("{}", text(body));
  } else {
    fmt::print(stderr, "carpool: {}\n", refusal_text(body, answer->status));
  }
  return answer->status == 200 ? kAnswered : kFailed;
}

}  // namespace

int run_switchover(const MoveOptions& options) {
  return ask_and_print(options, {"POST", "/api/v1/switchover", wish_of(options).dump(), {}},
                       switchover_text);
}

int run_drill(const MoveOptions& options) {
  return ask_and_print(options, {"POST", "/api/v1/drill", wish_of(options).dump(), {}}, drill_text);
}

int run_demote(const MoveOptions& options, bool on) {
  json wish = wish_of(options);
  wish["on"] = on;
  return ask_and_print(options, {"PUT", "/api/v1/demote", wish.dump(), {}}, demote_text);
}

}  // namespace carpool::tool
