// What operators asked of this node for longer than a moment: maintenance, and a group that they
// moved to the other node and that is to stay there. Kept in a file, since the next carpoold has to
// know it. Pure.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/redundancy/demotion.h"
#include "dataplane/base/result.h"

namespace carpool {

// The node does not want the group until it is told otherwise.
struct Maintenance {
  std::string by;     // "root (login uid 1000)"
  std::string since;  // "2026-11-26T11:20:31Z"
  friend bool operator==(const Maintenance&, const Maintenance&) = default;
};

// After a switchover: the node ranks right behind the one that has the group now, so it does not
// take the group back by itself, but does as soon as the other one is worse off or gone.
struct Moved {
  std::string by;
  std::string since;
  std::string to;
  unsigned demotion = 0;
  friend bool operator==(const Moved&, const Moved&) = default;
};

struct OperatorWishes {
  std::optional<Maintenance> maintenance;
  std::optional<Moved> moved;

  [[nodiscard]] bool empty() const { return !maintenance && !moved; }
  friend bool operator==(const OperatorWishes&, const OperatorWishes&) = default;
};
using OperatorState = std::map<std::string, OperatorWishes, std::less<>>;  // by group

inline constexpr std::string_view kOperatorSource = "operator";
inline constexpr std::string_view kSwitchoverSource = "switchover";

[[nodiscard]] std::vector<Demotion::Source> demotions_of(const OperatorWishes& wishes);

[[nodiscard]] std::string write_operator_state(const OperatorState& state);
[[nodiscard]] Result<OperatorState> read_operator_state(std::string_view text);

}  // namespace carpool
