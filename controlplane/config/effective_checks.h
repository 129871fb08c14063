// How servers are checked, written out: the part of effective_text() about health.
#pragma once

#include <string>
#include <vector>

#include "controlplane/config/model.h"

namespace carpool::config {

// The lines of a backend that choose its check; none for a plain connection.
[[nodiscard]] std::vector<std::string> check_lines(const HealthCheck& check);
// "server NAME ADDRESS:PORT ..." with every parameter that has a default.
[[nodiscard]] std::string server_line(const Server& server);

}  // namespace carpool::config
