// Users of this machine, as who programs that are not ours run.
#pragma once

#include <string>

#include <sys/types.h>

#include "dataplane/base/result.h"

namespace carpool {

struct UserIds {
  uid_t user = 0;
  gid_t group = 0;

  friend bool operator==(const UserIds&, const UserIds&) = default;
};
// Reads the system's user database, which may block: not for the event loop at work.
[[nodiscard]] Result<UserIds> find_user(const std::string& name);

}  // namespace carpool
