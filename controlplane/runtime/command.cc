#include "controlplane/runtime/command.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <memory>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

// glibc 2.36 forgot to say so itself.
extern "C" {
#include <sys/pidfd.h>
}

namespace carpool {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

struct Pipe {
  int read_end = -1;
  int write_end = -1;

  Pipe() = default;
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe() {
    close_end(read_end);
    close_end(write_end);
  }
  [[nodiscard]] bool open() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return false;
    read_end = ends[0];
    write_end = ends[1];
    return true;
  }
  static void close_end(int& end) {
    if (end >= 0) close(end);
    end = -1;
  }
  [[nodiscard]] int take_read_end() { return std::exchange(read_end, -1); }
};

// The strings as execve() wants them. Made before the fork: the child must not allocate.
std::vector<char*> pointers(const std::vector<std::string>& strings, const std::string* first) {
  std::vector<char*> all;
  if (first != nullptr) all.push_back(const_cast<char*>(first->c_str()));
  for (const std::string& string : strings)
    all.push_back(const_cast<char*>(string.c_str()));
  all.push_back(nullptr);
  return all;
}

[[nodiscard]] bool become(const UserIds& ids) {
  return setgroups(0, nullptr) == 0 && setresgid(ids.group, ids.group, ids.group) == 0 &&
         setresuid(ids.user, ids.user, ids.user) == 0;
}

// We may have raised our own limit to what programs that use select() do not survive.
void limit_descriptors() {
  constexpr rlim_t kUsual = 1024;
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur <= kUsual) return;
  limit.rlim_cur = kUsual;
  setrlimit(RLIMIT_NOFILE, &limit);
}

// In the child, between fork() and exec(): system calls only. Returns the error that stopped it.
int turn_into(const CommandRequest& request, char* const* arguments, char** environment, int output,
              int null) {
  setpgid(0, 0);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  signal(SIGPIPE, SIG_DFL);
  if (dup2(null, STDIN_FILENO) < 0 || dup2(output, STDOUT_FILENO) < 0 ||
      dup2(output, STDERR_FILENO) < 0) {
    return errno;
  }
  limit_descriptors();
  close_range(STDERR_FILENO + 1, ~0u, CLOSE_RANGE_CLOEXEC);
  if (request.user && !become(*request.user)) return errno;
  if (!request.may_gain_privileges && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return errno;
  // After the change of user, which would undo it.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  environ = environment;
  execvp(request.program.c_str(), arguments);
  return errno;
}

}  // namespace

std::string to_string(const CommandOutcome& outcome) {
  switch (outcome.kind) {
    case CommandOutcome::Kind::Exited:
      return "exited with status " + std::to_string(outcome.value);
    case CommandOutcome::Kind::Signalled:
      return "killed by signal " + std::to_string(outcome.value) + " (" + strsignal(outcome.value) +
             ")";
    case CommandOutcome::Kind::TimedOut:
      return "did not end in time and was killed";
    case CommandOutcome::Kind::NotStarted:
      break;
  }
  return std::string("cannot be run: ") + std::strerror(outcome.value);
}

namespace {

// A command under way. Shared with the handlers of its timer and of its output, which may be on
// their way when it has ended.
class Running : public std::enable_shared_from_this<Running> {
 public:
  explicit Running(const asio::any_io_executor& executor)
      : watch_(executor), output_(executor), deadline_(executor) {}

  // 0, or the error.
  [[nodiscard]] int start(const CommandRequest& request);
  asio::awaitable<CommandOutcome> finish(Duration timeout);

 private:
  void read_output();
  void take_what_is_left();
  void keep(std::size_t size);
  void arm(Duration timeout);
  void on_deadline();
  [[nodiscard]] bool has_ended();
  [[nodiscard]] CommandOutcome collect();
  void reap_later();

  pid_t pid_ = 0;
  asio::posix::stream_descriptor watch_;  // pidfd: readable when the command has ended
  asio::posix::stream_descriptor output_;
  asio::steady_timer deadline_;
  Pipe error_;  // why it could not be executed
  std::array<char, 4096> buffer_;
  std::string kept_;
  std::size_t read_ = 0;
  bool timed_out_ = false;
  bool ended_ = false;
};

int Running::start(const CommandRequest& request) {
  Pipe output;
  const int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (null < 0 || !output.open() || !error_.open()) {
    const int error = errno;
    if (null >= 0) close(null);
    return error;
  }
  const auto arguments = pointers(request.arguments, &request.program);
  auto environment = pointers(request.environment, nullptr);
  pid_ = fork();
  if (pid_ == 0) {
    const int error =
        turn_into(request, arguments.data(), environment.data(), output.write_end, null);
    static_cast<void>(!write(error_.write_end, &error, sizeof error));
    _exit(127);
  }
  const int fork_error = errno;
  close(null);
  Pipe::close_end(error_.write_end);
  if (pid_ < 0) return fork_error;
  setpgid(pid_, pid_);  // whoever is first: the group must exist when it is killed
  const int watch = pidfd_open(pid_, 0);
  if (watch < 0) {
    const int error = errno;
    kill(-pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    return error;
  }
  watch_.assign(watch);
  output_.assign(output.take_read_end());
  return 0;
}

void Running::keep(std::size_t size) {
  const std::size_t room = kMaxCommandOutput - kept_.size();
  kept_.append(buffer_.data(), std::min(size, room));
  read_ += size;
}

void Running::read_output() {
  output_.async_read_some(asio::buffer(buffer_),
                          [self = shared_from_this()](error_code error, std::size_t size) {
                            if (error) return;
                            self->keep(size);
                            if (self->read_ < kMaxCommandOutputRead) self->read_output();
                          });
}

// Written before it ended, and not read yet. Its children may hold the pipe open: what they write
// is not waited for.
void Running::take_what_is_left() {
  error_code error;
  output_.cancel(error);
  output_.non_blocking(true, error);
  while (!error && read_ < kMaxCommandOutputRead) {
    const std::size_t size = output_.read_some(asio::buffer(buffer_), error);
    if (!error) keep(size);
  }
  output_.close(error);
}

void Running::arm(Duration timeout) {
  deadline_.expires_after(timeout);
  deadline_.async_wait([self = shared_from_this()](error_code error) {
    if (!error) self->on_deadline();
  });
}

void Running::on_deadline() {
  if (ended_) return;  // this was on its way meanwhile
  if (!timed_out_) {
    timed_out_ = true;
    kill(-pid_, SIGKILL);
    return arm(kKillLimit);
  }
  error_code ignored;
  watch_.cancel(ignored);
}

// Without collecting it.
bool Running::has_ended() {
  siginfo_t info{};
  const auto watch = static_cast<id_t>(watch_.native_handle());
  return waitid(P_PIDFD, watch, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid != 0;
}

CommandOutcome Running::collect() {
  siginfo_t info{};
  waitid(P_PIDFD, static_cast<id_t>(watch_.native_handle()), &info, WEXITED | WNOHANG);
  CommandOutcome outcome;
  outcome.output = kept_;
  int error = 0;
  if (read(error_.read_end, &error, sizeof error) == sizeof error) {
    outcome.value = error;
  } else if (timed_out_) {
    outcome.kind = CommandOutcome::Kind::TimedOut;
  } else {
    outcome.kind =
        info.si_code == CLD_EXITED ? CommandOutcome::Kind::Exited : CommandOutcome::Kind::Signalled;
    outcome.value = info.si_status;
  }
  return outcome;
}

void Running::reap_later() {
  watch_.async_wait(asio::posix::descriptor_base::wait_read, [self =
                                                                  shared_from_this()](error_code) {
    waitid(P_PIDFD, static_cast<id_t>(self->watch_.native_handle()), nullptr, WEXITED | WNOHANG);
  });
}

asio::awaitable<CommandOutcome> Running::finish(Duration timeout) {
  read_output();
  arm(timeout);
  // It may wake for nothing, by an event that was on its way to a descriptor of the same number.
  error_code error;
  do {
    const auto [woken] = co_await watch_.async_wait(asio::posix::descriptor_base::wait_read,
                                                    asio::as_tuple(asio::use_awaitable));
    error = woken;
  } while (!error && !has_ended());
  ended_ = true;
  deadline_.cancel();
  // Before it is collected: until then its number, and its group's, can be no other's.
  kill(-pid_, SIGKILL);
  take_what_is_left();
  if (error) {
    reap_later();
    co_return CommandOutcome{CommandOutcome::Kind::TimedOut, 0, kept_};
  }
  co_return collect();
}

}  // namespace

asio::awaitable<CommandOutcome> run_command(CommandRequest request) {
  const auto running = std::make_shared<Running>(co_await asio::this_coro::executor);
  if (const int error = running->start(request); error != 0) {
    co_return CommandOutcome{CommandOutcome::Kind::NotStarted, error, {}};
  }
  auto outcome = co_await running->finish(request.timeout);
  co_return outcome;
}

}  // namespace carpool
