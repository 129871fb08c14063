// Servers that follow others: resolves `track`.
#pragma once

#include "controlplane/config/diagnostic.h"
#include "controlplane/config/model.h"

namespace carpool::config {

// Fills in the indices of every `track`. Errors: a server that does not exist, one that is checked
// itself, a chain that comes back to where it began or ends at a server without check and agent.
void link_tracked_servers(Config& config, Report& report);

}  // namespace carpool::config
