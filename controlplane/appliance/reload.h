// What of a new configuration cannot be taken over while the data plane runs. Pure.
#pragma once

#include <string>
#include <vector>

#include "controlplane/config/model.h"

namespace carpool {

// What differs and needs a restart, in words; empty: a reload does.
[[nodiscard]] std::vector<std::string> needs_restart(const config::Config& running,
                                                     const config::Config& wanted);

}  // namespace carpool
