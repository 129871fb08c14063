// Two appliances with fast hellos on a virtual clock, with a data link and a peer link between
// them. First named courses, then random ones: CARPOOL_SIM_SEED=N repeats one, CARPOOL_SIM_SEEDS=N
// changes how many are tried.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include <gtest/gtest.h>

#include "tests/sim/hello_node.h"
#include "tests/sim/network.h"

namespace carpool::sim {
namespace {

constexpr std::uint64_t kSeeds = 200;
constexpr Duration kDetect = kHelloCount * kHelloInterval;
// Beyond detection: the last hello may have left just before, looks are 6 ms apart, and it travels.
constexpr Duration kSlack = 25ms;

class Pair {
 public:
  explicit Pair(std::uint64_t seed)
      : random_(seed), data_(queue_, random_, 2), peer_(queue_, random_, 2) {
    for (Network* network : {&data_, &peer_})
      network->set_faults({.max_delay = 2ms});
    for (std::size_t index = 0; index < 2; ++index)
      nodes_[index] = make_node(index);
    queue_.after(1ms, [this] { watch(); });
  }

  HelloNode& a() { return *nodes_[0]; }
  HelloNode& b() { return *nodes_[1]; }
  Network& data() { return data_; }
  Network& peer() { return peer_; }
  Random& random() { return random_; }

  // Both run, A is MASTER, each hears the other on both links.
  void settle() {
    a().boot();
    pass(4s);
    b().boot();
    pass(8s);
    ASSERT_TRUE(a().router().claims());
    ASSERT_FALSE(b().router().claims());
    ASSERT_TRUE(a().all_up() && b().all_up());
    gone_.clear();
  }
  void pass(Duration time) { queue_.run_until(queue_.now() + time); }
  // How long it takes until this node claims; at most `limit`.
  Duration until_claimed(const HelloNode& node, Duration limit) {
    const Instant since = queue_.now();
    while (!node.router().claims() && queue_.now() - since < limit)
      pass(1ms);
    return queue_.now() - since;
  }
  [[nodiscard]] const std::vector<hello::PeerGone>& gone() const { return gone_; }
  [[nodiscard]] bool says_a_is_gone() const {
    return std::ranges::any_of(gone_, [](const hello::PeerGone& gone) {
      return gone.source == Ipv4Address::of(10, 0, 0, 1);
    });
  }
  [[nodiscard]] Duration both_claimed() const { return both_claimed_; }
  [[nodiscard]] const std::vector<std::string>& violations() const { return violations_; }
  [[nodiscard]] Instant now() const { return queue_.now(); }

 private:
  std::unique_ptr<HelloNode> make_node(std::size_t index) {
    CarpConfig config;
    config.vhid = 53;
    config.advskew = index == 0 ? 0 : 100;
    config.source = Ipv4Address::of(10, 0, 0, static_cast<std::uint8_t>(index + 1));
    Surroundings<Carp> surroundings{
        queue_,
        random_,
        [this, index](const CarpAdvertReceived& advert) {
          data_.multicast(index, advert, [this](std::size_t to, const auto& heard) {
            nodes_[to]->router().receive(heard);
          });
        },
        {},
        [this](const std::string& what) { violations_.push_back(what); }};
    const auto put = [this, index](std::size_t link, const hello::Message& message) {
      Network& network = link == kPeerLink ? peer_ : data_;
      network.multicast(index, message, [this, link](std::size_t to, const auto& heard) {
        if (link == kPeerLink || nodes_[to]->router().link()) nodes_[to]->receive(link, heard);
      });
    };
    return std::make_unique<HelloNode>(
        index == 0 ? "a" : "b", config, std::move(surroundings), put,
        [this](const hello::PeerGone& gone) { gone_.push_back(gone); });
  }

  void watch() {
    queue_.after(1ms, [this] { watch(); });
    if (a().router().claims() && b().router().claims()) both_claimed_ += 1ms;
  }

  EventQueue queue_;
  Random random_;
  Network data_, peer_;
  std::array<std::unique_ptr<HelloNode>, 2> nodes_;
  std::vector<hello::PeerGone> gone_;
  std::vector<std::string> violations_;
  Duration both_claimed_{};
};

// ---- Named courses ------------------------------------------------------------------------------

TEST(HelloSim, ADeadMasterIsReplacedAfterTheCount) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    Pair pair(seed);
    pair.settle();
    pair.pass(pair.random().between(0ms, 20ms));
    pair.a().crash();
    const Duration took = pair.until_claimed(pair.b(), 1s);
    EXPECT_GE(took, kDetect - 2 * kHelloInterval) << "seed " << seed;
    EXPECT_LE(took, kDetect + kSlack) << "seed " << seed;
    EXPECT_EQ(pair.both_claimed(), 0ms);
  }
}

TEST(HelloSim, APulledCableMovesTheGroup) {
  Pair pair(1);
  pair.settle();
  pair.a().router().set_link(false);
  EXPECT_LE(pair.until_claimed(pair.b(), 1s), kDetect + kSlack);
  ASSERT_EQ(pair.gone().size(), 1u);
  EXPECT_EQ(pair.gone()[0].cause, hello::GoneCause::released);
  EXPECT_EQ(pair.both_claimed(), 0ms);
}

// The worker answers for the addresses until the fence, and says hello for as long.
TEST(HelloSim, ADeadControlPlaneIsWaitedForUntilItsDataPlaneLetsGo) {
  bool moved = false;
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    Pair pair(seed);
    pair.settle();
    pair.a().restart_control();
    pair.pass(1400ms);
    EXPECT_FALSE(pair.says_a_is_gone()) << "seed " << seed;
    pair.pass(10s);
    moved |= pair.says_a_is_gone();
    // A that is back preempts, and its advert has to arrive.
    EXPECT_LE(pair.both_claimed(), 10ms) << "seed " << seed;
    EXPECT_TRUE(pair.a().router().claims() && !pair.b().router().claims()) << "seed " << seed;
  }
  EXPECT_TRUE(moved) << "some are back after the fence only";
}

TEST(HelloSim, AControlPlaneThatIsBackBeforeTheFenceIsNotMissed) {
  Pair pair(3);
  pair.settle();
  pair.a().restart_hellos(300ms);
  pair.pass(5s);
  EXPECT_FALSE(pair.says_a_is_gone());
  EXPECT_TRUE(pair.a().all_up() && pair.b().all_up());
}

TEST(HelloSim, OneCutLinkChangesNothing) {
  for (const bool data_link : {true, false}) {
    for (const bool from_master : {true, false}) {
      Pair pair(5);
      pair.settle();
      // On the data link only for less than CARP waits.
      (data_link ? pair.data() : pair.peer()).cut(from_master ? 0 : 1, from_master ? 1 : 0);
      pair.pass(2s);
      pair.data().heal();
      pair.peer().heal();
      pair.pass(5s);
      EXPECT_TRUE(pair.gone().empty());
      EXPECT_TRUE(pair.a().router().claims() && !pair.b().router().claims());
      EXPECT_TRUE(pair.a().all_up() && pair.b().all_up());
    }
  }
}

TEST(HelloSim, APauseOfOnePartIsNoDeath) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Pair pair(seed);
    pair.settle();
    pair.a().pause_control(1s);
    pair.pass(3s);
    pair.a().pause_worker(1s);
    pair.pass(3s);
    pair.b().pause(1s);
    pair.pass(3s);
    EXPECT_FALSE(pair.says_a_is_gone()) << "seed " << seed;
    EXPECT_TRUE(pair.a().router().claims() && !pair.b().router().claims());
  }
}

// Its silence cannot be told from death; once it is back exactly one stays, the preferred one.
// (Here its hellos alone are paused, so that it answers the peer's first advert.)
TEST(HelloSim, APausedNodeIsReplacedAndTakesItsPlaceAgain) {
  Pair pair(1);
  pair.settle();
  pair.a().pause(300ms);
  EXPECT_LE(pair.until_claimed(pair.b(), 1s), kDetect + kSlack);
  pair.pass(4s);
  EXPECT_TRUE(pair.a().router().claims());
  EXPECT_FALSE(pair.b().router().claims());
}

TEST(HelloSim, ASplitBrainHealsToOneMaster) {
  Pair pair(1);
  pair.settle();
  pair.data().cut(0, 1);
  pair.data().cut(1, 0);
  pair.pass(4s);
  EXPECT_TRUE(pair.a().router().claims() && pair.b().router().claims()) << "as CARP has it";
  EXPECT_TRUE(pair.gone().empty()) << "hellos did not do it: the peer link works";
  pair.data().heal();
  pair.pass(1500ms);
  EXPECT_TRUE(pair.a().router().claims());
  EXPECT_FALSE(pair.b().router().claims());
}

// ---- Random courses -----------------------------------------------------------------------------

// For a minute one thing after another happens, each of which leaves a way to hear each other: a
// cut or lossy link beside a whole one, a pause of one part, delays. Never is anybody called gone,
// and with CARP's own time left aside nobody else becomes master.
std::vector<std::string> run_harmless(std::uint64_t seed) {
  Pair pair(seed);
  pair.settle();
  Random& random = pair.random();
  std::vector<std::string> wrong = pair.violations();
  for (int fault = 0; fault < 30; ++fault) {
    const bool on_data = random.chance(50);
    Network& link = on_data ? pair.data() : pair.peer();
    HelloNode& node = random.chance(50) ? pair.a() : pair.b();
    switch (random.below(6)) {
      case 0:
        link.cut(0, 1);
        break;
      case 1:
        link.cut(1, 0);
        break;
      case 2:
        link.set_faults({.loss_percent = static_cast<unsigned>(random.below(60)),
                         .duplicate_percent = 20,
                         .max_delay = random.between(1ms, 15ms)});
        break;
      case 3:
        node.pause_control(random.between(1ms, 1s));
        break;
      case 4:
        node.pause_worker(random.between(1ms, 1s));
        break;
      case 5:
        node.restart_hellos(random.between(10ms, 1s));
        break;
    }
    pair.pass(random.between(10ms, 1200ms));
    for (Network* network : {&pair.data(), &pair.peer()}) {
      network->heal();
      network->set_faults({.max_delay = 2ms});
    }
    pair.pass(2500ms);
    if (!pair.gone().empty()) wrong.push_back("somebody alive was called gone");
    if (!pair.a().router().claims() || pair.b().router().claims()) {
      wrong.push_back("the master has changed");
    }
    if (!wrong.empty()) break;
  }
  pair.pass(3s);
  if (!pair.a().all_up() || !pair.b().all_up()) wrong.push_back("not all links are up in the end");
  return wrong;
}

std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
  const char* value = std::getenv(variable);
  return value != nullptr ? std::strtoull(value, nullptr, 10) : otherwise;
}

TEST(HelloSim, NothingHarmlessEverMovesTheGroup) {
  const std::uint64_t single = number_from("CARPOOL_SIM_SEED", 0);
  const std::uint64_t first = single != 0 ? single : 1;
  const std::uint64_t last = single != 0 ? single : number_from("CARPOOL_SIM_SEEDS", kSeeds);
  std::printf("hello: seeds %llu to %llu\n", static_cast<unsigned long long>(first),
              static_cast<unsigned long long>(last));
  for (std::uint64_t seed = first; seed <= last; ++seed) {
    for (const std::string& what : run_harmless(seed))
      ADD_FAILURE() << "CARPOOL_SIM_SEED=" << seed << ": " << what;
  }
}

}  // namespace
}  // namespace carpool::sim
