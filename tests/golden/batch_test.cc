// Batches are an optimisation and nothing else, and no bytes whatever lead outside of a frame.

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "tests/golden/bed.h"

namespace carpool::test {
namespace {

unsigned chosen_seed() {
  const char* given = std::getenv("CARPOOL_TEST_SEED");
  const unsigned seed = given != nullptr ? static_cast<unsigned>(std::strtoul(given, nullptr, 0))
                                         : std::random_device()();
  std::printf("seed %u (repeat with CARPOOL_TEST_SEED=%u)\n", seed, seed);
  return seed;
}

// Plausible traffic from few clients, so that handshakes, endings, reuse, recycling and strays all
// meet in the same batch.
class Traffic {
 public:
  explicit Traffic(unsigned seed) : random_(seed) {}

  Input next() {
    const std::uint32_t kind = below(100);
    if (kind < 3)
      return {Arp{.sender_mac = kRouterMac,
                  .sender_ip = Ipv4Address::of(9, 9, 9, 9),
                  .target_mac = {},
                  .target_ip = kWeb.address},
              kWan};
    if (kind < 6) return {echo_request(client(below(40)).address, kWeb.address).data("ping"), kWan};
    if (kind < 10) return {tcp(client(below(40)), {kWeb.address, 81}).flags(some_flags()), kWan};
    if (kind < 45 && !towards_servers_.empty()) return answer();
    const Endpoint to = below(3) == 0 ? kMysql : kWeb;
    const unsigned flags = below(3) == 0 ? kTcpSyn : some_flags();
    return {tcp(client(below(40)), to).macs({kRouterMac, kPublicMac}).flags(flags).data("data"),
            kWan};
  }

  // Lets a server answer what reached it.
  void note(const Outcome& outcome) {
    if (outcome.verdict != Verdict::to_server) return;
    if (const auto seen = read_tcp(outcome.frame)) towards_servers_.push_back(*seen);
    if (towards_servers_.size() > 60) towards_servers_.erase(towards_servers_.begin());
  }

  std::uint32_t below(std::uint32_t bound) { return static_cast<std::uint32_t>(random_() % bound); }

 private:
  Input answer() {
    const TcpSeen& seen =
        towards_servers_[below(static_cast<std::uint32_t>(towards_servers_.size()))];
    const bool accepts = (seen.flags & kTcpSyn) != 0 && below(8) != 0;
    const unsigned flags = accepts ? kTcpSyn | kTcpAck : some_flags();
    return {tcp(seen.to, seen.from).macs({mac_of(seen.to), kPublicMac}).flags(flags).data("reply"),
            kLan};
  }
  unsigned some_flags() {
    constexpr unsigned kSome[] = {kTcpAck, kTcpAck, kTcpAck | kTcpPsh, kTcpFin | kTcpAck, kTcpRst};
    return kSome[below(std::size(kSome))];
  }

  std::mt19937 random_;
  std::vector<TcpSeen> towards_servers_;
};

// One bed gets the packets one by one, the other the same ones in batches of 1 to 64.
void compare_batches(unsigned seed, const BedOptions& options) {
  Traffic traffic(seed);
  Bed single(options), batched(options);
  for (int round = 0; round < 300; ++round) {
    std::vector<Input> inputs;
    std::vector<Outcome> expected;
    for (std::uint32_t i = 0, count = 1 + traffic.below(stage::kBatch); i < count; ++i) {
      inputs.push_back(traffic.next());
      expected.push_back(single.send(inputs.back().frame, inputs.back().port));
      traffic.note(expected.back());
    }
    const std::vector<Outcome> outcomes = batched.send_batch(inputs);
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      ASSERT_EQ(outcomes[i].verdict, expected[i].verdict) << "round " << round << " packet " << i;
      ASSERT_EQ(outcomes[i], expected[i]) << "round " << round << " packet " << i;
    }
    for (Bed* bed : {&single, &batched}) {
      bed->advance_ms(round % 10 == 0 ? 3000 : 20);
      bed->sweep_all();
    }
  }
  for (std::size_t i = 0; i < abi::kVerdicts; ++i) {
    const auto verdict = static_cast<Verdict>(i);
    EXPECT_EQ(single.count(verdict), batched.count(verdict)) << abi::info(verdict).name;
  }
  EXPECT_EQ(single.counters().flows_created.get(), batched.counters().flows_created.get());
  EXPECT_EQ(single.counters().flows_live.get(), batched.counters().flows_live.get());
  EXPECT_EQ(single.counters().half_open_recycled.get(),
            batched.counters().half_open_recycled.get());
}

TEST(Batches, GiveTheSameAsOneByOne) {
  compare_batches(chosen_seed(), {});
}

// With tables so small that records change hands within a batch.
TEST(Batches, GiveTheSameAsOneByOneInASmallTable) {
  compare_batches(chosen_seed(), {.limits = {.flows = 12, .half_open = 4}});
}

std::uint64_t sum_of_verdicts(const Bed& bed) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < abi::kVerdicts; ++i)
    sum += bed.count(static_cast<Verdict>(i));
  return sum;
}

// Sound frames with a few bytes changed, cut or lengthened, and pure noise: a sanitizer watches.
TEST(Noise, LeadsNowhere) {
  const unsigned seed = chosen_seed();
  std::mt19937 random(seed);
  Traffic traffic(seed);
  Bed bed({.limits = {.flows = 64, .half_open = 16}});
  std::uint64_t packets = 0;
  for (int round = 0; round < 3000; ++round) {
    std::vector<Input> inputs;
    for (std::uint32_t i = 0, count = 1 + traffic.below(stage::kBatch); i < count; ++i) {
      Input input = traffic.next();
      if (traffic.below(4) == 0) {
        input.frame.resize(traffic.below(120));
        std::ranges::generate(input.frame, [&] { return static_cast<std::uint8_t>(random()); });
      } else if (traffic.below(2) == 0) {
        for (std::uint32_t change = 0; change < 3; ++change)
          input.frame[traffic.below(static_cast<std::uint32_t>(input.frame.size()))] =
              static_cast<std::uint8_t>(random());
        if (traffic.below(3) == 0) input.frame.resize(traffic.below(120));
      }
      inputs.push_back(std::move(input));
    }
    packets += inputs.size();
    for (const Outcome& outcome : bed.send_batch(inputs)) {
      traffic.note(outcome);
      EXPECT_LT(outcome.verdict, Verdict::count);
    }
    bed.advance_ms(100);
    bed.sweep_all();
  }
  EXPECT_EQ(bed.counters().received.get(), packets);
  EXPECT_EQ(sum_of_verdicts(bed), packets);
}

}  // namespace
}  // namespace carpool::test
