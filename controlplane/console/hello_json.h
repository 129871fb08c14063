// The part of the status that is about fast hellos between two carpools. Pure.
#pragma once

#include <optional>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "controlplane/peer/hello_snapshot.h"

namespace carpool::console {

// `hellos`: nothing where there are none, for the reason `why_off`.
[[nodiscard]] nlohmann::ordered_json hello_json(const std::optional<hello::Snapshot>& hellos,
                                                const std::string& why_off);

// What an operator should do something about; nothing if all is well.
[[nodiscard]] std::optional<std::string> hello_problem(
    const std::optional<hello::Snapshot>& hellos);

}  // namespace carpool::console
