// `option httpchk`: asks over HTTP, and takes the reply as HttpReply judges it.
#pragma once

#include <string>

#include <boost/asio/awaitable.hpp>

#include "controlplane/config/model.h"
#include "controlplane/health/check_result.h"
#include "controlplane/health/probe_timeouts.h"

namespace carpool {

[[nodiscard]] boost::asio::awaitable<CheckResult> probe_http(config::HttpCheck check,
                                                             config::Endpoint target,
                                                             ProbeTimeouts timeouts);

// The bytes of the request. HTTP/1.1 gets the Host header that it demands where none is configured,
// every request "Connection: close", as HAProxy does, and a body its length.
[[nodiscard]] std::string format_request(const config::HttpCheck& check,
                                         const config::Endpoint& target);

}  // namespace carpool
