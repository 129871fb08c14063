// The file by which an operator takes the server out, whatever the service itself says. Its first
// line is the reason; where that begins with the word `drain` or `maint`, agents hear it.
#pragma once

#include <filesystem>
#include <optional>
#include <string_view>

#include "tools/probe/verdict.h"

namespace carpool::probe {

[[nodiscard]] Verdict parse_down_file(std::string_view text);

// Nothing while there is no such file. One that exists but cannot be read takes the server out all
// the same.
[[nodiscard]] std::optional<Verdict> read_down_file(const std::filesystem::path& path);

}  // namespace carpool::probe
