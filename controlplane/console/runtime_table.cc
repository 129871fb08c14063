#include "controlplane/console/runtime_table.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "controlplane/config/suggest.h"
#include "controlplane/console/runtime_line.h"

namespace carpool::console {
namespace {

using enum RuntimeCommand;
constexpr StatsLevel kUser = StatsLevel::User;
constexpr StatsLevel kOperator = StatsLevel::Operator;
constexpr StatsLevel kAdmin = StatsLevel::Admin;

// In the order of their words; the last three stand below every list.
constexpr RuntimeEntry kTable[] = {
    {ClearCounters, "clear counters", kOperator, "clear counters [all]",
     "clear max statistics counters (or all counters)"},
    {DisableAgent, "disable agent", kAdmin, "disable agent", "disable agent checks"},
    {DisableFrontend, "disable frontend", kAdmin, "disable frontend <frontend>",
     "temporarily disable specific frontend"},
    {DisableHealth, "disable health", kAdmin, "disable health", "disable health checks"},
    {DisableServer, "disable server", kAdmin, "disable server (DEPRECATED)",
     "disable a server for maintenance (use 'set server' instead)"},
    {EnableAgent, "enable agent", kAdmin, "enable agent", "enable agent checks"},
    {EnableFrontend, "enable frontend", kAdmin, "enable frontend <frontend>",
     "re-enable specific frontend"},
    {EnableHealth, "enable health", kAdmin, "enable health", "enable health checks"},
    {EnableServer, "enable server", kAdmin, "enable server  (DEPRECATED)",
     "enable a disabled server (use 'set server' instead)"},
    {GetWeight, "get weight", kUser, "get weight <bk>/<srv>", "report a server's current weight"},
    {Operator, "operator", kUser, "operator",
     "lower the level of the current CLI session to operator"},
    {SetMaxconnServer, "set maxconn server", kAdmin, "set maxconn server <bk>/<srv>",
     "change a server's maxconn setting"},
    {SetServer, "set server", kAdmin, "set server <bk>/<srv> [opts]",
     "change a server's state, weight, address or ssl"},
    {SetTimeout, "set timeout", kUser, "set timeout [cli] <delay>", "change a timeout setting"},
    {SetWeight, "set weight", kAdmin, "set weight <bk>/<srv>  (DEPRECATED)",
     "change a server's weight (use 'set server' instead)"},
    {ShowBackend, "show backend", kUser, "show backend",
     "list backends in the current running config"},
    {ShowCliLevel, "show cli level", kUser, "show cli level",
     "display the level of the current CLI session"},
    {ShowCliSockets, "show cli sockets", kOperator, "show cli sockets", "dump list of cli sockets"},
    {ShowEnv, "show env", kOperator, "show env [var]",
     "dump environment variables known to the process"},
    {ShowErrors, "show errors", kOperator, "show errors [<px>] [request|response]",
     "report last request and/or response errors for each proxy"},
    {ShowInfo, "show info", kUser, "show info [desc|json|typed|float]*",
     "report information about the running process"},
    {ShowServersConn, "show servers conn", kUser, "show servers conn [<backend>]",
     "dump server connections status (all or for a single backend)"},
    {ShowServersState, "show servers state", kUser, "show servers state [<backend>]",
     "dump volatile server information (all or for a single backend)"},
    {ShowStat, "show stat", kUser, "show stat [desc|json|no-maint|typed|up]*",
     "report counters for each proxy and server"},
    {ShowTable, "show table", kUser, "show table <table> [<filter>]*",
     "report table usage stats or dump this table's contents (filter: data/key)"},
    {ShowVersion, "show version", kUser, "show version", "show version of the current process"},
    {User, "user", kUser, "user", "lower the level of the current CLI session to user"},
    {Help, "help", kUser, "help [<command>]", "list matching or all commands"},
    {Prompt, "prompt", kUser, "prompt", "toggle interactive mode with prompt"},
    {Quit, "quit", kUser, "quit", "disconnect"},
};
constexpr std::size_t kAlwaysListed = 3;
constexpr std::size_t kBestMatches = 5;

std::size_t common_words(const RuntimeEntry& entry, std::span<const std::string> words) {
  const auto own = split_words(entry.words);
  std::size_t common = 0;
  while (common < std::min(own.size(), words.size()) && own[common] == words[common])
    ++common;
  return common;
}

// The nearest in spelling, where none begins alike.
std::vector<const RuntimeEntry*> near_ones(std::span<const std::string> words,
                                           std::span<const RuntimeEntry> entries) {
  std::string text;
  for (std::size_t at = 0; at < std::min<std::size_t>(words.size(), 3); ++at)
    text += (at == 0 ? "" : " ") + words[at].substr(0, 32);
  std::vector<std::pair<std::size_t, const RuntimeEntry*>> ranked;
  for (const RuntimeEntry& entry : entries)
    ranked.emplace_back(config::edit_distance(text, entry.words), &entry);
  std::ranges::stable_sort(ranked, {}, [](const auto& pair) { return pair.first; });
  std::vector<const RuntimeEntry*> near;
  for (const auto& [distance, entry] : ranked) {
    if (near.size() == kBestMatches) break;
    near.push_back(entry);
  }
  return near;
}

std::vector<const RuntimeEntry*> matching(std::span<const std::string> words,
                                          std::span<const RuntimeEntry> entries) {
  std::size_t most = 0;
  for (const RuntimeEntry& entry : entries)
    most = std::max(most, common_words(entry, words));
  if (!words.empty() && most == 0) return near_ones(words, entries);
  std::vector<const RuntimeEntry*> found;
  for (const RuntimeEntry& entry : entries) {
    if (common_words(entry, words) == most) found.push_back(&entry);
  }
  return found;
}

}  // namespace

std::span<const RuntimeEntry> runtime_table() {
  return kTable;
}

const RuntimeEntry* find_command(std::span<const std::string> words) {
  for (const RuntimeEntry& entry : kTable) {
    if (!words.empty() && common_words(entry, words) == split_words(entry.words).size()) {
      return &entry;
    }
  }
  return nullptr;
}

std::string command_lines(std::span<const std::string> words) {
  const std::span<const RuntimeEntry> all = kTable;
  const auto listed = all.first(all.size() - kAlwaysListed);
  std::string text;
  const auto add = [&text](const RuntimeEntry& entry) {
    text += fmt::format("  {:<40}: {}\n", entry.usage, entry.help);
  };
  for (const RuntimeEntry* entry : matching(words, listed))
    add(*entry);
  for (const RuntimeEntry& entry : all.last(kAlwaysListed))
    add(entry);
  return text;
}

}  // namespace carpool::console
