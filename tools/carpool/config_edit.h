// carpool config edit: the administrator's own editor on a copy of the files, again and again until
// what it leaves is good or given up.
#pragma once

#include <string>

#include "tools/carpool/change.h"

namespace carpool::tool {

// `section`: a file ("web" for web.cfg) or something that has a name in one; empty: all files that
// are switched on. Prints, and returns the exit status.
[[nodiscard]] int edit_files(const Workplace& workplace, const std::string& section,
                             const ChangeRequest& request);

}  // namespace carpool::tool
