#include "controlplane/console/http_server.h"

#include <chrono>
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
constexpr std::uint64_t kMaxRequestBytes = 1 << 20;
constexpr std::uint32_t kMaxHeaderBytes = 16 << 10;
constexpr auto kIdleTimeout = 30s;
// When the process has no file descriptors left, accept() fails at once, every time.
constexpr auto kAcceptRetry = 100ms;
constexpr mode_t kSocketMode = 0660;

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

Reply error_reply(unsigned status, std::string_view text) {
  return {status, "application/json", R"({"error": ")" + std::string(text) + "\"}\n"};
}

}  // namespace

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
  beast::basic_stream<stream_protocol> stream(std::move(socket));
  beast::flat_buffer buffer;
  for (bool keep_alive = true; keep_alive;) {
    http::request_parser<http::string_body> parser;
    parser.body_limit(kMaxRequestBytes);
    parser.header_limit(kMaxHeaderBytes);
    error_code error;
    stream.expires_after(kIdleTimeout);
    co_await http::async_read(stream, buffer, parser, redirect_error(asio::use_awaitable, error));
    if (error) co_return;

    const Request& request = parser.get();
    keep_alive = request.keep_alive();
    Reply reply;
    const std::string_view target(request.target().data(), request.target().size());
    const auto handler = handlers_.find(target.substr(0, target.find('?')));
    if (handler == handlers_.end()) {
      reply = error_reply(404, "no such resource");
    } else if (request.method() != http::verb::get && request.method() != http::verb::head) {
      reply = error_reply(405, "method not allowed");
    } else {
      reply = handler->second();
    }
    const Response response = make_response(request, std::move(reply));
    stream.expires_after(kIdleTimeout);
    co_await http::async_write(stream, response, redirect_error(asio::use_awaitable, error));
    if (error) co_return;
  }
}

}  // namespace carpool::console
