// The command line of carpool-dp for a configuration, and whether one that runs already was started
// the same way. Pure.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/config/model.h"
#include "dataplane/abi/region.h"

namespace carpool {

// Without the program's name and without --report-fd.
[[nodiscard]] std::vector<std::string> dataplane_arguments(const config::Node& node,
                                                           const std::filesystem::path& run_dir);

// `command_line` as /proc/PID/cmdline has it: every argument ended by a zero byte. Returns the
// arguments in the form of dataplane_arguments().
[[nodiscard]] std::vector<std::string> parse_command_line(std::string_view command_line);

// Why a data plane that was started with `running` does not do for `wanted`, for an operator.
[[nodiscard]] std::optional<std::string> difference(const std::vector<std::string>& running,
                                                    const std::vector<std::string>& wanted);

// The same judged by what the region says: ports and workers. For one that a service manager
// started, with whatever further arguments.
[[nodiscard]] std::optional<std::string> difference(const abi::RegionHeader& running,
                                                    const config::Node& wanted);

}  // namespace carpool
