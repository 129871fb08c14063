// A course of events: CARP nodes on one network, half a minute of random faults, then calm. The
// seed decides everything.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace carpool::sim {

struct CarpCourse {
  std::vector<std::string> violations;  // empty: all invariants held
  std::string trace;                    // if asked for
  unsigned takeovers = 0;               // to see that something happened at all
};

[[nodiscard]] CarpCourse run_carp_course(std::uint64_t seed, bool with_trace);

}  // namespace carpool::sim
