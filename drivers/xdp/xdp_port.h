#pragma once

#include "drivers/port.h"

namespace carpool {

[[nodiscard]] Result<std::unique_ptr<Port>> open_xdp_port(const PortSpec& spec,
                                                          const PortSettings& settings);

}  // namespace carpool
