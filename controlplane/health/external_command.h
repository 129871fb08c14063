// What the command of an external check is told: HAProxy's four arguments and its environment.
// Pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "controlplane/config/model.h"

namespace carpool {

struct ExternalCommand {
  std::vector<std::string> arguments;    // proxy's address and port, server's address and port
  std::vector<std::string> environment;  // NAME=VALUE, without HAPROXY_SERVER_CURCONN

  friend bool operator==(const ExternalCommand&, const ExternalCommand&) = default;
};

// The numbers that HAProxy gives to proxies: the configured ones, and to the others the next free
// ones in the order of the configuration.
class HaproxyIds {
 public:
  explicit HaproxyIds(const config::Config& config);

  [[nodiscard]] std::uint32_t of(const config::Backend& backend) const;

 private:
  std::map<std::string, std::uint32_t, std::less<>> backends_;
};

// For all servers of a backend, in order.
[[nodiscard]] std::vector<ExternalCommand> external_commands(const config::Config& config,
                                                             const config::Backend& backend,
                                                             const HaproxyIds& ids);

}  // namespace carpool
