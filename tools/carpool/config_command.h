// carpool config: works on configuration files, without any daemon.
#pragma once

#include "controlplane/appliance/config_source.h"

namespace carpool::tool {

// Both print, and return the exit status.
int run_config_check(const ConfigSource& source);
int run_config_keywords();

}  // namespace carpool::tool
