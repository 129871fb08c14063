#pragma once

#include "drivers/port.h"

namespace carpool {

[[nodiscard]] Result<std::unique_ptr<Port>> open_memif_port(const PortSpec& spec,
                                                            const PortSettings& settings);

}  // namespace carpool
