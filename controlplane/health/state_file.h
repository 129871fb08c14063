// What is known of all servers as text, and back: for a carpoold that takes up where the one before
// it stopped. One line per server, in words and numbers between blanks, the check's text at the
// end. Pure.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/health/runner.h"
#include "dataplane/base/result.h"
#include "dataplane/base/time.h"

namespace carpool {

// What was written longer ago than this is not believed: servers may have come and gone since.
inline constexpr Duration kMaxStateAge = std::chrono::minutes(5);

// `boot` names this run of the machine: instants mean nothing in another.
[[nodiscard]] std::string write_state(std::span<const ServerSnapshot> servers,
                                      std::string_view boot, Instant now);

// Errors: not such a text, of another boot, too old. What does not concern a later process (whether
// a check was under way, the agent's words) is not in the text.
[[nodiscard]] Result<std::vector<ServerSnapshot>> read_state(std::string_view text,
                                                             std::string_view boot, Instant now);

}  // namespace carpool
