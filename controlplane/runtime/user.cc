#include "controlplane/runtime/user.h"

#include <array>
#include <cstring>

#include <pwd.h>

namespace carpool {

Result<UserIds> find_user(const std::string& name) {
  std::array<char, 16384> buffer;
  passwd entry{};
  passwd* found = nullptr;
  const int error = getpwnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
  if (error != 0) return fail("cannot look up user " + name + ": " + std::strerror(error));
  if (found == nullptr) return fail("there is no user " + name + " on this machine");
  return UserIds{entry.pw_uid, entry.pw_gid};
}

}  // namespace carpool
