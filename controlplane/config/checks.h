// What cannot be seen in one line or section: overlaps, limits, ranks, and what would not work.
#pragma once

#include "controlplane/config/model.h"

namespace carpool::config {

// The model must be linked and no node chosen yet.
void check(const Config& config, Report& report);

}  // namespace carpool::config
