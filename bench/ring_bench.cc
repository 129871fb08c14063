// Our single-producer single-consumer ring beside DPDK's rte_ring in the same mode, same capacity,
// same elements, same bursts, in the same run: a push and a pop in one thread (what the code costs)
// and one thread against another (what the cache lines cost). Ends with a table of ratios.

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>
#include <rte_ring.h>
#include <rte_ring_elem.h>
#include <sched.h>

#include "bench/report.h"
#include "dataplane/abi/ring.h"

namespace carpool {
namespace {

constexpr std::uint32_t kCapacity = 1024;
constexpr std::uint32_t kMaxBurst = 32;
constexpr int kRepetitions = 9;

template <std::size_t Bytes>
struct Element {
  std::uint64_t words[Bytes / 8];
};

using Memory = std::unique_ptr<void, decltype(&std::free)>;

Memory zeroed(std::size_t bytes) {
  constexpr std::size_t kAlignment = 128;  // rte_ring wants two cache lines
  void* memory = std::aligned_alloc(kAlignment, (bytes + kAlignment - 1) / kAlignment * kAlignment);
  std::memset(memory, 0, bytes);
  return {memory, std::free};
}

template <std::size_t Bytes>
class OurRing {
 public:
  using Item = Element<Bytes>;
  static constexpr const char* kName = "carpool";

  std::uint32_t push(const Item* items, std::uint32_t count) {
    return producer_.push({items, count});
  }
  std::uint32_t pop(Item* items, std::uint32_t count) { return consumer_.pop({items, count}); }

 private:
  Memory memory_ = zeroed(abi::ring_bytes<Item>(kCapacity));
  // Each end on lines of its own, as in two threads' own objects.
  alignas(128) abi::RingProducer<Item> producer_{
      abi::RingPlace<Item>::at(memory_.get(), kCapacity)};
  alignas(128) abi::RingConsumer<Item> consumer_{
      abi::RingPlace<Item>::at(memory_.get(), kCapacity)};
};

template <std::size_t Bytes>
class DpdkRing {
 public:
  using Item = Element<Bytes>;
  static constexpr const char* kName = "rte_ring";

  // On memory of our own, so that no EAL is needed; the element size only matters to the copying.
  DpdkRing() {
    if (rte_ring_init(ring_, "bench", kCapacity, RING_F_SP_ENQ | RING_F_SC_DEQ) != 0) std::abort();
  }
  std::uint32_t push(const Item* items, std::uint32_t count) {
    return rte_ring_sp_enqueue_burst_elem(ring_, items, Bytes, count, nullptr);
  }
  std::uint32_t pop(Item* items, std::uint32_t count) {
    return rte_ring_sc_dequeue_burst_elem(ring_, items, Bytes, count, nullptr);
  }

 private:
  Memory memory_ = zeroed(static_cast<std::size_t>(rte_ring_get_memsize_elem(Bytes, kCapacity)));
  rte_ring* ring_ = static_cast<rte_ring*>(memory_.get());
};

// One burst in, one burst out.
template <class Ring>
void one_thread(benchmark::State& state) {
  const auto burst = static_cast<std::uint32_t>(state.range(0));
  Ring ring;
  alignas(64) std::array<typename Ring::Item, kMaxBurst> in{}, out;
  for ([[maybe_unused]] auto _ : state) {
    benchmark::DoNotOptimize(in);
    ring.push(in.data(), burst);
    ring.pop(out.data(), burst);
    benchmark::DoNotOptimize(out);
  }
  state.SetItemsProcessed(state.iterations() * burst);
}

// Spins as a worker does, but gives way to the other side if that may not have a core of its own.
void idle(int& turns_in_vain) {
  constexpr int kPatience = 2000;
  if (++turns_in_vain % kPatience == 0) sched_yield();
}

// Thread 0 pushes, thread 1 pops, the same number of bursts each.
template <class Ring>
std::unique_ptr<Ring> shared_ring;

template <class Ring>
void two_threads(benchmark::State& state) {
  const auto burst = static_cast<std::uint32_t>(state.range(0));
  Ring& ring = *shared_ring<Ring>;
  std::array<typename Ring::Item, kMaxBurst> items{};
  const bool pushes = state.thread_index() == 0;
  int turns_in_vain = 0;
  for ([[maybe_unused]] auto _ : state) {
    benchmark::DoNotOptimize(items);
    for (std::uint32_t done = 0; done < burst;) {
      const auto count =
          pushes ? ring.push(items.data(), burst - done) : ring.pop(items.data(), burst - done);
      done += count;
      if (count == 0) idle(turns_in_vain);
      if (count != 0) turns_in_vain = 0;
    }
  }
  if (pushes) state.SetItemsProcessed(state.iterations() * burst);
}

std::string full_name(const char* way, std::size_t bytes, const char* ring) {
  return std::string(way) + "/" + std::to_string(bytes) + "B/" + ring;
}

template <class Ring>
void add(std::size_t bytes) {
  const auto prepare = [](auto* benchmark) {
    benchmark->ArgName("burst")->Arg(1)->Arg(8)->Arg(kMaxBurst);
    benchmark->Repetitions(kRepetitions)->ReportAggregatesOnly()->MinTime(0.02);
  };
  prepare(benchmark::RegisterBenchmark(full_name("one_thread", bytes, Ring::kName).c_str(),
                                       one_thread<Ring>));
  auto* two = benchmark::RegisterBenchmark(full_name("two_threads", bytes, Ring::kName).c_str(),
                                           two_threads<Ring>);
  prepare(two);
  two->Threads(2)->UseRealTime();
  two->Setup([](const benchmark::State&) { shared_ring<Ring> = std::make_unique<Ring>(); });
  two->Teardown([](const benchmark::State&) { shared_ring<Ring>.reset(); });
}

template <std::size_t... Bytes>
void add_sizes(std::index_sequence<Bytes...>) {
  (add<OurRing<Bytes>>(Bytes), ...);
  (add<DpdkRing<Bytes>>(Bytes), ...);
}

using Sizes = std::index_sequence<8, 32, 64, 256>;

// How many times as many elements per second go through our ring as through rte_ring.
void print_ratios(bench::Figures& figures) {
  std::printf("\nelements per second, in millions, medians of %d runs\n", kRepetitions);
  std::printf("%-12s %6s %6s %12s %12s %8s\n", "", "bytes", "burst", "carpool", "rte_ring",
              "ratio");
  for (const char* way : {"one_thread", "two_threads"}) {
    for (const std::size_t bytes : {8, 32, 64, 256}) {
      for (const int burst : {1, 8, 32}) {
        const auto rate = [&](const char* ring) {
          const bool two = std::string_view(way) == "two_threads";
          return figures.get(full_name(way, bytes, ring) + "/burst:" + std::to_string(burst) +
                             (two ? "/threads:2" : "") + ":items_per_second");
        };
        const auto ours = rate("carpool"), theirs = rate("rte_ring");
        if (!ours || !theirs) continue;
        const double ratio = *ours / *theirs;
        std::printf("%-12s %6zu %6d %12.1f %12.1f %8.2f\n", way, bytes, burst, *ours / 1e6,
                    *theirs / 1e6, ratio);
        figures.set("ratio/" + full_name(way, bytes, "burst") + std::to_string(burst), ratio);
      }
    }
  }
}

}  // namespace
}  // namespace carpool

int main(int argc, char** argv) {
  // What is compared should see the same weather: repetitions of all take turns.
  std::string interleaving = "--benchmark_enable_random_interleaving=true";
  std::vector<char*> arguments(argv, argv + argc);
  arguments.insert(arguments.begin() + 1, interleaving.data());
  carpool::add_sizes(carpool::Sizes());
  return carpool::bench::run(static_cast<int>(arguments.size()), arguments.data(),
                             carpool::print_ratios);
}
