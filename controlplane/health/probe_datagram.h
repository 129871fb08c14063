// The checks over datagrams: UDP, DNS and ICMP echo.
#pragma once

#include <boost/asio/awaitable.hpp>

#include "controlplane/config/protocol_checks.h"
#include "controlplane/health/check_result.h"
#include "controlplane/health/probe_target.h"

namespace carpool {

// Without a reply that is expected, silence until the deadline passes as L4OK.
[[nodiscard]] boost::asio::awaitable<CheckResult> probe_udp(config::UdpCheck check,
                                                            ProbeTarget target);
[[nodiscard]] boost::asio::awaitable<CheckResult> probe_dns(config::DnsCheck check,
                                                            ProbeTarget target);
[[nodiscard]] boost::asio::awaitable<CheckResult> probe_icmp(ProbeTarget target);

}  // namespace carpool
