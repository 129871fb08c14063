#include "controlplane/appliance/script_watch.h"

#include <chrono>
#include <string>

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/unit/appliance/scratch_script.h"

namespace carpool {
namespace {

using namespace std::chrono_literals;

struct ScriptWatchTest : testing::Test {
  void track(const config::Script& script, Duration timeout = 5s) {
    config.groups.resize(1);
    config.groups[0].name = "public";
    config::TrackScript track;
    track.script = script;
    track.interval = 100ms;
    track.timeout = timeout;
    config.groups[0].track_scripts = {track};
    watch.configure(config);
  }
  ScriptState state() { return watch.states().begin()->second; }

  boost::asio::io_context io;
  config::Config config;
  ScriptWatch watch{io};
};

TEST_F(ScriptWatchTest, IsWellAsLongAsItExitsWithZero) {
  const ScratchScript scratch("test ! -e $OUT\n");
  track(scratch.script());
  EXPECT_FALSE(state().known);
  EXPECT_TRUE(run_until(io, [&] { return state().known; }));
  EXPECT_TRUE(state().well) << state().why;
}

TEST_F(ScriptWatchTest, SaysHowItFailed) {
  const ScratchScript scratch("exit 3\n");
  track(scratch.script());
  EXPECT_TRUE(run_until(io, [&] { return state().known; }));
  EXPECT_FALSE(state().well);
  EXPECT_EQ(state().why, "exited with status 3");
}

TEST_F(ScriptWatchTest, EndsOneThatHangs) {
  const ScratchScript scratch("sleep 60\n");
  track(scratch.script(), 200ms);
  EXPECT_TRUE(run_until(io, [&] { return state().known; }));
  EXPECT_FALSE(state().well);
  EXPECT_NE(state().why.find("did not end in time"), std::string::npos) << state().why;
}

TEST_F(ScriptWatchTest, RunsWithoutOurRights) {
  if (geteuid() != 0) GTEST_SKIP() << "we have no rights to lose";
  const ScratchScript scratch("id -un >$OUT\n");
  track(scratch.script());
  EXPECT_TRUE(run_until(io, [&] { return state().known; }));
  EXPECT_EQ(scratch.output(), "nobody\n");
}

TEST_F(ScriptWatchTest, WithoutItsUserItIsNotWell) {
  if (geteuid() != 0) GTEST_SKIP() << "users do not matter then";
  const ScratchScript scratch("exit 0\n");
  config::Script script = scratch.script();
  script.user = "carpool-nobody-has-this-name";
  track(script);
  EXPECT_TRUE(run_until(io, [&] { return state().known; }));
  EXPECT_NE(state().why.find("there is no user"), std::string::npos) << state().why;
}

TEST_F(ScriptWatchTest, ForgetsWhatIsNotTrackedAnyMore) {
  const ScratchScript scratch("exit 0\n");
  track(scratch.script());
  watch.configure({});
  EXPECT_TRUE(watch.states().empty());
}

}  // namespace
}  // namespace carpool
