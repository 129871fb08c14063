// A `redundancy` section when all of it is known: each protocol has keywords of its own, and values
// that mean something only together.
#pragma once

#include "controlplane/config/draft.h"
#include "controlplane/config/load.h"

namespace carpool::config {

[[nodiscard]] RedundancyGroup settle_redundancy(RedundancyDraft draft, Report& report);

}  // namespace carpool::config
