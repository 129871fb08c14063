// Whether something accepts TCP connections at an address.
#pragma once

#include "tools/probe/host_port.h"
#include "tools/probe/verdict.h"

namespace carpool::probe {

[[nodiscard]] Verdict check_tcp(const HostPort& target, Instant deadline);

}  // namespace carpool::probe
