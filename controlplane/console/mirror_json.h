// The part of the status that is about mirroring connections to the peer. Pure.
#pragma once

#include <optional>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "controlplane/link/counters.h"
#include "controlplane/mirror/snapshot.h"
#include "dataplane/base/time.h"

namespace carpool::console {

// `mirroring`: nothing where it is off, for the reason `why_off`.
[[nodiscard]] nlohmann::ordered_json mirror_json(const std::optional<mirror::Snapshot>& mirroring,
                                                 const std::string& why_off,
                                                 const link::WorkerTotals& workers, Instant now);

// What an operator should do something about; nothing if all is well.
[[nodiscard]] std::optional<std::string> mirror_problem(
    const std::optional<mirror::Snapshot>& mirroring);

}  // namespace carpool::console
