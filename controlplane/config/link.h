// Sections to one model: names become indexes, host names addresses, a listen section a frontend
// and a backend.
#pragma once

#include <string_view>

#include "controlplane/config/draft.h"
#include "controlplane/config/load.h"

namespace carpool::config {

// The model before a node is chosen: all nodes are in other_nodes, and groups are as their own
// sections have them. Indexes are only valid if nothing was reported as an error.
[[nodiscard]] Config link(Draft draft, const LoadOptions& options, Report& report);

// Makes it the view of the node of this name: what its `redundancy` lines say goes into the groups.
void select_node(Config& config, std::string_view name, Report& report);

}  // namespace carpool::config
