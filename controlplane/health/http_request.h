// The request of an `http-check send` rule. Pure.
#pragma once

#include <string>
#include <string_view>

#include "controlplane/config/model.h"

namespace carpool {

// HTTP/1.1 gets the Host header that it demands where none is configured, every request
// "Connection: close", as HAProxy does, and a body its length. `state` goes along as HAProxy's
// X-Haproxy-Server-State where it is not empty.
[[nodiscard]] std::string format_request(const config::HttpSendRule& request,
                                         const config::Endpoint& target,
                                         std::string_view state = {});

}  // namespace carpool
