// What a changed configuration would change, before it does: services, servers, connections. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "controlplane/config/model.h"
#include "tools/carpool/text.h"
#include "tools/carpool/workplace.h"

namespace carpool::tool {

enum class ChangeKind : std::uint8_t { Added, Removed, Changed };

struct Change {
  ChangeKind kind;
  std::string what;                  // "backend web", "server web/web3"
  std::vector<std::string> details;  // "weight 1 -> 2"

  friend bool operator==(const Change&, const Change&) = default;
};

// Of a backend whose servers or balancing differ.
struct Shift {
  std::string backend;
  double share = 0;      // of its new connections that go to another server than before
  bool by_hash = false;  // then it is clients that move, each to the one same server
};

struct Plan {
  std::vector<std::string> restart;  // what a reload cannot do
  std::vector<Change> changes;
  std::vector<Shift> shifts;
  std::uint64_t draining = 0;  // connections that go on to servers that get no new ones

  [[nodiscard]] bool empty() const { return restart.empty() && changes.empty(); }
};

[[nodiscard]] Plan make_plan(const config::Config& running, const config::Config& wanted,
                             const LiveConnections& live);
[[nodiscard]] std::string plan_text(const Plan& plan, const Paint& paint);

}  // namespace carpool::tool
