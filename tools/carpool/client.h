// Asks carpoold over its unix socket.
#pragma once

#include <filesystem>
#include <string>

#include "dataplane/base/result.h"

namespace carpool::tool {

inline constexpr const char* kControlSocket = "control.sock";

// The body of the answer to GET `target`. Errors: nobody listens, no answer in time, an answer
// that is not 200.
[[nodiscard]] Result<std::string> get(const std::filesystem::path& socket,
                                      const std::string& target);

}  // namespace carpool::tool
