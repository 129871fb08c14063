// The answer of /api/v1/status as a page of text for a terminal of 80 columns. Pure.
#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

#include "tools/carpool/text.h"

namespace carpool::tool {

// The whole page: first the verdict in one line, then what it rests on. Unknown or missing members
// are left out, so that a tool and a daemon of neighbouring releases understand each other.
[[nodiscard]] std::string status_text(const nlohmann::json& status, const Paint& paint);

// "lb1: MASTER of public (since 2m 10s), 5/5 servers up, data plane ok"
[[nodiscard]] std::string verdict_line(const nlohmann::json& status, const Paint& paint);

}  // namespace carpool::tool
