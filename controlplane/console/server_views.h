// What this node thinks of a server, as the peer is told, and where the peer thinks otherwise.
// Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/health/runner.h"
#include "controlplane/mirror/server_views.h"
#include "dataplane/base/time.h"

namespace carpool::console {

[[nodiscard]] mirror::ServerView view_of(const ServerKey& key, const ServerHealth& health,
                                         AdminMode mode);
[[nodiscard]] std::string_view name(mirror::ServerViewState state);  // "up", "maint"

struct ViewDifference {
  mirror::ServerView here;
  mirror::PeerView there;
  Duration lasted{};
};
// Nothing where both agree, or the peer has not told.
[[nodiscard]] std::optional<ViewDifference> difference(const ServerSnapshot& here,
                                                       const mirror::PeerViews& there, Instant now);
// "up here, down on lb2: L4TOUT, Connection timed out"
[[nodiscard]] std::string text(const ViewDifference& difference, std::string_view peer);

// Nodes do not check at the same moment, so for a while they differ by right.
inline constexpr Duration kViewGrace = std::chrono::seconds(3);
inline constexpr std::size_t kMaxViewProblems = 5;
// What an operator should look at: differences that last, the first kMaxViewProblems of them, and
// how many more there are.
[[nodiscard]] std::vector<std::string> view_problems(std::span<const ServerSnapshot> here,
                                                     const mirror::PeerViews& there,
                                                     std::string_view peer, Instant now);

}  // namespace carpool::console
