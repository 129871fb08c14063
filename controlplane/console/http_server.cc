#include "controlplane/console/http_server.h"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/stream_traits.hpp>
#include <boost/beast/http.hpp>
#include <fmt/format.h>
#include <sys/stat.h>

namespace carpool::console {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::local::stream_protocol;
using boost::system::error_code;
using namespace std::chrono_literals;

constexpr std::size_t kMaxConnections = 64;
constexpr std::uint32_t kMaxHeaderBytes = 16 << 10;
constexpr auto kIdleTimeout = 30s;
// When the process has no file descriptors left, accept() fails at once, every time.
constexpr auto kAcceptRetry = 100ms;
constexpr mode_t kSocketMode = 0660;
// Of a request's body, in the log.
constexpr std::size_t kMaxAuditedBytes = 200;

using Request = http::request<http::string_body>;
using Response = http::response<http::string_body>;

Response make_response(const Request& request, Reply reply) {
  Response response{http::int_to_status(reply.status), request.version()};
  response.set(http::field::server, "carpoold");
  response.set(http::field::content_type, reply.content_type);
  response.set(http::field::cache_control, "no-store");
  response.keep_alive(request.keep_alive());
  response.body() = std::move(reply.body);
  response.prepare_payload();
  if (request.method() == http::verb::head) response.body().clear();
  return response;
}

std::string_view view(boost::beast::string_view text) {
  return {text.data(), text.size()};
}

// On one line, whatever somebody sent.
std::string audit_line(const Request& request) {
  std::string line = fmt::format("{} {}", view(request.method_string()), view(request.target()));
  const std::string_view body = view(request.body());
  if (!body.empty()) line += fmt::format(" {}", body.substr(0, kMaxAuditedBytes));
  if (body.size() > kMaxAuditedBytes) line += "...";
  for (char& byte : line) {
    if (static_cast<unsigned char>(byte) < ' ' || byte == '\x7f') byte = '?';
  }
  return line;
}

// What is to be said before the connection is closed, since where the next request begins is not
// known; nothing where the other end has gone.
std::optional<Reply> reply_to_broken(error_code error) {
  if (error == http::error::end_of_stream || error == http::error::partial_message) {
    return std::nullopt;
  }
  if (error == http::error::body_limit) {
    return error_reply(
        413, fmt::format("a request may have {} bytes at most", HttpServer::kMaxRequestBytes));
  }
  if (error == http::error::header_limit) return error_reply(431, "the header is too large");
  if (error.category() == http::make_error_code(http::error::bad_method).category()) {
    return error_reply(400, fmt::format("not HTTP: {}", error.message()));
  }
  return std::nullopt;
}

}  // namespace

Reply error_reply(unsigned status, std::string_view text) {
  std::string escaped;
  for (const char byte : text) {
    if (byte == '"' || byte == '\\') escaped += '\\';
    escaped += static_cast<unsigned char>(byte) < ' ' ? ' ' : byte;
  }
  return {status, "application/json", "{\"error\": \"" + escaped + "\"}\n"};
}

HttpServer::~HttpServer() {
  error_code ignored;
  acceptor_.close(ignored);
  if (!path_.empty()) std::filesystem::remove(path_, ignored);
}

Result<void> HttpServer::listen(const std::filesystem::path& path) {
  error_code error;
  std::error_code ignored;
  std::filesystem::remove(path, ignored);
  acceptor_.open(stream_protocol(), error);
  // Permissions of the moment between bind() and chmod(): nobody but us.
  const mode_t umask_before = umask(0077);
  if (!error) acceptor_.bind(stream_protocol::endpoint(path.string()), error);
  umask(umask_before);
  if (!error && chmod(path.c_str(), kSocketMode) != 0) {
    error.assign(errno, boost::system::system_category());
  }
  if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
  if (error) {
    return fail("cannot listen on " + path.string() + ": " + error.message());
  }
  path_ = path;
  asio::co_spawn(acceptor_.get_executor(), accept_connections(), asio::detached);
  return {};
}

asio::awaitable<void> HttpServer::accept_connections() {
  asio::steady_timer pause(acceptor_.get_executor());
  while (acceptor_.is_open()) {
    error_code error;
    Socket socket = co_await acceptor_.async_accept(redirect_error(asio::use_awaitable, error));
    if (error == asio::error::operation_aborted) co_return;
    if (error || connections_ >= kMaxConnections) {
      pause.expires_after(kAcceptRetry);
      co_await pause.async_wait(redirect_error(asio::use_awaitable, error));
      continue;  // one connection too many is closed here, unanswered
    }
    ++connections_;
    asio::co_spawn(acceptor_.get_executor(), serve(std::move(socket)),
                   [this](std::exception_ptr) { --connections_; });
  }
}

asio::awaitable<void> HttpServer::serve(Socket socket) {
  const Caller caller = caller_of(socket.native_handle());
  beast::basic_stream<stream_protocol> stream(std::move(socket));
  beast::flat_buffer buffer;
  for (bool keep_alive = true; keep_alive;) {
    http::request_parser<http::string_body> parser;
    parser.body_limit(kMaxRequestBytes);
    parser.header_limit(kMaxHeaderBytes);
    error_code error;
    stream.expires_after(kIdleTimeout);
    co_await http::async_read(stream, buffer, parser, redirect_error(asio::use_awaitable, error));

    const Request& request = parser.get();
    keep_alive = !error && request.keep_alive();
    const std::string target(view(request.target().substr(0, request.target().find('?'))));
    const auto handler = handlers_.find(target);
    const auto action = actions_.find(target);
    Reply reply;
    std::string_view allowed;
    if (error) {
      auto last_word = reply_to_broken(error);
      if (!last_word) co_return;
      reply = std::move(*last_word);
    } else if (handler != handlers_.end()) {
      allowed = "GET, HEAD";
      const bool reads =
          request.method() == http::verb::get || request.method() == http::verb::head;
      reply = reads ? handler->second() : error_reply(405, "this can only be read: use GET");
    } else if (action == actions_.end()) {
      reply = error_reply(404, "no such resource");
    } else if (view(request.method_string()) != action->second.method) {
      allowed = action->second.method;
      reply = error_reply(405, "use " + action->second.method);
    } else {
      if (audit_) audit_(caller, audit_line(request));
      ActionRequest wanted;
      wanted.caller = caller;
      wanted.body = request.body();
      stream.expires_never();
      reply = co_await action->second.action(std::move(wanted));
    }
    Response response = make_response(request, std::move(reply));
    if (response.result_int() == 405) response.set(http::field::allow, allowed);
    response.keep_alive(keep_alive);
    stream.expires_after(kIdleTimeout);
    co_await http::async_write(stream, response, redirect_error(asio::use_awaitable, error));
    if (error) co_return;
  }
}

}  // namespace carpool::console
