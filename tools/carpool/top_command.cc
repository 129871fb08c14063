#include "tools/carpool/top_command.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "dataplane/base/time.h"
#include "tools/carpool/client.h"
#include "tools/carpool/status_command.h"
#include "tools/carpool/top/model.h"
#include "tools/carpool/top/terminal.h"
#include "tools/carpool/top/view.h"

namespace carpool::tool {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

constexpr Duration kInterval = 1s;

Result<json> ask(const TopOptions& options) {
  const auto answer = get(options.run_dir / kControlSocket, "/api/v1/status");
  if (!answer) return std::unexpected(answer.error());
  json status = json::parse(*answer, nullptr, /*allow_exceptions=*/false);
  if (status.is_discarded()) return fail("carpoold's answer is not JSON");
  return status;
}

// What was last heard, and the one before.
struct Readings {
  json now;
  json before;

  // A daemon that does not answer leaves what was heard last on the screen, and a note.
  void take(Result<json> answer, top::View& view) {
    if (!answer) {
      view.note = "no answer, this is old: " + answer.error().message;
      return;
    }
    view.note.clear();
    before = std::exchange(now, std::move(*answer));
  }
};

}  // namespace

int run_top(const TopOptions& options) {
  if (!top::Terminal::is_there()) {
    fmt::print(stderr, "carpool: top needs a terminal to draw on; without one: carpool status\n");
    return kUsageError;
  }
  auto first = ask(options);
  if (!first) {
    fmt::print(stderr, "carpool: {}\n", first.error().message);
    return kNothingRuns;
  }
  top::View view;
  Readings readings{std::move(*first), nullptr};
  top::Model model = top::make_model(readings.now, readings.before);
  top::Terminal terminal;
  Instant next = monotonic_now() + kInterval;
  for (;;) {
    terminal.show(draw(view, model, terminal.size()));
    const Duration left =
        view.is_paused ? kInterval : std::max(next - monotonic_now(), Duration::zero());
    const auto key = terminal.key(std::chrono::ceil<std::chrono::milliseconds>(left));
    const top::Wish wish = key ? press(view, *key, model, terminal.size()) : top::Wish::none;
    if (wish == top::Wish::quit) return kAnswered;
    if (wish != top::Wish::refresh && (view.is_paused || monotonic_now() < next)) continue;
    readings.take(ask(options), view);
    model = top::make_model(readings.now, readings.before);
    next = monotonic_now() + kInterval;
  }
}

}  // namespace carpool::tool
