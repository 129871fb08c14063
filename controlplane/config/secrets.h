// Passwords stand in configurations, and lines of configurations are printed in messages and logs.
#pragma once

#include <string>
#include <string_view>

namespace carpool::config {

// The line with an asterisk for every byte of a word that is a secret: what follows `pass` and
// `password`, and in `stats auth USER:PASSWORD` what follows the colon. As long as before, so that
// columns still hold.
[[nodiscard]] std::string mask_secrets(std::string_view line);

}  // namespace carpool::config
