// Checks what fast hellos need beyond their own line: a peer, a key, and room in the data plane.
#pragma once

#include "controlplane/config/diagnostic.h"
#include "controlplane/config/model.h"

namespace carpool::config {

void check_fast_hello(const Config& config, Report& report);

}  // namespace carpool::config
