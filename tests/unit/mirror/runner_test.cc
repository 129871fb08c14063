// Two runners in one process, over real sockets on loopback, with workers made of rings alone.
#include "controlplane/mirror/runner.h"

#include <chrono>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/unit/mirror/fake_workers.h"
#include "tests/unit/mirror/records.h"
#include "tests/unit/mirror/talk.h"

namespace carpool::mirror {
namespace {

using namespace std::chrono_literals;
using test::FakeWorkers;
using test::record;

constexpr std::uint16_t kPort = 8848;

// Addresses of loopback that no other run of this test uses.
Ipv4Address address(std::uint8_t node) {
  const auto pid = static_cast<std::uint32_t>(getpid());
  return Ipv4Address::of(127, static_cast<std::uint8_t>(100 + (pid >> 8) % 100),
                         static_cast<std::uint8_t>(pid), node);
}

testing::AssertionResult becomes(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + 20s;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) {
      return testing::AssertionFailure() << "not within 20 s";
    }
    std::this_thread::sleep_for(1ms);
  }
  return testing::AssertionSuccess();
}

// A node: its runner and its workers.
class Node {
 public:
  Node(std::uint8_t number, std::uint8_t other, std::uint32_t workers,
       std::vector<PreSharedKey> keys = test::some_keys())
      : workers_(workers) {
    RunnerSettings settings{{address(number), kPort}, {address(other), kPort}, std::move(keys), {}};
    auto started = Runner::start(settings, [this](const SessionEvent& event) { take(event); });
    if (!started) {
      ADD_FAILURE() << started.error().message;
      return;
    }
    runner_ = std::move(*started);
    runner_->set_status({"node" + std::to_string(number), "digest", 0, {}});
    runner_->set_names(test::names_of({"web"}, {"web/web1"}));
    runner_->attach(workers_.rings());
  }

  Runner& runner() { return *runner_; }
  FakeWorkers& workers() { return workers_; }

  // The worker tells of this connection; of a full ring it waits for room.
  void tell(const abi::MirrorRecord& what) {
    auto& ring = workers_[what.slot % workers_.size()].tells();
    while (!ring.push(what))
      std::this_thread::yield();
  }
  // Every worker that is to walk has told what it had: nothing.
  bool finish_walk() {
    std::uint32_t serial = 0;
    {
      const std::lock_guard lock(mutex_);
      serial = std::exchange(walk_, 0);
    }
    if (serial == 0) return false;
    abi::MirrorRecord end;
    end.kind = abi::MirrorKind::bulk_end;
    end.serial = serial;
    for (std::size_t worker = 0; worker < workers_.size(); ++worker) {
      while (!workers_[worker].tells().push(end))
        std::this_thread::yield();
    }
    return true;
  }
  // What has arrived in the workers' rings since, with the worker that got it.
  std::vector<std::pair<std::size_t, abi::MirrorRecord>> told() {
    std::vector<std::pair<std::size_t, abi::MirrorRecord>> records;
    abi::MirrorRecord one;
    for (std::size_t worker = 0; worker < workers_.size(); ++worker) {
      while (workers_[worker].is_told().pop(one))
        records.emplace_back(worker, one);
    }
    return records;
  }

 private:
  void take(const SessionEvent& event) {
    const std::lock_guard lock(mutex_);
    if (const auto* walk = std::get_if<WalkWanted>(&event)) walk_ = walk->serial;
  }

  FakeWorkers workers_;
  std::mutex mutex_;
  std::uint32_t walk_ = 0;  // wanted; its serial
  std::unique_ptr<Runner> runner_;
};

bool both_up(Node& a, Node& b) {
  return a.runner().snapshot().state == SessionState::up &&
         b.runner().snapshot().state == SessionState::up;
}

bool both_in_sync(Node& a, Node& b) {
  a.finish_walk();
  b.finish_walk();
  return a.runner().snapshot().in_sync() && b.runner().snapshot().in_sync();
}

TEST(Runner, TwoNodesComeIntoSync) {
  Node a(1, 2, 1);
  Node b(2, 1, 2);
  EXPECT_TRUE(becomes([&] { return both_up(a, b); }));
  EXPECT_TRUE(becomes([&] { return both_in_sync(a, b); }));
  const Snapshot snapshot = a.runner().snapshot();
  EXPECT_EQ(snapshot.peer.node, "node2");
  EXPECT_EQ(snapshot.peer.workers, 2);
  EXPECT_EQ(snapshot.key_id, 1);
  EXPECT_EQ(snapshot.peer_key_id, 1);
  EXPECT_FALSE(snapshot.digests_differ);
}

TEST(Runner, EveryRecordReachesTheWorkerThatOwnsItInOrder) {
  Node a(1, 2, 1);
  Node b(2, 1, 3);
  ASSERT_TRUE(becomes([&] { return both_in_sync(a, b); }));
  constexpr std::uint32_t kFlows = 20'000;
  for (std::uint32_t flow = 0; flow < kFlows; ++flow) {
    a.tell(record(flow));
    a.tell(record(flow, abi::MirrorKind::ended));
  }
  std::vector<unsigned> openings(kFlows), ends(kFlows);
  std::size_t total = 0;
  EXPECT_TRUE(becomes([&] {
    for (const auto& [worker, told] : b.told()) {
      const std::uint32_t flow = test::number_of(told);
      EXPECT_EQ(worker, told.slot % 3u);
      if (told.kind == abi::MirrorKind::opened) ++openings.at(flow);
      if (told.kind == abi::MirrorKind::ended) {
        EXPECT_EQ(openings.at(flow), 1u) << "an end before its opening";
        ++ends.at(flow);
      }
      ++total;
    }
    return total >= 2 * kFlows;
  }));
  EXPECT_EQ(total, 2 * kFlows);
  EXPECT_TRUE(becomes([&] { return a.runner().snapshot().lag_records == 0; }));
  EXPECT_TRUE(becomes([&] {
    return a.runner().snapshot().counters.records_out == 2 * kFlows;  // published now and then
  }));
  EXPECT_EQ(a.runner().snapshot().counters.changes_lost, 0u);
}

// A worker that does not look into its ring for a while: the peer waits, nothing is lost.
TEST(Runner, AFullRingHoldsThePeerBack) {
  Node a(1, 2, 1);
  Node b(2, 1, 1);
  ASSERT_TRUE(becomes([&] { return both_in_sync(a, b); }));
  constexpr std::uint32_t kFlows = abi::kMirrorRingSize + 40'000;
  for (std::uint32_t flow = 0; flow < kFlows; ++flow)
    a.tell(record(flow));
  EXPECT_TRUE(becomes([&] { return b.runner().snapshot().counters.paused > 0; }));
  std::uint32_t next = 0;
  EXPECT_TRUE(becomes([&] {
    for (const auto& [worker, told] : b.told())
      EXPECT_EQ(test::number_of(told), next++);
    return next >= kFlows;
  }));
}

TEST(Runner, ANodeThatStartsAnewIsBroughtIntoSync) {
  Node a(1, 2, 1);
  {
    Node b(2, 1, 1);
    ASSERT_TRUE(becomes([&] { return both_in_sync(a, b); }));
  }
  Node b(2, 1, 2);
  EXPECT_TRUE(becomes([&] {
    return both_up(a, b) && both_in_sync(a, b) &&
           a.runner().snapshot().counters.bulks_received == 2;
  }));
}

TEST(Runner, ADataPlaneThatComesBackIsToldEverything) {
  Node a(1, 2, 1);
  Node b(2, 1, 1);
  ASSERT_TRUE(becomes([&] { return both_in_sync(a, b); }));
  b.runner().detach();
  FakeWorkers fresh(4);
  b.runner().attach(fresh.rings());
  EXPECT_TRUE(becomes([&] { return a.finish_walk(); })) << "a is asked once more";
  a.tell(record(6));
  abi::MirrorRecord told;
  EXPECT_TRUE(becomes([&] { return fresh[6 % 4].is_told().pop(told); }));
  b.runner().detach();
}

TEST(Runner, KeysAreExchangedWhileItRuns) {
  Node a(1, 2, 1);
  Node b(2, 1, 1);
  ASSERT_TRUE(becomes([&] { return both_in_sync(a, b); }));
  auto keys = test::some_keys();
  keys.push_back({2, {}});
  a.runner().set_keys(keys);
  b.runner().set_keys(keys);
  EXPECT_TRUE(becomes([&] {
    return a.runner().snapshot().peer_key_id == 2 && b.runner().snapshot().peer_key_id == 2;
  }));
  keys.erase(keys.begin());
  a.runner().set_keys(keys);
  b.runner().set_keys(keys);
  a.tell(record(1));
  EXPECT_TRUE(becomes([&] { return !b.told().empty(); }));
  EXPECT_EQ(a.runner().snapshot().counters.sessions, 1u) << "without a break";
}

TEST(Runner, AnotherKeyIsNoPeer) {
  Node a(1, 2, 1);
  auto keys = test::some_keys();
  keys[0].secret[0] ^= 1;
  Node b(2, 1, 1, keys);
  EXPECT_TRUE(
      becomes([&] { return b.runner().snapshot().counters.drops(DropReason::forged) > 3; }));
  EXPECT_EQ(a.runner().snapshot().state, SessionState::down);
}

TEST(Runner, AnotherSenderIsNotListenedTo) {
  Node a(1, 2, 1);
  Node stranger(3, 1, 1);  // has the key, but not the address
  EXPECT_TRUE(becomes(
      [&] { return a.runner().snapshot().counters.drops(DropReason::foreign_sender) > 3; }));
  EXPECT_EQ(a.runner().snapshot().state, SessionState::down);
}

TEST(Runner, AnAddressInUseIsAnError) {
  Node a(1, 2, 1);
  const auto second = Runner::start(
      {{address(1), kPort}, {address(2), kPort}, test::some_keys(), {}}, [](const auto&) {});
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().message.find("Address already in use"), std::string::npos)
      << second.error().message;
}

TEST(RunnerSettings, NeedTwoEndsAndAKey) {
  config::Config config;
  EXPECT_FALSE(runner_settings(config));
  config.node.peer = config::Endpoint{address(1), 1};
  config.other_nodes.emplace_back();
  config.other_nodes.emplace_back().peer = config::Endpoint{address(2), 2};
  EXPECT_FALSE(runner_settings(config));
  config.global.peer_keys = {{7, {}, {}}, {9, {}, {}}};
  const auto settings = runner_settings(config);
  ASSERT_TRUE(settings);
  EXPECT_EQ(settings->local.port, 1);
  EXPECT_EQ(settings->peer.port, 2);
  EXPECT_EQ(settings->keys.back().id, 9);
}

}  // namespace
}  // namespace carpool::mirror
