// What choosing costs: the control plane's Maglev tables, and a new connection's look at rules.
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "bench/report.h"
#include "controlplane/link/image_draft.h"
#include "controlplane/link/maglev.h"
#include "controlplane/link/rule_tables.h"

namespace carpool {
namespace {

std::vector<link::MaglevPlan> plans(std::uint16_t services, std::uint16_t servers) {
  std::vector<link::MaglevPlan> all;
  for (std::uint16_t service = 0; service < services; ++service) {
    link::MaglevPlan plan{.service = service, .places = link::maglev_places(servers)};
    for (std::uint16_t server = 0; server < servers; ++server) {
      const std::string name = std::to_string(service) + "/" + std::to_string(server);
      plan.servers.push_back({server, 1, link::maglev_identity(name)});
    }
    all.push_back(std::move(plan));
  }
  return all;
}

// All tables of a configuration anew, on all processors. Arguments: services, servers of each.
void maglev_build(benchmark::State& state) {
  const auto wanted =
      plans(static_cast<std::uint16_t>(state.range(0)), static_cast<std::uint16_t>(state.range(1)));
  for ([[maybe_unused]] auto _ : state) {
    link::MaglevTables tables;
    tables.make(wanted);
    benchmark::DoNotOptimize(tables.of(0).data());
  }
  state.counters["places"] = static_cast<double>(wanted.front().places);
}
BENCHMARK(maglev_build)
    ->ArgNames({"services", "servers"})
    ->Args({1'000, 100})
    ->Args({1, 100})
    ->Args({1, 1'000})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

// Whether an address is in a list of that many networks; addresses are random, so that their places
// come from memory.
void list_lookup(benchmark::State& state) {
  std::mt19937 random(1);
  config::ValueRanges ranges;
  for (std::int64_t i = 0; i < state.range(0); ++i) {
    const auto first = static_cast<std::uint32_t>(random()) & 0xffffff00;
    ranges.push_back({first, first | 0xff});
  }
  link::ImageDraft draft;
  draft.lists.push_back(link::make_list(config::normalized(std::move(ranges))));
  const auto bytes = link::flatten(draft);
  const abi::ImageView image(bytes.data());
  std::uint32_t value = 1;
  for ([[maybe_unused]] auto _ : state) {
    value = value * 1664525 + 1013904223;
    benchmark::DoNotOptimize(image.list_contains(0, value));
  }
  state.counters["bytes"] = static_cast<double>(bytes.size());
}
BENCHMARK(list_lookup)->ArgName("networks")->Arg(10)->Arg(1'000)->Arg(100'000);

}  // namespace
}  // namespace carpool

int main(int argc, char** argv) {
  return carpool::bench::run(argc, argv, [](carpool::bench::Figures& figures) {
    const auto copy = [&](const char* from, const char* to, double factor) {
      if (const auto value = figures.get(from)) figures.set(to, *value * factor);
    };
    copy("maglev_build/services:1000/servers:100/real_time:real_ns", "maglev_1000x100_ms", 1e-6);
    copy("list_lookup/networks:100000:real_ns", "list_lookup_100000_ns", 1);
  });
}
