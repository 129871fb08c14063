// A ring in a region file between two processes, one of which is killed at a random moment,
// hundreds of times, and comes back: the other reads no torn element and never waits in vain, order
// holds, and no more is lost than ring.h says.
//
// Both ends keep a journal outside of the ring, in memory that survives them. A producer notes what
// it is about to push, so that its successor repeats nothing; a consumer notes what it has handled.

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <thread>
#include <utility>

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dataplane/abi/region.h"
#include "dataplane/base/time.h"

namespace carpool::abi {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMaxBatch = 64;
constexpr int kRounds = 400;
constexpr Duration kLongestLife = 4ms;  // of a victim once it works
constexpr Duration kPatience = 20s;     // a machine may be slow; waiting in vain takes for ever

struct Journal {
  std::atomic<std::uint64_t> next_sequence{1};  // of the producer: nothing from here on was pushed
  std::atomic<std::uint64_t> handled{0};        // by the consumer: the last sequence
  std::atomic<std::uint64_t> elements{0};       // handled in all
  std::atomic<std::uint64_t> lost{0};           // sequences that never came
  std::atomic<std::uint64_t> torn{0};
  std::atomic<std::uint64_t> not_later{0};  // repeated or out of order
  std::atomic<std::uint64_t> largest_gap{0};
  std::atomic<std::uint64_t> turns{0};  // of the victim that moved something
};

void write_content(AdvertFrame& frame, std::uint64_t sequence) {
  frame.time_ns = sequence;
  frame.length = kMaxAdvertBytes;
  std::uint64_t state = sequence;
  for (std::size_t at = 0; at < kMaxAdvertBytes; at += sizeof state) {
    state = (state ^ state >> 31) * 0x94d049bb133111eb + 1;
    std::memcpy(frame.bytes + at, &state, sizeof state);
  }
}

bool is_torn(const AdvertFrame& frame) {
  AdvertFrame expected;
  write_content(expected, frame.time_ns);
  return std::memcmp(&expected, &frame, sizeof frame) != 0;
}

class Producer {
 public:
  Producer(const Region& region, Journal& journal, unsigned seed)
      : ring_(region.punted(0)), journal_(journal), random_(seed) {}

  // Pushes a batch of random size; false if the ring was full.
  bool turn() {
    const std::uint64_t first = journal_.next_sequence;
    const std::size_t size = 1 + random_() % kMaxBatch;
    for (std::size_t i = 0; i < size; ++i)
      write_content(batch_[i], first + i);
    journal_.next_sequence = first + size;
    const auto pushed = ring_.push(std::span(batch_).first(size));
    journal_.next_sequence = first + pushed;
    return pushed > 0;
  }

 private:
  RingProducer<AdvertFrame> ring_;
  Journal& journal_;
  std::mt19937 random_;
  std::array<AdvertFrame, kMaxBatch> batch_;
};

class Consumer {
 public:
  Consumer(const Region& region, Journal& journal, unsigned seed)
      : ring_(region.punted(0)), journal_(journal), random_(seed) {}

  // Handles a batch of random size; false if the ring was empty.
  bool turn() {
    const auto count = ring_.pop(std::span(batch_).first(1 + random_() % kMaxBatch));
    for (const AdvertFrame& frame : std::span(batch_).first(count))
      handle(frame);
    return count > 0;
  }

 private:
  void handle(const AdvertFrame& frame) {
    const std::uint64_t last = journal_.handled;
    if (is_torn(frame)) ++journal_.torn;
    if (frame.time_ns <= last) ++journal_.not_later;
    const std::uint64_t gap = frame.time_ns - last - 1;
    journal_.handled = frame.time_ns;
    // We may be killed between any two of these, so the sums are for the reader, not for the proof.
    journal_.largest_gap = std::max(journal_.largest_gap.load(), gap);
    journal_.lost += gap;
    ++journal_.elements;
  }

  RingConsumer<AdvertFrame> ring_;
  Journal& journal_;
  std::mt19937 random_;
  std::array<AdvertFrame, kMaxBatch> batch_;
};

// What the victim does until it is killed: attach, take up the work, go on.
template <class End>
[[noreturn]] void live(const std::filesystem::path& path, Journal& journal, unsigned seed) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const auto region = Region::attach(path);
  if (!region) _exit(1);
  for (End end(*region, journal, seed);;) {
    if (end.turn()) {
      ++journal.turns;
    } else {
      sched_yield();
    }
  }
}

class KillTest : public testing::Test {
 protected:
  KillTest() {
    char name[] = "/tmp/carpool-kill-XXXXXX";
    directory_ = mkdtemp(name);
    path_ = directory_ / "region";
    void* memory =
        mmap(nullptr, sizeof(Journal), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    journal_ = new (memory) Journal;
  }
  ~KillTest() override {
    munmap(journal_, sizeof(Journal));
    std::filesystem::remove_all(directory_);
  }

  // One life: the victim works as `Victim`, we as `Survivor`, until the victim has moved something
  // and a random time more. False if nothing moved for too long.
  template <class Victim, class Survivor>
  bool round(const Region& region, Duration life, unsigned seed) {
    const std::uint64_t turns_before = journal_->turns;
    const pid_t victim = fork();
    if (victim == 0) live<Victim>(path_, *journal_, seed);
    if (victim < 0) return false;

    Survivor survivor(region, *journal_, ~seed);
    const Instant hopeless = monotonic_now() + kPatience;
    Instant end = Instant::max();
    bool moves = false;
    for (Instant now = monotonic_now(); now < end && now < hopeless; now = monotonic_now()) {
      if (!moves && journal_->turns != turns_before) {
        moves = true;
        end = now + life;
      }
      if (!survivor.turn()) sched_yield();
    }
    kill(victim, SIGKILL);
    int status = 0;
    waitpid(victim, &status, 0);
    // Alone now: everything that was pushed can be had, everything that there is room for pushed.
    while (survivor.turn()) {
    }
    return moves && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
  }

  std::filesystem::path directory_, path_;
  Journal* journal_ = nullptr;
};

unsigned chosen_seed() {
  const char* given = std::getenv("CARPOOL_TEST_SEED");
  return given != nullptr ? static_cast<unsigned>(std::strtoul(given, nullptr, 0))
                          : std::random_device()();
}

TEST_F(KillTest, TheSurvivorReadsWholeElementsAndGoesOn) {
  const unsigned seed = chosen_seed();
  std::printf("seed %u (repeat with CARPOOL_TEST_SEED=%u)\n", seed, seed);
  std::fflush(stdout);
  std::mt19937 random(seed);

  const auto region = Region::create(path_, {.workers = 1, .image_bytes = 4096});
  ASSERT_TRUE(region) << region.error().message;
  for (int i = 0; i < kRounds; ++i) {
    const Duration life(random() % std::uint64_t{kLongestLife.count()});
    const bool consumer_dies = random() % 2 == 0;
    const auto round_seed = static_cast<unsigned>(random());
    ASSERT_TRUE((consumer_dies ? round<Consumer, Producer>(*region, life, round_seed)
                               : round<Producer, Consumer>(*region, life, round_seed)))
        << "nothing moved in round " << i;
    ASSERT_EQ(journal_->torn, 0u) << "round " << i;
    ASSERT_EQ(journal_->not_later, 0u) << "round " << i;
  }

  // What is still in the ring arrives too.
  Consumer last(*region, *journal_, seed);
  while (last.turn()) {
  }
  EXPECT_EQ(journal_->torn, 0u);
  EXPECT_EQ(journal_->not_later, 0u);
  // Between two deaths something always arrives, so one gap is the price of one death.
  EXPECT_LE(journal_->largest_gap, kMaxBatch);
  EXPECT_LE(journal_->next_sequence - 1 - journal_->handled, kMaxBatch);
  std::printf("%d deaths, %lu elements, %lu lost, largest gap %lu\n", kRounds,
              journal_->elements.load(), journal_->lost.load(), journal_->largest_gap.load());
}

}  // namespace
}  // namespace carpool::abi
