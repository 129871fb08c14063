// Reads the answer of /api/v1/status without trusting it: what is missing or of another type reads
// as nothing, so that a tool and a daemon of neighbouring releases understand each other.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "tools/carpool/text.h"

namespace carpool::tool {

[[nodiscard]] const nlohmann::json& member(const nlohmann::json& from, const char* key);
[[nodiscard]] const nlohmann::json& list(const nlohmann::json& from, const char* key);
[[nodiscard]] std::string string_of(const nlohmann::json& from, const char* key);
[[nodiscard]] double number_of(const nlohmann::json& from, const char* key);
[[nodiscard]] std::uint64_t integer_of(const nlohmann::json& from, const char* key);
[[nodiscard]] bool is_true(const nlohmann::json& from, const char* key);
[[nodiscard]] std::vector<std::string> strings_of(const nlohmann::json& from, const char* key);

// What a state means to whoever reads it.
[[nodiscard]] Tone tone_of_group(std::string_view state);
[[nodiscard]] bool is_up(const nlohmann::json& server);
[[nodiscard]] Tone tone_of_server(const nlohmann::json& server);

}  // namespace carpool::tool
