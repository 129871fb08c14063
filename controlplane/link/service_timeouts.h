// HAProxy's timeouts as idle times of flows.
#pragma once

#include <cstdint>

#include "controlplane/config/model.h"

namespace carpool::link {

struct ServiceTimeouts {
  std::uint32_t connect_ms = 0;
  std::uint32_t established_ms = 0;
  std::uint32_t closing_ms = 0;
  std::uint32_t closed_ms = 0;

  friend bool operator==(const ServiceTimeouts&, const ServiceTimeouts&) = default;
};

// connect      `timeout connect`, else 5 s.
// established  `timeout tunnel`, the backend's before the frontend's, else the longer one of
//              `timeout client` and `timeout server`: a flow is idle when both sides are. Where
//              HAProxy would wait for ever, 1 h.
// closing      the longer one of `timeout client-fin` and `timeout server-fin`, else 30 s.
// UDP has `timeout client` and `timeout server` alone, the longer one of what is written, else
// 60 s; with `proxy-responses` a flow that has been answered goes after a second.
//
// closed       60 s, as long as Linux keeps TIME_WAIT: the server's port is not free before.
[[nodiscard]] ServiceTimeouts service_timeouts(config::IpProtocol protocol,
                                               const config::Timeouts& frontend,
                                               const config::Timeouts& backend);

}  // namespace carpool::link
