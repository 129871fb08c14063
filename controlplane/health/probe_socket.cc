#include "controlplane/health/probe_socket.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

namespace carpool {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

tcp::endpoint to_asio(const config::Endpoint& endpoint) {
  return {asio::ip::address_v4(endpoint.address.value.host()), endpoint.port};
}

// Whether a connection failed for want of something on this machine, which says nothing about the
// server.
bool is_ours(error_code error) {
  return error == asio::error::no_descriptors || error == asio::error::no_buffer_space ||
         error == asio::error::no_memory || error == asio::error::access_denied ||
         error == boost::system::errc::address_not_available ||
         error == boost::system::errc::too_many_files_open_in_system;
}

}  // namespace

// Shared with the timer's handler, which may already be on its way when the probe has ended.
struct ProbeSocket::Connection : std::enable_shared_from_this<Connection> {
  Connection(asio::any_io_executor executor, const config::Endpoint& endpoint,
             const ProbeTimeouts& limits, CloseStyle style)
      : socket(executor),
        deadline(executor),
        target(to_asio(endpoint)),
        timeouts(limits),
        close_style(style),
        started(monotonic_now()) {}

  void arm(Duration timeout) {
    deadline.expires_after(timeout);
    deadline.async_wait([weak = weak_from_this()](error_code error) {
      const auto self = weak.lock();
      // The expiry is looked at again: it may have been moved while this handler was queued.
      if (error || !self || self->deadline.expiry() > monotonic_now()) return;
      self->expired = true;
      self->socket.cancel(error);
    });
  }

  void close() {
    deadline.cancel();
    error_code ignored;
    if (close_style == CloseStyle::Reset) {
      socket.set_option(asio::socket_base::linger(true, 0), ignored);
    }
    socket.close(ignored);
  }

  tcp::socket socket;
  asio::steady_timer deadline;
  tcp::endpoint target;
  ProbeTimeouts timeouts;
  CloseStyle close_style;
  Instant started;
  bool expired = false;
};

ProbeSocket::ProbeSocket(asio::any_io_executor executor, const config::Endpoint& target,
                         const ProbeTimeouts& timeouts, CloseStyle close_style)
    : connection_(std::make_shared<Connection>(executor, target, timeouts, close_style)) {}

ProbeSocket::~ProbeSocket() {
  connection_->close();
}

asio::awaitable<Step<void>> ProbeSocket::connect() {
  auto& c = *connection_;
  error_code error;
  c.socket.open(c.target.protocol(), error);
  if (!error) {
    c.arm(c.timeouts.connect);
    std::tie(error) = co_await c.socket.async_connect(c.target, kAwait);
  }
  if (c.expired) co_return std::unexpected(result(CheckStatus::L4Timeout));
  if (error) {
    const auto status = is_ours(error) ? CheckStatus::SocketError : CheckStatus::L4Connect;
    co_return std::unexpected(result(status, error.message()));
  }
  if (c.timeouts.reply) c.arm(*c.timeouts.reply);
  co_return Step<void>{};
}

asio::awaitable<Step<void>> ProbeSocket::write(std::string_view bytes) {
  auto& c = *connection_;
  const auto [error, written] = co_await asio::async_write(c.socket, asio::buffer(bytes), kAwait);
  if (c.expired) co_return std::unexpected(result(CheckStatus::L7Timeout));
  if (error) co_return std::unexpected(result(CheckStatus::SocketError, error.message()));
  co_return Step<void>{};
}

asio::awaitable<Step<std::size_t>> ProbeSocket::read(std::span<char> buffer) {
  auto& c = *connection_;
  const auto [error, size] =
      co_await c.socket.async_read_some(asio::buffer(buffer.data(), buffer.size()), kAwait);
  if (!error) co_return size;
  if (c.expired) co_return std::unexpected(result(CheckStatus::L7Timeout));
  if (error == asio::error::eof || error == asio::error::connection_reset ||
      error == asio::error::broken_pipe) {
    co_return std::size_t{0};
  }
  co_return std::unexpected(result(CheckStatus::SocketError, error.message()));
}

CheckResult ProbeSocket::result(CheckResult outcome) const {
  outcome.took = monotonic_now() - connection_->started;
  return outcome;
}

CheckResult ProbeSocket::result(CheckStatus status, std::string_view text) const {
  return result(CheckResult{.status = status, .text = printable(text)});
}

}  // namespace carpool
