// What people call a section: a file of the folder, or something that has its name in one.
#pragma once

#include <string>

#include "controlplane/appliance/config_source.h"
#include "dataplane/base/result.h"
#include "tools/carpool/change.h"

namespace carpool::tool {

// "web": the file web.cfg, or the one in which a listen, frontend, backend, redundancy or node
// section has that name. Switched off ones are found by their file. Exactly one file.
[[nodiscard]] Result<Files> find_section(const ConfigSource& source, const Files& all,
                                         const std::string& section);

}  // namespace carpool::tool
