#include "controlplane/link/service_timeouts.h"

#include <algorithm>
#include <chrono>
#include <optional>

namespace carpool::link {
namespace {

using namespace std::chrono_literals;

constexpr Duration kConnect = 5s;
constexpr Duration kEstablished = 1h;
constexpr Duration kClosing = 30s;
constexpr Duration kClosed = 60s;
constexpr Duration kUdpIdle = 60s;
constexpr Duration kUdpAnswered = 1s;

// The data plane compares ages that wrap around after 2^32 ms.
std::uint32_t to_ms(Duration duration) {
  constexpr std::int64_t kLongest = std::chrono::milliseconds(24 * 24h).count();
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(duration).count();
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(ms, 1, kLongest));
}

Duration established(const config::Timeouts& frontend, const config::Timeouts& backend) {
  if (backend.tunnel) return *backend.tunnel;
  if (frontend.tunnel) return *frontend.tunnel;
  return std::max(frontend.client.value_or(kEstablished), backend.server.value_or(kEstablished));
}

Duration closing(const config::Timeouts& frontend, const config::Timeouts& backend) {
  if (!frontend.client_fin && !backend.server_fin) return kClosing;
  return std::max(frontend.client_fin.value_or(0ns), backend.server_fin.value_or(0ns));
}

Duration udp_idle(const config::Timeouts& frontend, const config::Timeouts& backend) {
  if (!frontend.client && !backend.server) return kUdpIdle;
  return std::max(frontend.client.value_or(0ns), backend.server.value_or(0ns));
}

// A flow of UDP is idle or not; one whose last answer has come is kept for answers that come twice.
ServiceTimeouts udp_timeouts(const config::Timeouts& frontend, const config::Timeouts& backend) {
  const std::uint32_t idle_ms = to_ms(udp_idle(frontend, backend));
  return {.connect_ms = idle_ms,
          .established_ms = idle_ms,
          .closing_ms = idle_ms,
          .closed_ms = to_ms(kUdpAnswered)};
}

}  // namespace

ServiceTimeouts service_timeouts(config::IpProtocol protocol, const config::Timeouts& frontend,
                                 const config::Timeouts& backend) {
  if (protocol == config::IpProtocol::Udp) return udp_timeouts(frontend, backend);
  return {.connect_ms = to_ms(backend.connect.value_or(kConnect)),
          .established_ms = to_ms(established(frontend, backend)),
          .closing_ms = to_ms(closing(frontend, backend)),
          .closed_ms = to_ms(kClosed)};
}

}  // namespace carpool::link
