#include "tools/probe/command_check.h"

#include <gtest/gtest.h>

namespace carpool::probe {
namespace {

using namespace std::chrono_literals;

Verdict run(const std::string& script, Duration limit = 10s) {
  return check_command({"sh", "-c", script}, monotonic_now() + limit);
}

TEST(CommandCheck, ExitStatusDecidesAndTheFirstLineIsTheReason) {
  EXPECT_EQ(run("exit 0"), up("the command succeeded"));
  EXPECT_EQ(run("echo fine; echo more"), up("fine"));
  EXPECT_EQ(run("exit 3"), down("the command failed: exit status 3"));
  EXPECT_EQ(run("echo queue is full; exit 1"), down("queue is full (exit status 1)"));
  EXPECT_EQ(run("kill -9 $$"), down("the command failed: killed by signal 9"));
}

TEST(CommandCheck, EndsAtItsDeadlineWithItsChildren) {
  const auto begin = monotonic_now();
  const auto verdict = run("sleep 60 & sleep 60", 100ms);
  EXPECT_EQ(verdict, down("sh did not end in time and was killed"));
  EXPECT_LT(monotonic_now() - begin, 10s);
}

TEST(CommandCheck, SaysWhyItCannotRun) {
  const auto verdict = check_command({"/nonexistent/program"}, monotonic_now() + 1s);
  EXPECT_EQ(verdict, down("cannot run /nonexistent/program: No such file or directory"));
}

TEST(CommandCheck, MuchOutputNeitherBlocksNorStays) {
  const auto verdict = run("head -c 1000000 /dev/zero | tr '\\0' x");
  EXPECT_EQ(verdict.state, State::Up);
  EXPECT_LE(verdict.reason.size(), 512u);
}

TEST(CommandCheck, StandardInputIsEmpty) {
  EXPECT_EQ(run("test -z \"$(cat)\""), up("the command succeeded"));
}

}  // namespace
}  // namespace carpool::probe
