#include "tools/probe/command_check.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <optional>
#include <string_view>
#include <thread>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/probe/cat.h"
#include "tools/probe/fd.h"
#include "tools/probe/wait.h"

namespace carpool::probe {
namespace {

// Of the program's output; the rest is read and dropped, so that the program does not block.
constexpr std::size_t kMaxOutput = 512;
// How often to ask whether the program has ended once it has closed its output.
constexpr auto kReapInterval = std::chrono::milliseconds(2);

struct SpawnSetup {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;

  explicit SpawnSetup(int output) {
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    ::posix_spawnattr_init(&attributes);
    sigset_t none, all;
    ::sigemptyset(&none);
    ::sigfillset(&all);
    ::posix_spawnattr_setsigmask(&attributes, &none);
    ::posix_spawnattr_setsigdefault(&attributes, &all);
    ::posix_spawnattr_setpgroup(&attributes, 0);
    ::posix_spawnattr_setflags(
        &attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  SpawnSetup(const SpawnSetup&) = delete;
  SpawnSetup& operator=(const SpawnSetup&) = delete;
  ~SpawnSetup() {
    ::posix_spawnattr_destroy(&attributes);
    ::posix_spawn_file_actions_destroy(&actions);
  }
};

// Errors: an errno.
std::expected<pid_t, int> spawn(const std::vector<std::string>& argv, int output) {
  std::vector<char*> words;
  for (const std::string& word : argv)
    words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  const SpawnSetup setup(output);
  pid_t pid = -1;
  const int error =
      ::posix_spawnp(&pid, words[0], &setup.actions, &setup.attributes, words.data(), environ);
  if (error != 0) return std::unexpected(error);
  return pid;
}

// Until the program closes its output or the deadline comes.
std::string read_output(int fd, Instant deadline) {
  std::string output;
  std::array<char, 4096> buffer;
  while (wait_for(fd, POLLIN, deadline)) {
    const ssize_t size = ::read(fd, buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) break;
    const auto room = kMaxOutput - output.size();
    output.append(buffer.data(), std::min(static_cast<std::size_t>(size), room));
  }
  return output;
}

// The status with which the program ended before the deadline.
std::optional<int> wait_for_exit(pid_t pid, Instant deadline) {
  int status = 0;
  while (::waitpid(pid, &status, WNOHANG) != pid) {
    if (monotonic_now() >= deadline) return std::nullopt;
    std::this_thread::sleep_for(kReapInterval);
  }
  return status;
}

}  // namespace

Verdict judge_exit(int status, const std::string& output) {
  const auto line = std::string_view(output).substr(0, output.find_first_of("\r\n"));
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
    return up(line.empty() ? "the command succeeded" : std::string(line));
  }
  const auto how = WIFEXITED(status) ? cat("exit status ", WEXITSTATUS(status))
                                     : cat("killed by signal ", WTERMSIG(status));
  return down(line.empty() ? cat("the command failed: ", how) : cat(line, " (", how, ")"));
}

Verdict check_command(const std::vector<std::string>& argv, Instant deadline) {
  std::array<int, 2> ends;
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    return down(cat("cannot make a pipe: ", system_error_text(errno)));
  }
  const Fd output(ends[0]);
  Fd input(ends[1]);
  const auto pid = spawn(argv, input.get());
  if (!pid) return down(cat("cannot run ", argv[0], ": ", system_error_text(pid.error())));
  input = Fd();
  const auto text = read_output(output.get(), deadline);
  if (const auto status = wait_for_exit(*pid, deadline)) return judge_exit(*status, text);
  ::kill(-*pid, SIGKILL);
  ::waitpid(*pid, nullptr, 0);
  return down(cat(argv[0], " did not end in time and was killed"));
}

}  // namespace carpool::probe
