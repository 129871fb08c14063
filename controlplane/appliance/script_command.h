// How scripts of the configuration are run: as their user, with an environment of their own.
#pragma once

#include <string>
#include <vector>

#include "controlplane/config/model.h"
#include "controlplane/runtime/command.h"
#include "dataplane/base/result.h"

namespace carpool {

// Fails if there is no such user. A control plane that is not root's runs scripts as itself.
[[nodiscard]] Result<CommandRequest> script_request(const config::Script& script,
                                                    std::vector<std::string> environment);

}  // namespace carpool
