// The one way by which a configuration changes: validated, shown, asked for, remembered, stored,
// handed to the daemon; and put back where the daemon does not take it.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/appliance/config_source.h"
#include "tools/carpool/history.h"
#include "tools/carpool/workplace.h"

namespace carpool::tool {

using Files = std::vector<config::SourceFile>;

struct ChangeRequest {
  std::string message;                          // for the history
  std::optional<std::chrono::seconds> confirm;  // rolled back after this time unless confirmed
  bool yes = false;                             // without asking
};

// The files that are switched on, in the order in which they are assembled.
[[nodiscard]] Files switched_on(const Files& files);

// Prints what is wrong. Nothing: it is not good.
[[nodiscard]] std::optional<LoadedConfig> validate(const Workplace& workplace, const Files& files,
                                                   bool with_warnings);

// Replaces all files by `wanted`, if they still are `seen`. Prints, and returns the exit status.
[[nodiscard]] int change_files(const Workplace& workplace, const Files& seen, const Files& wanted,
                               const ChangeRequest& request);
// Has the daemon take what is on the disk already.
[[nodiscard]] int apply_files(const Workplace& workplace, const ChangeRequest& request);
// Keeps what is on trial.
[[nodiscard]] int confirm_files(const Workplace& workplace);

// Who types, also behind sudo.
[[nodiscard]] std::string author_name();
// A yes. Without a terminal to ask on: no, and it says so.
[[nodiscard]] bool ask(std::string_view question);
[[nodiscard]] bool colours_wanted();
[[nodiscard]] int complain(const Error& error);

}  // namespace carpool::tool
