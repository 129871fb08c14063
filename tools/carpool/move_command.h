// carpool switchover, drill, demote: has carpoold move groups between the nodes.
#pragma once

#include <filesystem>
#include <string>

namespace carpool::tool {

struct MoveOptions {
  std::filesystem::path run_dir = "/run/carpool";
  std::string group;  // empty: all
  bool json = false;
};

// Each prints what was done, and returns the exit status.
int run_switchover(const MoveOptions& options);
int run_drill(const MoveOptions& options);
int run_demote(const MoveOptions& options, bool on);

}  // namespace carpool::tool
