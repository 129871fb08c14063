// Lines of the runtime socket, cut as HAProxy cuts them: commands end at ';', words at blanks, and
// a backslash takes the meaning from what follows it. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace carpool::console {

// HAProxy's buffer. A longer line ends the connection.
inline constexpr std::size_t kMaxRuntimeLine = 16384;
// HAProxy's MAX_CLI_ARGS; words beyond are not looked at.
inline constexpr std::size_t kMaxRuntimeWords = 64;

// Never empty: a line without text is one command without words.
[[nodiscard]] std::vector<std::string_view> split_commands(std::string_view line);
[[nodiscard]] std::vector<std::string> split_words(std::string_view command);

}  // namespace carpool::console
