// With real processes: a stand-in for carpool-dp, whose behaviour the node's name selects.
#include "controlplane/supervisor/supervisor.h"

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controlplane/supervisor/lock_file.h"

namespace carpool {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::IsEmpty;

struct SupervisorTest : testing::Test {
  SupervisorTest() {
    std::string pattern = testing::TempDir() + "carpool-supervisor-XXXXXX";
    run_dir = mkdtemp(pattern.data());
  }
  ~SupervisorTest() override {
    if (const auto left = lock_holder(run_dir / kDataplaneLockFile)) kill(*left, SIGKILL);
    std::filesystem::remove_all(run_dir);
  }

  DataplaneSupervisor::Settings settings(const std::string& behaviour) {
    DataplaneSupervisor::Settings settings;
    settings.program = std::getenv("FAKE_DATAPLANE");
    settings.run_dir = run_dir;
    settings.node.name = behaviour;
    settings.node.ports.resize(1);
    settings.node.ports[0].name = "wan";
    settings.node.ports[0].device = "eth1";
    return settings;
  }
  DataplaneSupervisor make(DataplaneSupervisor::Settings with) {
    return {io, std::move(with),
            [this](abi::Region region, bool adopted) {
              ups.push_back(adopted ? "adopted" : "started");
              pid = static_cast<pid_t>(region.header().pid);
            },
            [this](const std::string& why) { downs.push_back(why); }};
  }
  Result<void> start(DataplaneSupervisor& supervisor) {
    std::optional<Result<void>> result;
    asio::co_spawn(io, supervisor.start(),
                   [&](std::exception_ptr, Result<void> got) { result = std::move(got); });
    run_until([&] { return result.has_value(); });
    return result.value_or(fail("start() did not return"));
  }
  template <class Condition>
  bool run_until(Condition condition, Duration limit = 10s) {
    const Instant end = monotonic_now() + limit;
    io.restart();
    while (!condition() && monotonic_now() < end)
      io.run_one_for(20ms);
    return condition();
  }
  void stop(DataplaneSupervisor& supervisor) {
    bool stopped = false;
    asio::co_spawn(io, supervisor.stop(), [&](std::exception_ptr) { stopped = true; });
    run_until([&] { return stopped; });
  }

  asio::io_context io;
  std::filesystem::path run_dir;
  std::vector<std::string> ups;
  std::vector<std::string> downs;
  pid_t pid = 0;
};

TEST_F(SupervisorTest, StartsOneAndEndsIt) {
  auto supervisor = make(settings("plain"));
  const auto started = start(supervisor);
  ASSERT_TRUE(started) << started.error().message;
  EXPECT_THAT(ups, testing::ElementsAre("started"));
  EXPECT_EQ(supervisor.report().state, DataplaneState::running);
  EXPECT_EQ(supervisor.report().pid, pid);
  EXPECT_EQ(lock_holder(run_dir / kDataplaneLockFile), pid);
  stop(supervisor);
  EXPECT_EQ(lock_holder(run_dir / kDataplaneLockFile), std::nullopt);
}

TEST_F(SupervisorTest, SaysWhyItDoesNotStart) {
  auto supervisor = make(settings("refuse"));
  const auto started = start(supervisor);
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().message, "carpool-dp: no hugepages");
  EXPECT_EQ(supervisor.report().last_error, "carpool-dp: no hugepages");
  EXPECT_THAT(ups, IsEmpty());
}

TEST_F(SupervisorTest, SaysHowItEndedWhenItSaysNothingItself) {
  auto supervisor = make(settings("vanish"));
  const auto started = start(supervisor);
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().message, "carpool-dp exited with status 7 before it was ready");
}

TEST_F(SupervisorTest, ProgramThatIsNotThere) {
  auto missing = settings("plain");
  missing.program = "/nowhere/carpool-dp";
  auto supervisor = make(missing);
  const auto started = start(supervisor);
  ASSERT_FALSE(started);
  EXPECT_THAT(started.error().message, HasSubstr("cannot start /nowhere/carpool-dp"));
}

TEST_F(SupervisorTest, RestartsAfterAKill) {
  auto supervisor = make(settings("plain"));
  ASSERT_TRUE(start(supervisor));
  const pid_t first = pid;
  asio::cancellation_signal cancel;
  asio::co_spawn(io, supervisor.keep_running(),
                 asio::bind_cancellation_slot(cancel.slot(), asio::detached));
  kill(first, SIGKILL);
  ASSERT_TRUE(run_until([&] { return ups.size() == 2; }));
  EXPECT_NE(pid, first);
  EXPECT_THAT(downs, testing::ElementsAre(HasSubstr("killed by signal 9")));
  EXPECT_EQ(supervisor.report().starts, 2u);
  cancel.emit(asio::cancellation_type::terminal);
  stop(supervisor);
  EXPECT_EQ(lock_holder(run_dir / kDataplaneLockFile), std::nullopt);
}

TEST_F(SupervisorTest, CrashLoopSlowsDown) {
  auto supervisor = make(settings("short-lived"));
  ASSERT_TRUE(start(supervisor));
  asio::cancellation_signal cancel;
  asio::co_spawn(io, supervisor.keep_running(),
                 asio::bind_cancellation_slot(cancel.slot(), asio::detached));
  run_until([] { return false; }, 1500ms);
  // Pauses of 0.1, 0.2, 0.4 and 0.8 seconds: five starts at most.
  EXPECT_GE(ups.size(), 3u);
  EXPECT_LE(ups.size(), 5u);
  cancel.emit(asio::cancellation_type::terminal);
  run_until([] { return false; }, 50ms);
}

TEST_F(SupervisorTest, TakesOverOneThatRuns) {
  {
    auto earlier = make(settings("plain"));
    ASSERT_TRUE(start(earlier));
  }
  const pid_t first = pid;
  auto supervisor = make(settings("plain"));
  const auto started = start(supervisor);
  ASSERT_TRUE(started) << started.error().message;
  EXPECT_THAT(ups, testing::ElementsAre("started", "adopted"));
  EXPECT_EQ(pid, first);
  stop(supervisor);
}

TEST_F(SupervisorTest, ReplacesOneThatWasStartedOtherwise) {
  {
    auto earlier = make(settings("plain"));
    ASSERT_TRUE(start(earlier));
  }
  const pid_t first = pid;
  auto other = settings("plain");
  other.node.workers = 2;
  auto supervisor = make(other);
  const auto started = start(supervisor);
  ASSERT_TRUE(started) << started.error().message;
  EXPECT_THAT(ups, testing::ElementsAre("started", "started"));
  EXPECT_NE(pid, first);
  stop(supervisor);
}

TEST_F(SupervisorTest, KillsOneThatDoesNotListen) {
  auto supervisor = make(settings("deaf"));
  ASSERT_TRUE(start(supervisor));
  stop(supervisor);
  EXPECT_EQ(lock_holder(run_dir / kDataplaneLockFile), std::nullopt);
}

TEST_F(SupervisorTest, AttachOnlyNeverStartsNorEnds) {
  auto attach = settings("plain");
  attach.attach_only = true;
  auto alone = make(attach);
  const auto nothing = start(alone);
  ASSERT_FALSE(nothing);
  EXPECT_THAT(nothing.error().message, HasSubstr("no carpool-dp runs in"));

  auto owner = make(settings("plain"));
  ASSERT_TRUE(start(owner));
  auto attached = make(attach);
  ASSERT_TRUE(start(attached));
  stop(attached);
  EXPECT_EQ(lock_holder(run_dir / kDataplaneLockFile), pid);
  stop(owner);
}

TEST_F(SupervisorTest, AttachOnlyRefusesOtherPorts) {
  auto owner = make(settings("plain"));
  ASSERT_TRUE(start(owner));
  auto other = settings("plain");
  other.attach_only = true;
  other.node.ports[0].device = "eth9";
  auto attached = make(other);
  const auto refused = start(attached);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("the configuration has wan=eth9"));
  stop(owner);
}

}  // namespace
}  // namespace carpool
