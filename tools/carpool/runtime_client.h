// Speaks to carpoold's runtime socket, which is HAProxy's language.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/base/result.h"

namespace carpool::tool {

inline constexpr const char* kRuntimeSocket = "runtime.sock";

// The answer to one command, without the blank line at its end.
[[nodiscard]] Result<std::string> ask_runtime(const std::filesystem::path& run_dir,
                                              const std::string& command);

// Lines of `show stat`, each by the names of its columns. Nothing for a text that is none.
using StatRow = std::map<std::string, std::string, std::less<>>;
[[nodiscard]] std::vector<StatRow> parse_statistics(std::string_view text);

// One line of CSV, with quotes taken off.
[[nodiscard]] std::vector<std::string> split_csv(std::string_view line);

}  // namespace carpool::tool
