// What became of a switchover, a drill or a demotion, in words. Pure.
#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

namespace carpool::tool {

// Of carpoold's answers, as operations_api.h describes them. Missing members are left out.
[[nodiscard]] std::string switchover_text(const nlohmann::json& answer);
[[nodiscard]] std::string drill_text(const nlohmann::json& answer);
[[nodiscard]] std::string demote_text(const nlohmann::json& answer);
[[nodiscard]] std::string refusal_text(const nlohmann::json& answer, unsigned status);

}  // namespace carpool::tool
