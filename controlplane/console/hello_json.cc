#include "controlplane/console/hello_json.h"

#include <algorithm>
#include <chrono>
#include <string_view>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace carpool::console {
namespace {

using json = nlohmann::ordered_json;
using hello::LinkReport;
using hello::LinkState;
using hello::Snapshot;

double milliseconds(Duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

// In one word what hellos can tell now.
std::string_view state_of(const Snapshot& from) {
  if (!from.has_peer) return "no peer";
  if (from.peer_ended) return "peer ended";
  const auto is = [&](LinkState state) {
    return [state](const LinkReport& link) { return link.state == state; };
  };
  if (std::ranges::all_of(from.links, is(LinkState::up))) return "up";
  return std::ranges::any_of(from.links, is(LinkState::up)) ? "one link" : "peer lost";
}

json link_json(const LinkReport& link) {
  return {{"name", link.name},
          {"state", name(link.state)},
          {"silence_ms", milliseconds(link.silence)},
          {"longest_silence_ms", milliseconds(link.longest_silence)},
          {"heard", link.heard},
          {"losses", link.losses}};
}

}  // namespace

json hello_json(const std::optional<Snapshot>& hellos, const std::string& why_off) {
  if (!hellos) return {{"state", "off"}, {"why", why_off}};
  const Snapshot& from = *hellos;
  json links = json::array();
  for (const LinkReport& link : from.links)
    links.push_back(link_json(link));
  json drops = json::object();
  for (std::size_t reason = 0; reason < hello::kDrops; ++reason) {
    if (from.dropped[reason] == 0) continue;
    drops[std::string(name(static_cast<hello::Drop>(reason)))] = from.dropped[reason];
  }
  return {{"state", state_of(from)},     {"links", std::move(links)},
          {"priority", from.priority},   {"latest_turn_ms", milliseconds(from.latest_turn)},
          {"not_taken", from.not_taken}, {"dropped", std::move(drops)}};
}

// A peer that is no carpool, or has ended, is nothing that is wrong.
std::optional<std::string> hello_problem(const std::optional<Snapshot>& hellos) {
  if (!hellos || !hellos->has_peer || hellos->peer_ended) return std::nullopt;
  std::string silent;
  for (const LinkReport& link : hellos->links) {
    if (link.state == LinkState::up) continue;
    if (!silent.empty()) silent += " and ";
    silent += link.name;
  }
  if (silent.empty()) return std::nullopt;
  return fmt::format("the peer's hellos are not heard on: {}", silent);
}

}  // namespace carpool::console
