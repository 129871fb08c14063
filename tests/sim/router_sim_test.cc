// Thousands of random courses of each protocol. CARPOOL_SIM_SEED=N repeats one of them with its
// trace; CARPOOL_SIM_SEEDS=N changes how many are tried.
#include <cstdio>
#include <cstdlib>
#include <string>

#include <gtest/gtest.h>

#include "tests/sim/course.h"

namespace carpool::sim {
namespace {

constexpr std::uint64_t kSeeds = 3000;
constexpr int kFailuresShown = 5;

std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
  const char* value = std::getenv(variable);
  return value != nullptr ? std::strtoull(value, nullptr, 10) : otherwise;
}

std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const auto& line : lines) {
    text += "\n  " + line;
  }
  return text;
}

template <class Protocol>
struct Sim : testing::Test {
  static CourseReport run(std::uint64_t seed, bool with_trace) {
    return Course<Protocol>(seed, with_trace).run();
  }
};
using Protocols = testing::Types<Carp, Vrrp>;
struct ProtocolNames {
  template <class Protocol>
  static std::string GetName(int) {
    return Protocol::kName;
  }
};
TYPED_TEST_SUITE(Sim, Protocols, ProtocolNames);

TYPED_TEST(Sim, SettlesOnTheMostPreferredMaster) {
  const std::uint64_t single = number_from("CARPOOL_SIM_SEED", 0);
  const std::uint64_t first = single != 0 ? single : 1;
  const std::uint64_t last = single != 0 ? single : number_from("CARPOOL_SIM_SEEDS", kSeeds);
  std::printf("%s: seeds %llu to %llu\n", TypeParam::kName, static_cast<unsigned long long>(first),
              static_cast<unsigned long long>(last));

  int failures = 0;
  std::uint64_t takeovers = 0;
  for (std::uint64_t seed = first; seed <= last && failures < kFailuresShown; ++seed) {
    const CourseReport course = this->run(seed, single != 0);
    takeovers += course.takeovers;
    if (single != 0) std::printf("%s", course.trace.c_str());
    if (course.violations.empty()) continue;
    ++failures;
    ADD_FAILURE() << "CARPOOL_SIM_SEED=" << seed << " shows how:" << joined(course.violations);
  }
  if (failures == 0) {
    EXPECT_GT(takeovers, last - first) << "a simulation in which nothing happens proves nothing";
  }
}

// The same seed is the same course: otherwise a failure could not be repeated.
TYPED_TEST(Sim, IsDeterministic) {
  EXPECT_EQ(this->run(7, true).trace, this->run(7, true).trace);
  EXPECT_NE(this->run(7, true).trace, this->run(8, true).trace);
}

}  // namespace
}  // namespace carpool::sim
