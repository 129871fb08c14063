// Commands of the runtime socket that change servers and frontends, and their answers. An empty
// answer means that it was done.
#pragma once

#include <span>
#include <string>

#include "controlplane/console/operations.h"

namespace carpool::console {

// `words` is the whole command.
[[nodiscard]] std::string set_server(Operations& operations, std::span<const std::string> words);
[[nodiscard]] std::string set_weight(Operations& operations, std::span<const std::string> words);
[[nodiscard]] std::string get_weight(Operations& operations, std::span<const std::string> words);
[[nodiscard]] std::string set_maxconn(Operations& operations, std::span<const std::string> words);

// `enable` and `disable`.
[[nodiscard]] std::string switch_server(Operations& operations, std::span<const std::string> words,
                                        bool on);
[[nodiscard]] std::string switch_health(Operations& operations, std::span<const std::string> words,
                                        bool on);
[[nodiscard]] std::string switch_agent(Operations& operations, std::span<const std::string> words,
                                       bool on);
[[nodiscard]] std::string switch_frontend(Operations& operations,
                                          std::span<const std::string> words, bool on);

}  // namespace carpool::console
