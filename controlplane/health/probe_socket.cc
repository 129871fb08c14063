#include "controlplane/health/probe_socket.h"

#include <array>
#include <optional>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include "controlplane/health/tls_session.h"

namespace carpool {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kTlsReadSize = 4096;
// A deadline that is noticed so much later is not the server's fault alone.
constexpr Duration kLate = std::chrono::milliseconds(100);

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
  Connection(asio::any_io_executor executor, const ProbeTarget& where, CloseStyle style)
      : socket(executor),
        deadline(executor),
        target(where),
        close_style(style),
        started(monotonic_now()) {}

  void arm(Duration timeout, bool again = false) {
    deadline.expires_after(timeout);
    deadline.async_wait([again, weak = weak_from_this()](error_code error) {
      const auto self = weak.lock();
      // The expiry is looked at again: it may have been moved while this handler was queued.
      if (error || !self || self->deadline.expiry() > monotonic_now()) return;
      // Who was held up itself looks first at what has arrived meanwhile.
      const bool late = monotonic_now() - self->deadline.expiry() > kLate;
      if (late && !again) return self->arm(kLate, true);
      self->expired = true;
      self->socket.cancel(error);
    });
  }

  void close() {
    deadline.cancel();
    error_code ignored;
    if (tls && close_style == CloseStyle::Polite) {
      tls->close_politely();
      const std::string farewell = tls->output();
      socket.non_blocking(true, ignored);
      if (!ignored) socket.write_some(asio::buffer(farewell), ignored);
    }
    if (close_style == CloseStyle::Reset) {
      socket.set_option(asio::socket_base::linger(true, 0), ignored);
    }
    socket.close(ignored);
  }

  // Both without TLS; what fails is left in the error code, apart from the deadline.
  asio::awaitable<error_code> send(std::string_view bytes) {
    const auto [error, written] = co_await asio::async_write(socket, asio::buffer(bytes), kAwait);
    co_return error;
  }
  asio::awaitable<std::tuple<error_code, std::size_t>> receive(std::span<char> buffer) {
    co_return co_await socket.async_read_some(asio::buffer(buffer.data(), buffer.size()), kAwait);
  }

  asio::awaitable<error_code> flush_tls() {
    const std::string bytes = tls->output();
    if (bytes.empty()) co_return error_code{};
    co_return co_await send(bytes);
  }

  // What the peer sent, or that it ended, into the TLS session.
  asio::awaitable<error_code> feed_tls() {
    std::array<char, kTlsReadSize> buffer;
    const auto [error, size] = co_await receive(buffer);
    if (error) {
      note_end(error);
      tls->feed_end();
    } else {
      tls->feed({buffer.data(), size});
    }
    co_return error;
  }

  void note_end(error_code error) { end_reason = error == asio::error::eof ? "" : error.message(); }

  void note_certificate() {
    const auto end = tls->certificate_end();
    if (!end) return;
    const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    warning = expiry_text(
        *end, now, std::chrono::duration_cast<std::chrono::seconds>(target.tls.expiry_warning));
  }

  tcp::socket socket;
  asio::steady_timer deadline;
  ProbeTarget target;
  CloseStyle close_style;
  Instant started;
  std::unique_ptr<TlsSession> tls;
  std::string end_reason;
  std::string warning;
  bool expired = false;
};

ProbeSocket::ProbeSocket(asio::any_io_executor executor, const ProbeTarget& target,
                         CloseStyle close_style)
    : connection_(std::make_shared<Connection>(executor, target, close_style)) {}

ProbeSocket::~ProbeSocket() {
  connection_->close();
}

asio::awaitable<Step<void>> ProbeSocket::connect() {
  auto& c = *connection_;
  const tcp::endpoint endpoint = to_asio(c.target.endpoint);
  error_code error;
  c.socket.open(endpoint.protocol(), error);
  if (!error) {
    c.arm(c.target.timeouts.connect);
    std::tie(error) = co_await c.socket.async_connect(endpoint, kAwait);
  }
  if (c.expired) co_return std::unexpected(result(CheckStatus::L4Timeout));
  if (error) {
    const auto status = is_ours(error) ? CheckStatus::SocketError : CheckStatus::L4Connect;
    co_return std::unexpected(result(status, error.message()));
  }
  if (c.target.tls.enabled) {
    auto secured = co_await start_tls();
    if (!secured) co_return secured;
  }
  if (c.target.timeouts.reply) c.arm(*c.target.timeouts.reply);
  co_return Step<void>{};
}

asio::awaitable<Step<void>> ProbeSocket::start_tls() {
  auto& c = *connection_;
  if (!c.target.tls_contexts) c.target.tls_contexts = std::make_shared<TlsContexts>();
  const TlsContextResult& context = c.target.tls_contexts->get(c.target.tls);
  if (!context) {
    co_return std::unexpected(result(CheckStatus::SocketError, context.error().message));
  }
  c.tls = std::make_unique<TlsSession>(*context, c.target.tls);
  bool ended = false;
  for (;;) {
    const TlsProgress progress = c.tls->handshake();
    // An alert of ours too; whether it arrives does not matter.
    co_await c.flush_tls();
    if (c.expired) co_return std::unexpected(result(CheckStatus::L6Timeout));
    if (progress == TlsProgress::Done) break;
    if (ended) {
      const std::string how = c.end_reason.empty() ? "connection closed" : c.end_reason;
      co_return std::unexpected(result(CheckStatus::L6Response, how + " during the TLS handshake"));
    }
    if (progress != TlsProgress::WantsBytes) {
      co_return std::unexpected(result(CheckStatus::L6Response, c.tls->error()));
    }
    const error_code error = co_await c.feed_tls();
    if (c.expired) co_return std::unexpected(result(CheckStatus::L6Timeout));
    ended = error.failed();
  }
  c.note_certificate();
  co_return Step<void>{};
}

asio::awaitable<Step<void>> ProbeSocket::write(std::string_view bytes) {
  auto& c = *connection_;
  error_code error;
  if (c.tls) {
    if (c.tls->write(bytes) != TlsProgress::Done) {
      co_return std::unexpected(result(CheckStatus::SocketError, c.tls->error()));
    }
    error = co_await c.flush_tls();
  } else {
    error = co_await c.send(bytes);
  }
  if (c.expired) co_return std::unexpected(result(CheckStatus::L7Timeout));
  if (error) co_return std::unexpected(result(CheckStatus::SocketError, error.message()));
  co_return Step<void>{};
}

asio::awaitable<Step<std::size_t>> ProbeSocket::read(std::span<char> buffer) {
  auto& c = *connection_;
  while (c.tls) {
    std::size_t size = 0;
    const TlsProgress progress = c.tls->read(buffer, size);
    if (progress == TlsProgress::Done) co_return size;
    if (progress == TlsProgress::Ended) co_return std::size_t{0};
    if (progress == TlsProgress::Failed) {
      co_return std::unexpected(result(CheckStatus::SocketError, c.tls->error()));
    }
    const error_code sent = co_await c.flush_tls();
    const error_code error = co_await c.feed_tls();
    if (c.expired) co_return std::unexpected(result(CheckStatus::L7Timeout));
    if (error || sent) co_return std::size_t{0};
  }
  const auto [error, size] = co_await c.receive(buffer);
  if (!error) co_return size;
  if (c.expired) co_return std::unexpected(result(CheckStatus::L7Timeout));
  if (error == asio::error::eof || error == asio::error::connection_reset ||
      error == asio::error::broken_pipe) {
    c.note_end(error);
    co_return std::size_t{0};
  }
  co_return std::unexpected(result(CheckStatus::SocketError, error.message()));
}

const std::string& ProbeSocket::end_reason() const {
  return connection_->end_reason;
}

bool ProbeSocket::is_tls() const {
  return connection_->tls != nullptr;
}

CheckResult ProbeSocket::result(CheckResult outcome) const {
  outcome.took = monotonic_now() - connection_->started;
  outcome.warning = connection_->warning;
  return outcome;
}

CheckResult ProbeSocket::result(CheckStatus status, std::string_view text) const {
  return result(CheckResult{.status = status, .text = printable(text)});
}

}  // namespace carpool
