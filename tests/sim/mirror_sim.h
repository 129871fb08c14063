// A course of events: two nodes that mirror to each other over a network that loses, duplicates,
// reorders and partitions, whose control and data planes die and come back, then calm. The seed
// decides everything.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace carpool::sim {

struct MirrorCourse {
  std::vector<std::string> violations;  // empty: all promises held
  std::string trace;                    // if asked for
  std::uint64_t records = 0;            // delivered: to see that something happened at all
  std::uint64_t sessions = 0;
  std::uint64_t gaps = 0;
};

[[nodiscard]] MirrorCourse run_mirror_course(std::uint64_t seed, bool with_trace);

}  // namespace carpool::sim
