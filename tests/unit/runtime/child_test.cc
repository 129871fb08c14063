#include "controlplane/runtime/child.h"

#include <chrono>
#include <csignal>
#include <optional>
#include <string>

#include <boost/asio/io_context.hpp>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace carpool {
namespace {

using namespace std::chrono_literals;
using Kind = ExitStatus::Kind;

class Child : public testing::Test {
 protected:
  // Nothing is returned where the process has not ended in time.
  std::optional<ExitStatus> wait_for_exit(Process& process) {
    std::optional<ExitStatus> status;
    process.on_exit([&](ExitStatus exit) {
      status = exit;
      io_.stop();
    });
    io_.restart();
    io_.run_for(10s);
    return status;
  }

  // What `script` writes to its descriptor 3.
  std::string output_of(const std::string& script) {
    int pipe_fds[2];
    EXPECT_EQ(pipe2(pipe_fds, O_CLOEXEC), 0);
    auto process = Process::start(
        io_, {.program = "sh", .arguments = {"-c", script}, .inherited_fds = {pipe_fds[1]}});
    close(pipe_fds[1]);
    EXPECT_TRUE(process) << process.error().message;
    std::string text;
    char buffer[4096];
    for (ssize_t size; (size = read(pipe_fds[0], buffer, sizeof buffer)) > 0;)
      text.append(buffer, static_cast<std::size_t>(size));
    close(pipe_fds[0]);
    EXPECT_EQ(wait_for_exit(*process), (ExitStatus{Kind::Exited, 0}));
    return text;
  }

  boost::asio::io_context io_;
};

TEST_F(Child, ReportsItsExitStatus) {
  auto process = Process::start(io_, {.program = "sh", .arguments = {"-c", "exit 3"}});
  ASSERT_TRUE(process);
  const auto status = wait_for_exit(*process);
  ASSERT_TRUE(status);
  EXPECT_EQ(*status, (ExitStatus{Kind::Exited, 3}));
  EXPECT_EQ(to_string(*status), "exited with status 3");
}

TEST_F(Child, ReportsTheSignalThatKilledIt) {
  auto process = Process::start(io_, {.program = "sleep", .arguments = {"60"}});
  ASSERT_TRUE(process);
  ASSERT_TRUE(process->signal(SIGKILL));
  const auto status = wait_for_exit(*process);
  ASSERT_TRUE(status);
  EXPECT_EQ(to_string(*status), "killed by signal 9 (Killed)");
}

TEST_F(Child, SaysWhyItCannotStart) {
  const auto process = Process::start(io_, {.program = "/nonexistent/program", .arguments = {}});
  ASSERT_FALSE(process);
  EXPECT_EQ(process.error().message,
            "cannot start /nonexistent/program: No such file or directory");
}

TEST_F(Child, GetsTheInheritedDescriptorsAndNoOthers) {
  const int leaked = open("/dev/null", O_RDONLY);  // without O_CLOEXEC
  EXPECT_EQ(output_of("for fd in /proc/self/fd/*; do echo ${fd##*/}; done | sort -n | head -4 |"
                      " tr '\\n' ' ' >&3"),
            "0 1 2 3 ");
  EXPECT_EQ(output_of("test -e /proc/self/fd/" + std::to_string(leaked + 20) +
                      " && echo leaked >&3; readlink /proc/self/fd/0 >&3"),
            "/dev/null\n");
  close(leaked);
}

TEST_F(Child, HasASessionOfItsOwnAndDefaultSignals) {
  signal(SIGUSR1, SIG_IGN);
  EXPECT_EQ(output_of("test $(ps -o sid= -p $$) = $$ && echo leader >&3"), "leader\n");
  // The C library ignores two real-time signals of its own in every child; the others are clear.
  const auto ignored = output_of("sed -n 's/^SigIgn:\t//p' /proc/self/status >&3");
  EXPECT_EQ(std::stoull(ignored, nullptr, 16) & 0x7fffffff, 0u) << ignored;
  signal(SIGUSR1, SIG_DFL);
}

TEST_F(Child, CanBeWatchedWithoutBeingOurs) {
  // A grandchild: the shell ends at once and leaves it to init.
  const auto number = output_of("sleep 60 >/dev/null 2>&1 3>&- & echo $! >&3");
  const auto pid = static_cast<pid_t>(std::stoi(number));
  auto process = Process::attach(io_, pid);
  ASSERT_TRUE(process) << process.error().message;
  EXPECT_EQ(process->pid(), pid);
  ASSERT_TRUE(process->signal(SIGTERM));
  const auto status = wait_for_exit(*process);
  ASSERT_TRUE(status);
  EXPECT_EQ(to_string(*status), "gone");
}

TEST_F(Child, AttachingToNobodyIsAnError) {
  auto process = Process::start(io_, {.program = "true", .arguments = {}});
  ASSERT_TRUE(process);
  const pid_t pid = process->pid();
  ASSERT_TRUE(wait_for_exit(*process));
  EXPECT_FALSE(Process::attach(io_, pid));
}

TEST_F(Child, ADestroyedWatchKeepsSilent) {
  bool called = false;
  {
    auto process = Process::start(io_, {.program = "true", .arguments = {}});
    ASSERT_TRUE(process);
    process->on_exit([&](ExitStatus) { called = true; });
    siginfo_t info{};  // until it has ended, without collecting it
    waitid(P_PID, static_cast<id_t>(process->pid()), &info, WEXITED | WNOWAIT);
  }
  io_.run_for(10s);  // runs out of work at once
  EXPECT_FALSE(called);
}

}  // namespace
}  // namespace carpool
