#include "controlplane/console/server_commands.h"

#include <algorithm>
#include <charconv>
#include <expected>
#include <utility>

#include <fmt/format.h>

#include "controlplane/console/proxies.h"

namespace carpool::console {
namespace {

using Words = std::span<const std::string>;

constexpr std::uint32_t kMaxWeight = 256;
constexpr std::uint32_t kMaxRelativeWeight = 25600;  // in per cent

std::string_view word(Words words, std::size_t at) {
  return at < words.size() ? std::string_view(words[at]) : std::string_view();
}

struct Target {
  ServerKey key;
  const config::Server* server = nullptr;
  const config::Backend* backend = nullptr;
  ServerSnapshot known;
};

// "backend/server", or what is wrong with it.
std::expected<Target, std::string> find_target(const Operations& operations,
                                               std::string_view text) {
  const auto slash = text.find('/');
  if (slash == text.npos || slash == 0 || slash + 1 == text.size()) {
    return std::unexpected("Require 'backend/server'.\n");
  }
  const config::Config& config = operations.config();
  const auto proxies = proxies_of(config);
  const Proxy* proxy = find_backend(proxies, text.substr(0, slash));
  if (proxy == nullptr) return std::unexpected("No such backend.\n");
  const config::Backend& backend = config.backends[*proxy->backend];
  const auto at = find_server(backend, text.substr(slash + 1));
  if (!at) return std::unexpected("No such server.\n");
  if (backend.disabled) return std::unexpected("Proxy is disabled.\n");
  const config::Server& server = backend.servers[*at];
  ServerKey key{backend.name, server.name};
  auto known = operations.server(key);
  if (!known) return std::unexpected("No such server.\n");
  return Target{std::move(key), &server, &backend, std::move(*known)};
}

// What a number begins with, and what comes after it; nothing if it is not a number at all.
struct Leading {
  long value = 0;
  std::string_view rest;
};
std::optional<Leading> leading_number(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  Leading number;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number.value);
  if (error != std::errc()) return std::nullopt;
  number.rest = text.substr(static_cast<std::size_t>(end - text.data()));
  return number;
}

// ---- Weight ------------------------------------------------------------------------------------

std::string change_weight(Operations& operations, const Target& target, std::string_view text) {
  if (text.empty()) return "Require <weight> or <weight%>.\n";
  const auto number = leading_number(text);
  if (!number) return "Empty weight string empty or preceded by garbage";
  WeightOverride weight;
  if (number->rest == "%") {
    if (number->value < 0) return "Relative weight must be positive.\n";
    weight.percent = true;
    weight.value = static_cast<std::uint32_t>(
        std::min<long>(number->value, static_cast<long>(kMaxRelativeWeight)));
  } else if (number->value < 0 || number->value > static_cast<long>(kMaxWeight)) {
    return "Absolute weight can only be between 0 and 256 inclusive.\n";
  } else if (!number->rest.empty()) {
    return "Trailing garbage in weight string";
  } else {
    weight.value = static_cast<std::uint32_t>(number->value);
  }
  const std::uint32_t wanted = weight.apply(target.server->weight);
  const bool is_static = target.backend->balance == config::Balance::StaticRoundRobin;
  if (is_static && wanted != 0 && wanted != target.server->weight) {
    return "Backend is using a static LB algorithm and only accepts weights '0%' and '100%'.\n";
  }
  operations.set_weight(target.key,
                        wanted == target.server->weight ? std::nullopt : std::optional(weight));
  return "";
}

// ---- Address -----------------------------------------------------------------------------------

constexpr std::string_view kBy = " by 'stats socket command'\n";

std::string change_address(Operations& operations, const Target& target, Words words) {
  if (word(words, 4).empty()) {
    return "set server <b>/<s> addr requires an address and optionally a port.\n";
  }
  const auto address = parse_ipv4(words[4]);
  if (!address) return fmt::format("Invalid addr '{}'{}", words[4], kBy);
  config::Endpoint wanted{*address, target.server->port};
  std::string text = "no need to change the addr";
  if (*address != target.server->address) {
    text = fmt::format("IP changed from '{}' to '{}'", to_string(target.server->address), words[4]);
  }
  if (word(words, 5) == "port") {
    const std::string_view port = word(words, 6);
    if (port.starts_with('+') || port.starts_with('-')) {
      return fmt::format(
          "{}, can't change <port> to port map because it is incompatible with "
          "current health check port configuration (use 'port' statement from the "
          "'server' directive.{}",
          text, kBy);
    }
    const auto number = number_of(port);
    if (!number || *number == 0 || *number > 65535) {
      return fmt::format("{}, problem converting port '{}' to an int{}", text, port, kBy);
    }
    wanted.port = static_cast<std::uint16_t>(*number);
    text += wanted.port == target.server->port
                ? ", no need to change the port"
                : fmt::format(", port changed from '{}' to '{}'", target.server->port, wanted.port);
  }
  if (wanted != config::Endpoint{target.server->address, target.server->port}) {
    if (const auto done = operations.set_address(target.key, wanted); !done) {
      return done.error().message + "\n";
    }
  }
  return text + std::string(kBy);
}

// ---- Health, agent, mode -----------------------------------------------------------------------

std::string change_state(Operations& operations, const Target& target, std::string_view text) {
  for (const AdminMode mode : {AdminMode::Ready, AdminMode::Drain, AdminMode::Maintenance}) {
    if (text != name(mode)) continue;
    operations.set_mode(target.key, mode);
    return "";
  }
  return "'set server <srv> state' expects 'ready', 'drain' and 'maint'.\n";
}

std::string change_health(Operations& operations, const Target& target, std::string_view text) {
  if (target.known.track) return "cannot change health on a tracking server.\n";
  if (text == "up") {
    operations.force_health(target.key, ForcedHealth::Up);
  } else if (text == "stopping") {
    operations.force_health(target.key, ForcedHealth::Stopping);
  } else if (text == "down") {
    operations.force_health(target.key, ForcedHealth::Down);
  } else {
    return "'set server <srv> health' expects 'up', 'stopping', or 'down'.\n";
  }
  return "";
}

std::string change_agent(Operations& operations, const Target& target, std::string_view text) {
  if (!target.known.agent || target.known.admin.agent_off) {
    return "agent checks are not enabled on this server.\n";
  }
  if (text != "up" && text != "down") return "'set server <srv> agent' expects 'up' or 'down'.\n";
  operations.force_agent(target.key, text == "up");
  return "";
}

std::string only_configured(std::string_view what) {
  return fmt::format("{} is taken from the configuration only: change it there and reload.\n",
                     what);
}

}  // namespace

std::string set_server(Operations& operations, Words words) {
  const auto target = find_target(operations, word(words, 2));
  if (!target) return target.error();
  const std::string_view what = word(words, 3);
  const std::string_view value = word(words, 4);
  if (what == "state") return change_state(operations, *target, value);
  if (what == "weight") return change_weight(operations, *target, value);
  if (what == "addr") return change_address(operations, *target, words);
  if (what == "health") return change_health(operations, *target, value);
  if (what == "agent") return change_agent(operations, *target, value);
  for (const std::string_view other :
       {"agent-addr", "agent-port", "agent-send", "check-addr", "check-port"}) {
    if (what == other) return only_configured(what);
  }
  if (what == "fqdn") {
    return "set server <b>/<s> fqdn failed because no resolution is configured.\n";
  }
  if (what == "ssl") {
    return "'set server <srv> ssl' cannot be set.  default-server should define ssl settings\n";
  }
  return "usage: set server <backend>/<server> addr | agent | agent-addr | agent-port | "
         "agent-send | check-addr | check-port | fqdn | health | ssl | state | weight\n";
}

std::string set_weight(Operations& operations, Words words) {
  const auto target = find_target(operations, word(words, 2));
  return target ? change_weight(operations, *target, word(words, 3)) : target.error();
}

std::string get_weight(Operations& operations, Words words) {
  const auto target = find_target(operations, word(words, 2));
  if (!target) return target.error();
  return fmt::format("{} (initial {})\n", weight_now(*target->server, target->known),
                     target->server->weight);
}

std::string set_maxconn(Operations& operations, Words words) {
  const auto target = find_target(operations, word(words, 3));
  if (!target) return target.error();
  const std::string_view text = word(words, 4);
  if (text.empty()) return "Require <maxconn>.\n";
  const auto number = leading_number(text);
  if (!number || number->value < 0) return "maxconn string empty or preceded by garbage";
  if (!number->rest.empty() || number->value > 0x7fffffff) {
    return "Trailing garbage in maxconn string";
  }
  const auto wanted = static_cast<std::uint32_t>(number->value);
  operations.set_maxconn(target->key,
                         wanted == target->server->maxconn ? std::nullopt : std::optional(wanted));
  return "";
}

std::string switch_server(Operations& operations, Words words, bool on) {
  const auto target = find_target(operations, word(words, 2));
  if (!target) return target.error();
  operations.set_mode(target->key, on ? AdminMode::Ready : AdminMode::Maintenance);
  return "";
}

std::string switch_health(Operations& operations, Words words, bool on) {
  const auto target = find_target(operations, word(words, 2));
  if (!target) return target.error();
  if (on && !target->known.settings) {
    return "Health check was not configured on this server, cannot enable.\n";
  }
  operations.set_checks(target->key, on);
  return "";
}

std::string switch_agent(Operations& operations, Words words, bool on) {
  const auto target = find_target(operations, word(words, 2));
  if (!target) return target.error();
  if (on && !target->known.agent) {
    return "Agent was not configured on this server, cannot enable.\n";
  }
  operations.set_agent_checks(target->key, on);
  return "";
}

std::string switch_frontend(Operations& operations, Words words, bool on) {
  const std::string_view name = word(words, 2);
  if (name.empty()) return "A frontend name is expected.\n";
  const auto proxies = proxies_of(operations.config());
  const Proxy* proxy = find_frontend(proxies, name);
  if (proxy == nullptr) return "No such frontend.\n";
  if (!proxy->frontend) {
    return "This frontend serves statistics only: change that in the configuration.\n";
  }
  if (operations.config().frontends[*proxy->frontend].disabled) {
    return fmt::format("Frontend was previously shut down, cannot {}.\n",
                       on ? "enable" : "disable");
  }
  if (operations.is_enabled(name) == on) {
    return fmt::format("All sockets are already {}.\n", on ? "enabled" : "disabled");
  }
  operations.set_enabled(name, on);
  return "";
}

}  // namespace carpool::console
