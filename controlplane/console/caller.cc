#include "controlplane/console/caller.h"

#include <fstream>

#include <fmt/format.h>
#include <sys/socket.h>

namespace carpool::console {
namespace {

constexpr uid_t kUnset = static_cast<uid_t>(-1);

}  // namespace

std::string Caller::text() const {
  std::string text = uid == 0 ? "root" : uid == kUnset ? "unknown" : fmt::format("uid {}", uid);
  if (login_uid != kUnset && login_uid != uid) text += fmt::format(" (login uid {})", login_uid);
  return text;
}

Caller caller_of(int socket) {
  ucred credentials{};
  socklen_t length = sizeof credentials;
  if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &length) != 0) {
    return {kUnset, 0, kUnset};
  }
  Caller caller{credentials.uid, credentials.pid, kUnset};
  std::ifstream file(fmt::format("/proc/{}/loginuid", caller.pid));
  file >> caller.login_uid;
  if (!file) caller.login_uid = kUnset;
  return caller;
}

}  // namespace carpool::console
