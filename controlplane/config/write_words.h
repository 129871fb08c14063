// Values as they are written into a configuration.
#pragma once

#include <string>
#include <string_view>

#include "dataplane/base/time.h"

namespace carpool::config {

// One word of a line, quoted where it has to be.
[[nodiscard]] std::string write_word(std::string_view word);
// In the largest unit that divides it: "2s", "1500ms", "1h".
[[nodiscard]] std::string write_time(Duration time);
// "0aff"
[[nodiscard]] std::string write_hex(std::string_view bytes);

}  // namespace carpool::config
