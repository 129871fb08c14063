// Sends single frames by the kernel, past the data plane: for what has to be said when there is no
// data plane any more.
#pragma once

#include <cstdint>
#include <span>

#include "dataplane/base/result.h"

namespace carpool {

// `frame` begins with its Ethernet header. Does not wait. Needs CAP_NET_RAW.
[[nodiscard]] Result<void> send_frame(int link, std::span<const std::uint8_t> frame);

}  // namespace carpool
