// Random courses of two mirroring nodes. CARPOOL_SIM_SEED=N repeats one of them with its trace;
// CARPOOL_SIM_SEEDS=N changes how many are tried.
#include "tests/sim/mirror_sim.h"

#include <cstdio>
#include <cstdlib>
#include <string>

#include <gtest/gtest.h>

namespace carpool::sim {
namespace {

constexpr std::uint64_t kSeeds = 200;
constexpr int kFailuresShown = 5;

std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
  const char* value = std::getenv(variable);
  return value != nullptr ? std::strtoull(value, nullptr, 10) : otherwise;
}

TEST(MirrorSim, WhatIsMirroredConverges) {
  const std::uint64_t single = number_from("CARPOOL_SIM_SEED", 0);
  const std::uint64_t first = single != 0 ? single : 1;
  const std::uint64_t last = single != 0 ? single : number_from("CARPOOL_SIM_SEEDS", kSeeds);
  std::printf("mirror: seeds %llu to %llu\n", static_cast<unsigned long long>(first),
              static_cast<unsigned long long>(last));
  int failures = 0;
  std::uint64_t records = 0, sessions = 0;
  for (std::uint64_t seed = first; seed <= last && failures < kFailuresShown; ++seed) {
    const MirrorCourse course = run_mirror_course(seed, single != 0);
    records += course.records;
    sessions += course.sessions;
    if (single != 0) std::printf("%s", course.trace.c_str());
    if (course.violations.empty()) continue;
    ++failures;
    std::string lines;
    for (const std::string& violation : course.violations)
      lines += "\n  " + violation;
    ADD_FAILURE() << "CARPOOL_SIM_SEED=" << seed << " shows how:" << lines;
  }
  std::printf("mirror: %llu records in %llu sessions\n", static_cast<unsigned long long>(records),
              static_cast<unsigned long long>(sessions));
  if (failures > 0) return;
  const std::uint64_t courses = last - first + 1;
  EXPECT_GT(records, courses * 1000) << "a simulation in which nothing happens proves nothing";
  EXPECT_GT(sessions, courses * 2);
}

TEST(MirrorSim, IsDeterministic) {
  EXPECT_EQ(run_mirror_course(7, true).trace, run_mirror_course(7, true).trace);
  EXPECT_NE(run_mirror_course(7, true).trace, run_mirror_course(8, true).trace);
}

}  // namespace
}  // namespace carpool::sim
