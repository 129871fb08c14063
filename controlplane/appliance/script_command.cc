#include "controlplane/appliance/script_command.h"

#include <utility>

#include <unistd.h>

namespace carpool {

Result<CommandRequest> script_request(const config::Script& script,
                                      std::vector<std::string> environment) {
  CommandRequest request;
  request.program = script.command.front();
  request.arguments.assign(script.command.begin() + 1, script.command.end());
  request.environment = std::move(environment);
  request.environment.emplace_back(
      "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
  if (geteuid() == 0) {
    const auto user = find_user(script.user);
    if (!user) return std::unexpected(user.error());
    request.user = *user;
  }
  return request;
}

}  // namespace carpool
