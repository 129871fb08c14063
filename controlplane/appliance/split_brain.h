// Tells when this node and its peer hold the same group: the peer link says so, while the data link
// carries no adverts between them. Pure.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/base/time.h"

namespace carpool {

// What the peer last said that it holds.
struct PeerClaims {
  std::string node;
  std::vector<std::string> groups;
};

class SplitBrain {
 public:
  // A handover, and news of it on the peer link, may overlap for so long.
  static constexpr Duration kPatience = std::chrono::milliseconds(700);

  // `own`: groups that this node holds. `peer`: nothing while the peer is not heard. Returns what
  // an operator should hear of now. To be called every few tens of milliseconds.
  std::vector<std::string> step(const std::vector<std::string>& own,
                                const std::optional<PeerClaims>& peer, Instant now);

  // As long as it lasts.
  [[nodiscard]] std::vector<std::string> problems() const;

 private:
  struct Conflict {
    Instant since;
    bool told = false;
    std::string node;
  };
  std::map<std::string, Conflict> conflicts_;  // by group
};

}  // namespace carpool
