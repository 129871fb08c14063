#include "controlplane/runtime/child.h"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

// glibc 2.36 forgot to say so itself.
extern "C" {
#include <sys/pidfd.h>
}

namespace carpool {
namespace {

constexpr int kFirstInheritedFd = 3;

std::string reason(int error) {
  return std::strerror(error);
}

// Descriptors that are closed again when a spawn is through.
struct FdList {
  std::vector<int> fds;

  FdList() = default;
  FdList(const FdList&) = delete;
  FdList& operator=(const FdList&) = delete;
  ~FdList() {
    for (const int fd : fds)
      close(fd);
  }
};

// posix_spawn's two parameter objects; released together.
struct SpawnPlan {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;

  SpawnPlan() {
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(&attributes,
                             POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;
  ~SpawnPlan() {
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
  }
};

Result<pid_t> spawn(const SpawnRequest& request) {
  SpawnPlan plan;
  // First to numbers that are no target, so that one dup2 cannot overwrite the source of another.
  FdList copies;
  const int end = kFirstInheritedFd + static_cast<int>(request.inherited_fds.size());
  for (const int fd : request.inherited_fds) {
    const int copy = fcntl(fd, F_DUPFD_CLOEXEC, end);
    if (copy < 0)
      return fail("cannot pass descriptor " + std::to_string(fd) + ": " + reason(errno));
    const int target = kFirstInheritedFd + static_cast<int>(copies.fds.size());
    copies.fds.push_back(copy);
    posix_spawn_file_actions_adddup2(&plan.actions, copy, target);
  }
  posix_spawn_file_actions_addclosefrom_np(&plan.actions, end);

  std::vector<char*> argv{const_cast<char*>(request.program.c_str())};
  for (const auto& argument : request.arguments)
    argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  pid_t pid = 0;
  const int error = posix_spawnp(&pid, request.program.c_str(), &plan.actions, &plan.attributes,
                                 argv.data(), environ);
  if (error != 0) return fail("cannot start " + request.program + ": " + reason(error));
  return pid;
}

ExitStatus collect(int pidfd) {
  siginfo_t info{};
  if (waitid(P_PIDFD, static_cast<id_t>(pidfd), &info, WEXITED | WNOHANG) != 0) return {};
  if (info.si_pid == 0) return {};
  const bool exited = info.si_code == CLD_EXITED;
  return {exited ? ExitStatus::Kind::Exited : ExitStatus::Kind::Signalled, info.si_status};
}

}  // namespace

std::string to_string(const ExitStatus& status) {
  switch (status.kind) {
    case ExitStatus::Kind::Exited:
      return "exited with status " + std::to_string(status.value);
    case ExitStatus::Kind::Signalled:
      return "killed by signal " + std::to_string(status.value) + " (" + strsignal(status.value) +
             ")";
    case ExitStatus::Kind::Unknown:
      break;
  }
  return "gone";
}

struct Process::Watch {
  pid_t pid;
  boost::asio::posix::stream_descriptor pidfd;
  std::function<void(ExitStatus)> callback{};
};

Process::Process(std::shared_ptr<Watch> watch) : watch_(std::move(watch)) {}
Process::Process(Process&&) noexcept = default;
Process& Process::operator=(Process&&) noexcept = default;
Process::~Process() = default;

Result<Process> Process::start(boost::asio::io_context& io, const SpawnRequest& request) {
  const auto pid = spawn(request);
  if (!pid) return std::unexpected(pid.error());
  return attach(io, *pid);  // its number cannot be reused before we have waited for it
}

Result<Process> Process::attach(boost::asio::io_context& io, pid_t pid) {
  const int fd = pidfd_open(pid, 0);
  if (fd < 0) return fail("cannot watch process " + std::to_string(pid) + ": " + reason(errno));
  return Process(
      std::make_shared<Watch>(pid, boost::asio::posix::stream_descriptor(io.get_executor(), fd)));
}

pid_t Process::pid() const {
  return watch_->pid;
}

Result<void> Process::signal(int number) const {
  const int fd = const_cast<Watch&>(*watch_).pidfd.native_handle();
  if (pidfd_send_signal(fd, number, nullptr, 0) == 0) return {};
  return fail("cannot signal process " + std::to_string(watch_->pid) + ": " + reason(errno));
}

void Process::on_exit(std::function<void(ExitStatus)> callback) {
  watch_->callback = std::move(callback);
  watch_->pidfd.async_wait(boost::asio::posix::descriptor_base::wait_read,
                           [weak = std::weak_ptr(watch_)](boost::system::error_code error) {
                             const auto watch = weak.lock();
                             if (error || !watch) return;
                             // The callback may well destroy the Process.
                             const auto call = std::exchange(watch->callback, {});
                             call(collect(watch->pidfd.native_handle()));
                           });
}

}  // namespace carpool
