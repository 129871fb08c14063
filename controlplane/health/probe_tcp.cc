#include "controlplane/health/probe_tcp.h"

#include <boost/asio/this_coro.hpp>

#include "controlplane/health/probe_socket.h"

namespace carpool {

boost::asio::awaitable<CheckResult> probe_tcp(config::Endpoint target, ProbeTimeouts timeouts) {
  // A reset, like HAProxy: the server need not have accepted the connection yet, so it often never
  // notices, and neither side keeps a state for a connection that carried nothing.
  ProbeSocket socket(co_await boost::asio::this_coro::executor, target, timeouts,
                     CloseStyle::Reset);
  const auto connected = co_await socket.connect();
  co_return connected ? socket.result(CheckStatus::L4Ok) : connected.error();
}

}  // namespace carpool
