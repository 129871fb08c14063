// What has been seen of each server's traffic, as tables for a terminal of 80 columns. Pure.
#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

#include "tools/carpool/text.h"

namespace carpool::tool {

// From the answer of /api/v1/status. Unknown or missing members are left out.
[[nodiscard]] std::string traffic_text(const nlohmann::json& status, const Paint& paint);

}  // namespace carpool::tool
