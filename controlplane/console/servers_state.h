// `show servers state` and `show servers conn`. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "controlplane/console/proxies.h"
#include "controlplane/console/stat_lines.h"

namespace carpool::console {

// `only`: one backend; unset: all.
[[nodiscard]] std::string servers_state(const StatSources& from, const std::vector<Proxy>& proxies,
                                        const Proxy* only);
[[nodiscard]] std::string servers_conn(const StatSources& from, const std::vector<Proxy>& proxies,
                                       const Proxy* only, std::uint32_t workers);

}  // namespace carpool::console
