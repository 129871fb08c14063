// Checks that are a dialogue: connects, sends and expects, rule after rule, as HAProxy does for
// `tcp-check` and `http-check`. A check without rules is such a dialogue too: it connects.
#pragma once

#include <string>

#include <boost/asio/awaitable.hpp>

#include "controlplane/config/model.h"
#include "controlplane/health/check_result.h"
#include "controlplane/health/probe_target.h"

namespace carpool {

// Each connection has the whole of the timeouts; a check has at most kMaxCheckRules of them.
[[nodiscard]] boost::asio::awaitable<CheckResult> probe_tcp(config::TcpCheck check,
                                                            ProbeTarget target);

// `state` is what `http-check send-state` tells the server; empty: nothing.
[[nodiscard]] boost::asio::awaitable<CheckResult> probe_http(config::HttpCheck check,
                                                             ProbeTarget target,
                                                             std::string state = {});

}  // namespace carpool
