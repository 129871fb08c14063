// NetworkWatch against the real kernel, between two network namespaces that live and die with this
// program: its own, and one that a child of it holds. Needs root and the ip command.
#include "controlplane/runtime/netlink.h"

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <functional>
#include <string>

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace carpool {
namespace {

using namespace std::chrono_literals;

constexpr auto kFar = Ipv4Address::of(10, 77, 0, 2);
constexpr auto kNobody = Ipv4Address::of(10, 77, 0, 99);

void run(const std::string& command) {
  ASSERT_EQ(std::system(command.c_str()), 0) << command;
}

// A process that does nothing in a network namespace of its own, until this object goes.
class FarNamespace {
 public:
  FarNamespace() {
    int ready[2];
    if (pipe(ready) != 0) std::abort();
    pid_ = fork();
    if (pid_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (unshare(CLONE_NEWNET) != 0 || write(ready[1], "", 1) != 1) _exit(1);
      for (;;)
        pause();
    }
    close(ready[1]);
    char byte;
    ok_ = read(ready[0], &byte, 1) == 1;
    close(ready[0]);
  }
  ~FarNamespace() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  FarNamespace(const FarNamespace&) = delete;
  FarNamespace& operator=(const FarNamespace&) = delete;

  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] std::string pid() const { return std::to_string(pid_); }
  [[nodiscard]] std::string enter() const { return "nsenter -t " + pid() + " -n "; }

 private:
  pid_t pid_ = -1;
  bool ok_ = false;
};

class NetworkWatchTest : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root";
    ASSERT_EQ(unshare(CLONE_NEWNET), 0);  // a fresh one for each test
    ASSERT_TRUE(far_.ok());
    run("ip link add near address 02:77:00:00:00:01 type veth peer name far address "
        "02:77:00:00:00:02 netns " +
        far_.pid());
    run("ip addr add 10.77.0.1/24 dev near && ip link set near up");
    run(far_.enter() + "ip addr add 10.77.0.2/24 dev far");
    run(far_.enter() + "ip link set far up");
    auto opened = NetworkWatch::open(io_);
    ASSERT_TRUE(opened) << opened.error().message;
    watch_ = *std::move(opened);
    watch_->set_on_change([this](const NetworkState&) { ++changes_; });
  }

  // Runs the event loop until the state fulfils the condition.
  testing::AssertionResult becomes(const std::function<bool(const NetworkState&)>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + 30s;
    while (!watch_->synced() || !condition(watch_->state())) {
      const auto left = deadline - std::chrono::steady_clock::now();
      if (left <= 0s) return testing::AssertionFailure() << "not within 30 s";
      io_.restart();
      io_.run_one_for(left);
    }
    return testing::AssertionSuccess();
  }
  static bool always(const NetworkState&) { return true; }

  int near() const { return watch_->state().find_link("near")->index; }

  FarNamespace far_;
  boost::asio::io_context io_;
  std::unique_ptr<NetworkWatch> watch_;
  int changes_ = 0;
};

TEST_F(NetworkWatchTest, DumpsWhatIsThere) {
  ASSERT_TRUE(becomes(always));
  const auto& state = watch_->state();
  const Link* link = state.find_link("near");
  ASSERT_TRUE(link);
  EXPECT_EQ(to_string(link->mac), "02:77:00:00:00:01");
  EXPECT_EQ(link->mtu, 1500u);
  EXPECT_TRUE(link->enabled);
  EXPECT_TRUE(state.find_link("lo"));
  EXPECT_TRUE(state.is_own(Ipv4Address::of(10, 77, 0, 1)));
  EXPECT_EQ(next_hop(state, kFar), (NextHop{near(), kFar}));
  EXPECT_EQ(next_hop(state, Ipv4Address::of(8, 8, 8, 8)), std::nullopt);
  EXPECT_EQ(changes_, 1);
}

TEST_F(NetworkWatchTest, ReportsChanges) {
  ASSERT_TRUE(becomes(always));
  const auto elsewhere = Ipv4Address::of(192, 0, 2, 1);

  run("ip route add default via 10.77.0.2");
  EXPECT_TRUE(becomes(
      [&](const auto& state) { return next_hop(state, elsewhere) == NextHop{near(), kFar}; }));
  run("ip route replace default via 10.77.0.3");
  EXPECT_TRUE(becomes([&](const auto& state) {
    return next_hop(state, elsewhere) == NextHop{near(), Ipv4Address::of(10, 77, 0, 3)};
  }));
  run("ip link set near mtu 1400");
  EXPECT_TRUE(becomes([](const auto& state) { return state.find_link("near")->mtu == 1400; }));

  run(far_.enter() + "ip link set far down");
  EXPECT_TRUE(becomes([](const auto& state) { return !state.find_link("near")->carrier; }));
  run(far_.enter() + "ip link set far up");
  EXPECT_TRUE(becomes([](const auto& state) { return state.find_link("near")->carrier; }));

  const int changes = changes_;
  run("ip link del near");
  EXPECT_TRUE(becomes([](const auto& state) {
    return !state.find_link("near") && state.routes.empty() && state.addresses.empty();
  }));
  EXPECT_GT(changes_, changes);
}

// The kernel drops routes over a link that goes down without telling.
TEST_F(NetworkWatchTest, ForgetsRoutesOverALinkThatWentDown) {
  run("ip route add default via 10.77.0.2");
  ASSERT_TRUE(becomes([](const auto& state) { return state.routes.size() == 2; }));
  run("ip link set near down");
  EXPECT_TRUE(becomes([](const auto& state) { return state.routes.empty(); }));
  run("ip link set near up");  // the connected route comes back, the default does not
  EXPECT_TRUE(becomes([](const auto& state) { return state.routes.size() == 1; }));
}

TEST_F(NetworkWatchTest, ForgetsRoutesFromAnAddressThatIsGone) {
  run("ip addr add 10.78.0.1/32 dev near && ip route add 192.0.2.0/24 dev near src 10.78.0.1");
  ASSERT_TRUE(becomes([](const auto& state) { return state.routes.size() == 2; }));
  run("ip addr del 10.78.0.1/32 dev near");
  EXPECT_TRUE(becomes([](const auto& state) { return state.routes.size() == 1; }));
}

TEST_F(NetworkWatchTest, ResolvesANeighbourThatNobodyHasTalkedTo) {
  ASSERT_TRUE(becomes(always));
  const auto neighbour = [this](const NetworkState& state, Ipv4Address address) {
    const auto at = state.neighbours.find({near(), address});
    return at == state.neighbours.end() ? Neighbour{} : at->second;
  };
  EXPECT_FALSE(neighbour(watch_->state(), kFar).usable());
  ASSERT_TRUE(watch_->request_resolution(near(), kFar));
  ASSERT_TRUE(becomes([&](const auto& state) { return neighbour(state, kFar).usable(); }));
  EXPECT_EQ(to_string(neighbour(watch_->state(), kFar).mac), "02:77:00:00:00:02");
  // Once more is harmless.
  ASSERT_TRUE(watch_->request_resolution(near(), kFar));

  // The server is replaced by another machine, without a word: the confirmation by the old MAC
  // fails, and asking once more finds the new one.
  run("cd /proc/sys/net/ipv4/neigh/near && echo 0 > delay_first_probe_time &&"
      " echo 50 > retrans_time_ms");
  run("ip neigh replace 10.77.0.2 lladdr 02:77:00:00:00:aa dev near nud stale");
  ASSERT_TRUE(becomes([&](const auto& state) {
    return to_string(neighbour(state, kFar).mac) == "02:77:00:00:00:aa";
  }));
  ASSERT_TRUE(watch_->request_resolution(near(), kFar));
  ASSERT_TRUE(becomes([&](const auto& state) { return !neighbour(state, kFar).usable(); }));
  ASSERT_TRUE(watch_->request_resolution(near(), kFar));
  EXPECT_TRUE(becomes([&](const auto& state) {
    return to_string(neighbour(state, kFar).mac) == "02:77:00:00:00:02";
  }));

  ASSERT_TRUE(watch_->request_resolution(near(), kNobody));
  EXPECT_TRUE(becomes([&](const auto& state) {
    return (neighbour(state, kNobody).state & 0x20) != 0;  // NUD_FAILED
  }));
}

// More changes at once than the socket's buffer takes: some are lost, the state is right after all.
TEST_F(NetworkWatchTest, RecoversFromAnOverrun) {
  ASSERT_TRUE(becomes(always));
  run("seq 0 29999 | awk '{printf \"route add 172.%d.%d.%d/32 via 10.77.0.2\\n\", 16 + $1 / 65536,"
      " ($1 / 256) % 256, $1 % 256}' | ip -batch -");
  EXPECT_TRUE(becomes([](const auto& state) { return state.routes.size() == 30001; }));
  EXPECT_LT(changes_, 3000);  // and the owner was not told once per route
}

}  // namespace
}  // namespace carpool
