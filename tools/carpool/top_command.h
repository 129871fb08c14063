// carpool top: the status as a live picture in a terminal.
#pragma once

#include <filesystem>

namespace carpool::tool {

struct TopOptions {
  std::filesystem::path run_dir = "/run/carpool";
};

// Runs until the user leaves; returns the exit status.
int run_top(const TopOptions& options);

}  // namespace carpool::tool
