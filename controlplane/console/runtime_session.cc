#include "controlplane/console/runtime_session.h"

#include <algorithm>
#include <chrono>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "controlplane/config/values.h"
#include "controlplane/console/runtime_line.h"
#include "controlplane/console/server_commands.h"
#include "controlplane/console/servers_state.h"
#include "controlplane/console/version.h"

namespace carpool::console {
namespace {

using Words = std::span<const std::string>;

std::string_view word(Words words, std::size_t at) {
  return at < words.size() ? std::string_view(words[at]) : std::string_view();
}

bool contains(Words words, std::string_view wanted) {
  return std::ranges::find(words, wanted) != words.end();
}

StatFormat format_of(Words options) {
  if (contains(options, "json")) return StatFormat::Json;
  return contains(options, "typed") ? StatFormat::Typed : StatFormat::Csv;
}

// As atoi() has it, which is what HAProxy asks: -1 and everything that is no number mean "any".
std::optional<std::uint32_t> id_or_any(std::string_view text) {
  return number_of(text);
}

// Bits 1, 2 and 4; -1 is all of them.
unsigned kinds_of(std::string_view text) {
  if (text.starts_with('-')) return kFrontendLines | kBackendLines | kServerLines;
  return number_of(text).value_or(0);
}

std::string_view name_of(StatsLevel level) {
  constexpr std::string_view kNames[] = {"user", "operator", "admin"};
  return kNames[static_cast<std::size_t>(level)];
}

}  // namespace

std::string RuntimeSession::answer(std::string_view line) {
  std::string text;
  for (const std::string_view command : split_commands(line)) {
    const auto words = split_words(command);
    text += run(words);
    if (quit_) break;
    text += prompt_ ? "\n> " : "\n";
  }
  return text;
}

std::string RuntimeSession::run(Words words) {
  const RuntimeEntry* entry = find_command(words);
  if (entry == nullptr) {
    const std::string_view title =
        words.empty() ? "Unknown command. Please enter one of the following commands only:"
                      : "Unknown command, but maybe one of the following ones is a better match:";
    return fmt::format("{}\n{}", title, command_lines(words));
  }
  if (entry->level > level_) return "Permission denied\n";
  return carry_out(entry->command, words);
}

std::string RuntimeSession::carry_out(RuntimeCommand command, Words words) {
  switch (command) {
    case RuntimeCommand::ClearCounters:
      if (word(words, 2) == "all" && level_ < StatsLevel::Admin) return "Permission denied\n";
      operations_.clear_counters(word(words, 2) == "all");
      return "";
    case RuntimeCommand::DisableAgent:
      return switch_agent(operations_, words, false);
    case RuntimeCommand::DisableFrontend:
      return switch_frontend(operations_, words, false);
    case RuntimeCommand::DisableHealth:
      return switch_health(operations_, words, false);
    case RuntimeCommand::DisableServer:
      return switch_server(operations_, words, false);
    case RuntimeCommand::EnableAgent:
      return switch_agent(operations_, words, true);
    case RuntimeCommand::EnableFrontend:
      return switch_frontend(operations_, words, true);
    case RuntimeCommand::EnableHealth:
      return switch_health(operations_, words, true);
    case RuntimeCommand::EnableServer:
      return switch_server(operations_, words, true);
    case RuntimeCommand::GetWeight:
      return get_weight(operations_, words);
    case RuntimeCommand::Operator:
      return lower_level(StatsLevel::Operator);
    case RuntimeCommand::SetMaxconnServer:
      return set_maxconn(operations_, words);
    case RuntimeCommand::SetServer:
      return set_server(operations_, words);
    case RuntimeCommand::SetTimeout:
      return set_timeout(words);
    case RuntimeCommand::SetWeight:
      return set_weight(operations_, words);
    case RuntimeCommand::ShowBackend:
      return show_backend();
    case RuntimeCommand::ShowCliLevel:
      return fmt::format("{}\n", name_of(level_));
    case RuntimeCommand::ShowCliSockets:
      return show_cli_sockets();
    case RuntimeCommand::ShowEnv:
      return show_env(words);
    case RuntimeCommand::ShowErrors:
      return show_errors(words);
    case RuntimeCommand::ShowInfo:
      return info_text(operations_.info(), format_of(words));
    case RuntimeCommand::ShowServersConn:
      return show_servers(words, true);
    case RuntimeCommand::ShowServersState:
      return show_servers(words, false);
    case RuntimeCommand::ShowStat:
      return show_stat(words);
    case RuntimeCommand::ShowTable:
      return word(words, 2).empty() ? "" : "No such table\n";
    case RuntimeCommand::ShowVersion:
      return fmt::format("{}\n", kVersion);
    case RuntimeCommand::User:
      return lower_level(StatsLevel::User);
    case RuntimeCommand::Help:
      return "The following commands are valid at this level:\n" + command_lines(words.subspan(1));
    case RuntimeCommand::Prompt:
      prompt_ = !prompt_;
      return "";
    case RuntimeCommand::Quit:
      quit_ = true;
      return "";
  }
  return "";
}

std::string RuntimeSession::show_stat(Words words) {
  StatFilter filter;
  Words options = words.subspan(2);
  if (options.size() >= 3) {
    // By id, by name, or -1 for all.
    const std::string_view which = options[0];
    const auto proxies = proxies_of(operations_.config());
    if (const auto id = number_of(which)) {
      filter.proxy = *id;
    } else if (!which.starts_with('-')) {
      const auto named = std::ranges::find(proxies, which, &Proxy::name);
      if (named == proxies.end()) return "No such proxy.\n";
      filter.proxy = named->id;
    }
    filter.kinds = kinds_of(options[1]);
    filter.server = id_or_any(options[2]);
    options = options.subspan(3);
  }
  filter.hide_down = contains(options, "up");
  filter.hide_maintenance = contains(options, "no-maint");
  filter.legends = level_ >= StatsLevel::Operator;
  StatWriter writer(format_of(options));
  operations_.look([&](const StatSources& from) {
    for_each_stat_line(from, filter, [&](const StatLine& line) { writer.add(line); });
  });
  return std::move(writer).finish();
}

// What HAProxy captures here are requests that were no HTTP: nobody reads them at layer 4.
std::string RuntimeSession::show_errors(Words words) const {
  const std::string_view proxy = word(words, 2);
  if (!proxy.empty()) {
    const auto proxies = proxies_of(operations_.config());
    const auto id = number_of(proxy);
    const bool known = std::ranges::any_of(proxies, [&](const Proxy& candidate) {
      return candidate.name == proxy || (id && candidate.id == *id);
    });
    if (!known) return "No such proxy.\n";
  }
  const auto now = surroundings_.wall_now();
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch());
  return fmt::format("Total events captured on [{:%d/%b/%Y:%H:%M:%S}.{:03}] : 0\n",
                     fmt::localtime(std::chrono::system_clock::to_time_t(now)), ms.count() % 1000);
}

std::string RuntimeSession::show_env(Words words) const {
  const std::string_view wanted = word(words, 2);
  std::string text;
  for (const std::string& variable : surroundings_.environment) {
    const std::string_view name = std::string_view(variable).substr(0, variable.find('='));
    if (wanted.empty() || name == wanted) text += variable + "\n";
  }
  return text.empty() && !wanted.empty() ? "Variable not found\n" : text;
}

std::string RuntimeSession::show_backend() const {
  std::string text = "# name\n";
  for (const Proxy& proxy : proxies_of(operations_.config())) {
    if (proxy.has_backend()) text += fmt::format("{}\n", proxy.name);
  }
  return text;
}

std::string RuntimeSession::show_servers(Words words, bool connections) {
  const auto proxies = proxies_of(operations_.config());
  const Proxy* only = nullptr;
  if (!word(words, 3).empty()) {
    only = find_backend(proxies, word(words, 3));
    if (only == nullptr) return "Can't find backend.\n";
  }
  std::string text;
  const std::uint32_t workers = operations_.info().workers;
  operations_.look([&](const StatSources& from) {
    text = connections ? servers_conn(from, proxies, only, workers)
                       : servers_state(from, proxies, only);
  });
  return text;
}

std::string RuntimeSession::show_cli_sockets() const {
  std::string text = "# socket lvl processes\n";
  for (const config::StatsSocket& socket : operations_.config().global.stats_sockets) {
    const auto* path = std::get_if<std::string>(&socket.where);
    const std::string where =
        path != nullptr ? "unix@" + *path
                        : "ipv4@" + config::to_string(std::get<config::Endpoint>(socket.where));
    text += fmt::format("{} {} all\n", where, name_of(socket.level));
  }
  return text;
}

std::string RuntimeSession::set_timeout(Words words) {
  if (word(words, 2) != "cli") return "'set timeout' only supports 'cli'.\n";
  const std::string_view text = word(words, 3);
  if (text.empty()) return "Expects an integer value.\n";
  // Without a unit this one counts seconds.
  if (const auto seconds = number_of(text); seconds && *seconds > 0) {
    timeout_ = std::chrono::seconds(*seconds);
    return "";
  }
  const auto time = config::parse_time(text);
  if (!time || *time <= Duration::zero()) return "Invalid timeout value.\n";
  timeout_ = *time;
  return "";
}

std::string RuntimeSession::lower_level(StatsLevel level) {
  if (level > level_) return "Permission denied\n";
  level_ = level;
  return "";
}

}  // namespace carpool::console
