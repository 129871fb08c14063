// Programs as health checks: what they are told, as whom they run, and that none outlives its time.
#include "controlplane/health/probe_external.h"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>

#include <stdlib.h>
#include <unistd.h>

#include "controlplane/config/load.h"
#include "controlplane/health/check_plan.h"
#include "tests/unit/config/support.h"
#include "tests/unit/health/probe_fixture.h"

namespace carpool {
namespace {

using namespace std::chrono_literals;

constexpr config::UserNumbers kNobody{65534, 65534};

// A script that anybody may run and $OUT, which it may write.
class ProbeExternal : public test::ProbeFixture {
 protected:
  ProbeExternal() {
    char name[] = "/tmp/carpool-external-XXXXXX";
    folder_ = mkdtemp(name);
    std::filesystem::permissions(folder_, std::filesystem::perms::all);
  }
  ~ProbeExternal() override { std::filesystem::remove_all(folder_); }

  CheckResult check(const std::string& body, Duration timeout = 10s) {
    const auto script = folder_ / "script";
    std::ofstream(script) << "#!/bin/sh\nOUT=" << out().string() << "\n" << body << "\n";
    std::filesystem::permissions(script, static_cast<std::filesystem::perms>(0755));
    check_.command = script;
    check_.permit.run_as = kNobody;
    return run(probe_external(check_, command_, {.connect = timeout}, 7));
  }
  [[nodiscard]] std::filesystem::path out() const { return folder_ / "out"; }
  [[nodiscard]] std::string output() const {
    std::ifstream file(out());
    return {std::istreambuf_iterator<char>(file), {}};
  }

  std::filesystem::path folder_;
  config::ExternalCheck check_;
  ExternalCommand command_;
};

TEST_F(ProbeExternal, IsWhatTheProgramExitsWith) {
  const auto passed = check("echo all is well; echo more");
  EXPECT_EQ(passed.status, CheckStatus::ProcessOk);
  EXPECT_EQ(passed.text, "all is well");
  const auto failed = check("echo no replica >&2; exit 3");
  EXPECT_EQ(failed.status, CheckStatus::ProcessError);
  EXPECT_EQ(failed.code, 3);
  EXPECT_EQ(failed.text, "exited with status 3: no replica");
  EXPECT_EQ(check("exit 1").text, "exited with status 1");
  const auto killed = check("kill -9 $$");
  EXPECT_EQ(killed.status, CheckStatus::ProcessError);
  EXPECT_EQ(killed.text, "killed by signal 9 (Killed)");
  check_.command = "/nowhere/check";
  const auto missing = run(probe_external(check_, command_, {.connect = 1s}, 0));
  EXPECT_EQ(missing.status, CheckStatus::ProcessError);
  EXPECT_EQ(missing.text, "cannot be run: No such file or directory");
}

TEST_F(ProbeExternal, TellsWhatHaproxyTells) {
  const std::string text =
      "global\n external-check\n"
      "frontend first\n bind 192.0.2.10:81\n default_backend b\n"
      "listen web\n bind 192.0.2.10:80\n bind 192.0.2.10:8080\n"
      " option external-check\n external-check command /bin/true\n"
      " external-check path /opt/bin:/bin:/usr/bin\n"
      " server one 10.0.0.1:8000 check addr 10.9.9.9 port 99 id 2 maxconn 40\n"
      " server two 10.0.0.2:8000 check\n"
      " server three 10.0.0.3:8000 check\n"
      "backend b\n option external-check\n external-check command /bin/true\n"
      " server four 10.0.0.4:80 check\n";
  const auto config = config::good(text);
  const auto plans = plan_checks(config);
  ASSERT_EQ(plans.size(), 4u);
  command_ = plans[0].check->external;
  check_.path = "/opt/bin:/bin:/usr/bin";
  ASSERT_EQ(check("echo \"$@\" > $OUT; env >> $OUT").status, CheckStatus::ProcessOk);
  const std::string told = output();
  for (const char* line :
       {"192.0.2.10 80 10.0.0.1 8000\n", "HAPROXY_PROXY_NAME=web\n", "HAPROXY_PROXY_ID=3\n",
        "HAPROXY_PROXY_ADDR=192.0.2.10\n", "HAPROXY_PROXY_PORT=80\n", "HAPROXY_SERVER_NAME=one\n",
        "HAPROXY_SERVER_ID=2\n", "HAPROXY_SERVER_ADDR=10.0.0.1\n", "HAPROXY_SERVER_PORT=8000\n",
        "HAPROXY_SERVER_MAXCONN=40\n", "HAPROXY_SERVER_CURCONN=7\n", "HAPROXY_SERVER_SSL=0\n",
        "HAPROXY_SERVER_PROTO=tcp\n", "PATH=/opt/bin:/bin:/usr/bin\n"}) {
    EXPECT_NE(told.find(line), std::string::npos) << line << told;
  }
  EXPECT_EQ(told.find("HOME="), std::string::npos) << told;

  const auto has = [](const ServerPlan& plan, const char* line) {
    return std::ranges::count(plan.check->external.environment, line) == 1;
  };
  EXPECT_TRUE(has(plans[1], "HAPROXY_SERVER_ID=3"));
  EXPECT_TRUE(has(plans[2], "HAPROXY_SERVER_ID=4"));
  EXPECT_TRUE(has(plans[3], "HAPROXY_PROXY_ADDR="));
  EXPECT_TRUE(has(plans[3], "HAPROXY_PROXY_ID=4"));
  EXPECT_EQ(plans[3].check->external.arguments,
            (std::vector<std::string>{"NOT_USED", "NOT_USED", "10.0.0.4", "80"}));
}

TEST_F(ProbeExternal, KeepsOurEnvironmentWhereTold) {
  setenv("CARPOOL_TEST_OF_EXTERNAL", "kept", 1);
  check("env > $OUT");
  EXPECT_EQ(output().find("CARPOOL_TEST_OF_EXTERNAL"), std::string::npos);
  check_.permit.preserve_environment = true;
  check("env > $OUT");
  EXPECT_NE(output().find("CARPOOL_TEST_OF_EXTERNAL=kept\n"), std::string::npos) << output();
  unsetenv("CARPOOL_TEST_OF_EXTERNAL");
}

TEST_F(ProbeExternal, RunsWithoutOurRightsAndDescriptors) {
  if (geteuid() != 0) GTEST_SKIP() << "we have no rights to lose";
  check("id -u > $OUT; id -G >> $OUT; ulimit -n >> $OUT; ls /proc/self/fd | wc -l >> $OUT");
  EXPECT_EQ(output(), "65534\n65534\n1024\n4\n");  // of ls: its folder, too
  check_.permit.run_as.reset();
  const auto unknown = run(probe_external(check_, command_, {.connect = 1s}, 0));
  EXPECT_EQ(unknown.status, CheckStatus::ProcessError);
  EXPECT_EQ(unknown.text, "it is not known who user nobody is");
}

bool is_alive(pid_t pid) {
  return kill(pid, 0) == 0;
}
bool is_gone_soon(pid_t pid) {
  for (int tries = 0; tries < 500 && is_alive(pid); ++tries)
    std::this_thread::sleep_for(10ms);
  return !is_alive(pid);
}

TEST_F(ProbeExternal, EndsWithItsTimeAndItsChildren) {
  const auto began = std::chrono::steady_clock::now();
  const auto late = check("sleep 1000 & echo $! > $OUT; sleep 1000", 300ms);
  EXPECT_EQ(late.status, CheckStatus::ProcessTimeout);
  EXPECT_EQ(late.text, "did not end in time and was killed");
  EXPECT_LT(std::chrono::steady_clock::now() - began, 8s);
  const pid_t child = std::atoi(output().c_str());
  ASSERT_GT(child, 0);
  EXPECT_TRUE(is_gone_soon(child));

  // Also those that it leaves behind when it ends in time; nobody waits for their output.
  EXPECT_EQ(check("sleep 1000 & echo $! > $OUT").status, CheckStatus::ProcessOk);
  const pid_t left = std::atoi(output().c_str());
  ASSERT_GT(left, 0);
  EXPECT_TRUE(is_gone_soon(left));
}

}  // namespace
}  // namespace carpool
