#include "controlplane/console/server_views.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace carpool::console {
namespace {

using mirror::ServerViewState;

ServerViewState state_of(const ServerHealth& health, AdminMode mode) {
  if (mode == AdminMode::Maintenance) return ServerViewState::maintenance;
  if (!health.up) return ServerViewState::down;
  if (mode == AdminMode::Drain) return ServerViewState::drain;
  return health.stopping ? ServerViewState::stopping : ServerViewState::up;
}

std::string status_of(const CheckResult& result) {
  const auto status = carpool::name(result.status);
  return result.code == 0 ? std::string(status) : fmt::format("{}/{}", status, result.code);
}

// A check that failed says why; one that passed does not matter.
std::string reason(ServerViewState state, const std::string& check, const std::string& text) {
  const bool matters = state == ServerViewState::down || state == ServerViewState::stopping;
  if (!matters || check.empty()) return "";
  return text.empty() ? ": " + check : fmt::format(": {}, {}", check, text);
}

}  // namespace

mirror::ServerView view_of(const ServerKey& key, const ServerHealth& health, AdminMode mode) {
  mirror::ServerView view;
  view.name = to_string(key);
  view.state = state_of(health, mode);
  if (health.checks == 0 && health.last.status == CheckStatus::Initial) return view;
  view.check = status_of(health.last);
  const bool is_well = view.state == ServerViewState::up;
  if (!is_well) view.text = health.last.text.substr(0, mirror::kMaxViewText);
  return view;
}

std::string_view name(ServerViewState state) {
  constexpr std::string_view kNames[] = {"gone", "up", "down", "stopping", "drain", "maint"};
  return kNames[static_cast<std::size_t>(state)];
}

std::optional<ViewDifference> difference(const ServerSnapshot& here, const mirror::PeerViews& there,
                                         Instant now) {
  const auto told = there.find(to_string(here.key));
  if (told == there.end()) return std::nullopt;
  auto view = view_of(here.key, here.health, here.mode);
  if (view.state == told->second.state) return std::nullopt;
  const Duration lasted = now - std::max(told->second.since, here.health.since);
  return ViewDifference{std::move(view), told->second, lasted};
}

std::string text(const ViewDifference& difference, std::string_view peer) {
  const auto& [here, there, lasted] = difference;
  return fmt::format("{} here{}; {} on {}{}", name(here.state),
                     reason(here.state, here.check, here.text), name(there.state), peer,
                     reason(there.state, there.check, there.text));
}

std::vector<std::string> view_problems(std::span<const ServerSnapshot> here,
                                       const mirror::PeerViews& there, std::string_view peer,
                                       Instant now) {
  std::vector<std::string> problems;
  std::size_t more = 0;
  for (const ServerSnapshot& server : here) {
    const auto found = difference(server, there, now);
    if (!found || found->lasted < kViewGrace) continue;
    if (problems.size() == kMaxViewProblems) {
      ++more;
    } else {
      problems.push_back(fmt::format("the nodes differ about server {}: {}", found->here.name,
                                     text(*found, peer)));
    }
  }
  if (more > 0) problems.push_back(fmt::format("the nodes differ about {} more servers", more));
  return problems;
}

}  // namespace carpool::console
