// The commands of the runtime socket, which is also their documentation: `help` prints it. The
// wording is HAProxy's. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "controlplane/config/model.h"

namespace carpool::console {

using config::StatsLevel;

enum class RuntimeCommand : std::uint8_t {
  ClearCounters,
  DisableAgent,
  DisableFrontend,
  DisableHealth,
  DisableServer,
  EnableAgent,
  EnableFrontend,
  EnableHealth,
  EnableServer,
  GetWeight,
  Operator,
  SetMaxconnServer,
  SetServer,
  SetTimeout,
  SetWeight,
  ShowBackend,
  ShowCliLevel,
  ShowCliSockets,
  ShowEnv,
  ShowErrors,
  ShowInfo,
  ShowServersConn,
  ShowServersState,
  ShowStat,
  ShowTable,
  ShowVersion,
  User,
  Help,
  Prompt,
  Quit,
};

struct RuntimeEntry {
  RuntimeCommand command;
  std::string_view words;  // what a line begins with
  StatsLevel level;        // who may
  std::string_view usage;
  std::string_view help;
};

[[nodiscard]] std::span<const RuntimeEntry> runtime_table();

// The entry whose words the line begins with, or nullptr.
[[nodiscard]] const RuntimeEntry* find_command(std::span<const std::string> words);

// Lines of `help` for entries that begin like `words`, or that come near them; all for no words.
[[nodiscard]] std::string command_lines(std::span<const std::string> words);

}  // namespace carpool::console
