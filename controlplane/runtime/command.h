// Runs a command to its end: as another user where wanted, in a process group of its own, and
// bounded in time and output, so that one that hangs, floods or leaves children behind harms
// nobody.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include "controlplane/runtime/user.h"
#include "dataplane/base/time.h"

namespace carpool {

// What is kept of a command's output, from its beginning; and how much it may write at all before
// nobody reads it any more.
inline constexpr std::size_t kMaxCommandOutput = 1024;
inline constexpr std::size_t kMaxCommandOutputRead = std::size_t{1} << 20;
// What is killed is gone within this time, or it is not waited for (a disk that does not answer).
inline constexpr Duration kKillLimit = std::chrono::seconds(1);

struct CommandRequest {
  std::string program;                   // a path, or a name to be found in PATH of `environment`
  std::vector<std::string> arguments;    // without the program's name
  std::vector<std::string> environment;  // all there is, as NAME=VALUE
  std::optional<UserIds> user{};         // whose rights it has, and no others; none: ours
  bool may_gain_privileges = false;      // by executables that are setuid
  Duration timeout = std::chrono::seconds(10);
};

struct CommandOutcome {
  enum class Kind : std::uint8_t { Exited, Signalled, TimedOut, NotStarted };
  Kind kind = Kind::NotStarted;
  int value = 0;       // exit status, signal, or the error's number
  std::string output;  // of standard output and error

  friend bool operator==(const CommandOutcome&, const CommandOutcome&) = default;
};
// "exited with status 3", "killed by signal 11 (Segmentation fault)", "did not end in time and was
// killed", "cannot be run: No such file or directory"
[[nodiscard]] std::string to_string(const CommandOutcome& outcome);

// Ends within the timeout and kKillLimit. Never throws for what the command does.
[[nodiscard]] boost::asio::awaitable<CommandOutcome> run_command(CommandRequest request);

}  // namespace carpool
