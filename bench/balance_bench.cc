// What choosing servers costs: the control plane's Maglev tables.
#include <cstdint>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "bench/report.h"
#include "controlplane/link/maglev.h"

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

}  // namespace
}  // namespace carpool

int main(int argc, char** argv) {
  return carpool::bench::run(argc, argv, [](carpool::bench::Figures& figures) {
    const auto copy = [&](const char* from, const char* to, double factor) {
      if (const auto value = figures.get(from)) figures.set(to, *value * factor);
    };
    copy("maglev_build/services:1000/servers:100/real_time:real_ns", "maglev_1000x100_ms", 1e-6);
  });
}
