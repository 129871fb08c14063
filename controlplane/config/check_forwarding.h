// Checks of what a protocol and a way of forwarding ask of services and their servers.
#pragma once

#include "controlplane/config/diagnostic.h"
#include "controlplane/config/model.h"

namespace carpool::config {

void check_forwarding(const Config& config, Report& report);

}  // namespace carpool::config
