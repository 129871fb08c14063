// carpool status: asks carpoold, or looks at the region where carpoold does not answer.
#pragma once

#include <filesystem>

namespace carpool::tool {

struct StatusOptions {
  std::filesystem::path run_dir = "/run/carpool";
  bool json = false;
  bool traffic = false;  // what is seen of the servers' traffic instead
  bool watch = false;
};

// Exit statuses, as --help and the manual page tell them.
inline constexpr int kAnswered = 0;
inline constexpr int kFailed = 1;
inline constexpr int kUsageError = 2;
inline constexpr int kDataplaneOnly = 3;
inline constexpr int kNothingRuns = 4;

// Prints, and returns the exit status.
int run_status(const StatusOptions& options);

}  // namespace carpool::tool
