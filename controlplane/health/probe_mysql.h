// `option mysql-check` with a password: logs in, asks, and leaves with a goodbye.
#pragma once

#include <boost/asio/awaitable.hpp>

#include "controlplane/config/protocol_checks.h"
#include "controlplane/health/check_result.h"
#include "controlplane/health/probe_target.h"

namespace carpool {

[[nodiscard]] boost::asio::awaitable<CheckResult> probe_mysql(config::MysqlLoginCheck check,
                                                              ProbeTarget target);

}  // namespace carpool
