// Two runners in one process: the peer link is loopback, the data link a thread that does what
// workers do with the rings of both regions.
#include "controlplane/peer/hello_runner.h"

#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <mutex>
#include <thread>

#include <gtest/gtest.h>
#include <unistd.h>

namespace carpool::hello {
namespace {

using namespace std::chrono_literals;

constexpr std::uint16_t kPort = 8849;

// Addresses of loopback that no other run of this test uses.
Ipv4Address address(std::uint8_t node) {
  const auto pid = static_cast<std::uint32_t>(getpid());
  return Ipv4Address::of(127, static_cast<std::uint8_t>(100 + (pid >> 8) % 100),
                         static_cast<std::uint8_t>(pid), node);
}

Key key(std::uint8_t fill) {
  return make_key(1, std::vector<std::uint8_t>(32, fill));
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

class Node {
 public:
  Node(std::uint8_t number, std::uint8_t other)
      : path_(std::filesystem::temp_directory_path() /
              ("hello-" + std::to_string(getpid()) + "-" + std::to_string(number))),
        region_(abi::Region::create(path_, {.workers = 1, .image_bytes = 4096}).value()) {
    region_.header().fence_ms = 500;
    auto started = Runner::start({{address(number), kPort}, {address(other), kPort}, {key(1)}},
                                 [this](const Event& event) {
                                   const std::lock_guard lock(mutex_);
                                   events_.push_back(event);
                                 });
    if (!started) {
      ADD_FAILURE() << started.error().message;
      return;
    }
    runner_ = std::move(*started);
    runner_->configure(
        {.links = {{"peer", LinkId::peer, 20ms, 50}, {"wan", link_id("wan"), 20ms, 50}},
         .groups = {{"public", group_id("public"), 1, 20ms, 50}}},
        {{0, MacAddress{{2, 0, 0, 0, 0, number}}, Ipv4Address::of(192, 0, 2, number)}});
    runner_->set_claims({group_id("public")});
    runner_->attach(region_);
  }
  ~Node() {
    runner_.reset();
    std::filesystem::remove(path_);
  }

  Runner& runner() { return *runner_; }
  void end() { runner_.reset(); }
  [[nodiscard]] const abi::Region& region() const { return region_; }
  [[nodiscard]] bool has_seen(const Event& event) {
    const std::lock_guard lock(mutex_);
    return std::ranges::find(events_, event) != events_.end();
  }
  [[nodiscard]] bool all_up() const {
    const auto links = runner_->snapshot().links;
    return links.size() == 2 && std::ranges::all_of(links, [](const LinkReport& link) {
             return link.state == LinkState::up;
           });
  }

 private:
  std::filesystem::path path_;
  abi::Region region_;
  std::mutex mutex_;
  std::vector<Event> events_;
  std::unique_ptr<Runner> runner_;
};

// Both data planes, and the network between them.
class DataPlanes {
 public:
  DataPlanes(const Node& a, const Node& b)
      : thread_([this, &a, &b] {
          abi::RingConsumer<abi::AdvertFrame> from_a(a.region().hellos_out());
          abi::RingConsumer<abi::AdvertFrame> from_b(b.region().hellos_out());
          abi::RingProducer<abi::AdvertFrame> to_a(a.region().hellos_in(0));
          abi::RingProducer<abi::AdvertFrame> to_b(b.region().hellos_in(0));
          Pending a_next, b_next;
          while (!stop_) {
            forward(from_a, a_next, to_b, a_speaks_);
            forward(from_b, b_next, to_a, true);
            a.region().status(0).heartbeat.fetch_add(1, std::memory_order_relaxed);
            b.region().status(0).heartbeat.fetch_add(1, std::memory_order_relaxed);
            std::this_thread::sleep_for(1ms);
          }
        }) {}
  ~DataPlanes() {
    stop_ = true;
    thread_.join();
  }
  void silence_a() { a_speaks_ = false; }

 private:
  using Pending = std::optional<abi::AdvertFrame>;
  static void forward(abi::RingConsumer<abi::AdvertFrame>& from, Pending& next,
                      abi::RingProducer<abi::AdvertFrame>& to, bool arrives) {
    while (true) {
      abi::AdvertFrame frame;
      if (!next && from.pop(frame)) next = frame;
      if (!next || next->time_ns > to_ns(monotonic_now())) return;
      if (arrives) static_cast<void>(to.push(*next));
      next.reset();
    }
  }
  std::atomic<bool> stop_{false};
  std::atomic<bool> a_speaks_{true};
  std::thread thread_;
};

TEST(HelloRunner, TwoNodesHearEachOtherOnBothLinks) {
  Node a(1, 2), b(2, 1);
  DataPlanes data_planes(a, b);
  EXPECT_TRUE(becomes([&] { return a.all_up() && b.all_up(); }));
  EXPECT_FALSE(b.runner().snapshot().priority.empty());
}

TEST(HelloRunner, SilenceOnBothLinksIsTold) {
  Node a(1, 2), b(2, 1);
  DataPlanes data_planes(a, b);
  ASSERT_TRUE(becomes([&] { return b.all_up(); }));
  a.runner().set_keys({key(2)});  // nobody believes what it says from now on
  EXPECT_TRUE(becomes([&] { return b.has_seen(LinkLost{"peer"}); }));
  EXPECT_FALSE(b.has_seen(PeerGone{"public", Ipv4Address::of(192, 0, 2, 1), GoneCause::silent}));
  data_planes.silence_a();
  EXPECT_TRUE(becomes([&] {
    return b.has_seen(PeerGone{"public", Ipv4Address::of(192, 0, 2, 1), GoneCause::silent});
  }));
  EXPECT_GT(b.runner().snapshot().dropped[static_cast<std::size_t>(Drop::forged)], 0u);
}

TEST(HelloRunner, AnEndIsNoLoss) {
  Node a(1, 2), b(2, 1);
  DataPlanes data_planes(a, b);
  ASSERT_TRUE(becomes([&] { return b.all_up(); }));
  a.end();
  EXPECT_TRUE(becomes([&] { return b.has_seen(PeerEnded{}); }));
  std::this_thread::sleep_for(1500ms);  // longer than what would count as a loss
  EXPECT_FALSE(b.has_seen(LinkLost{"peer"}));
}

TEST(HelloRunner, DataPlanesComeAndGo) {
  Node a(1, 2), b(2, 1);
  DataPlanes data_planes(a, b);
  for (int round = 0; round < 20; ++round) {
    a.runner().detach();
    a.runner().attach(a.region());
  }
  EXPECT_TRUE(becomes([&] { return a.all_up() && b.all_up(); }));
}

}  // namespace
}  // namespace carpool::hello
