// Passwords stand in configurations, and lines of configurations are printed in messages and logs.
#pragma once

#include <string>
#include <string_view>

namespace carpool::config {

// The text without what may be a key: half as many hexadecimal digits as one has, or more, become
// as many stars. Keys must not get into logs, also not by a line quoted for a slip in it.
[[nodiscard]] std::string mask_keys(std::string text);

// The line with an asterisk for every byte of a word that is a secret: what follows `pass` and
// `password`, and in `stats auth USER:PASSWORD` what follows the colon. As long as before, so that
// columns still hold. Keys are masked as well.
[[nodiscard]] std::string mask_secrets(std::string_view line);

}  // namespace carpool::config
