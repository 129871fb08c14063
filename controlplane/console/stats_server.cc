#include "controlplane/console/stats_server.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <string_view>
#include <utility>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/stream_traits.hpp>
#include <boost/beast/http.hpp>
#include <fmt/format.h>

#include "controlplane/console/stats_page.h"
#include "dataplane/base/result.h"

namespace carpool::console {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using boost::system::error_code;
using namespace std::chrono_literals;

constexpr std::uint64_t kMaxRequestBytes = 64 << 10;
constexpr std::uint32_t kMaxHeaderBytes = 16 << 10;
constexpr auto kIdleTimeout = 30s;
constexpr auto kAcceptRetry = 100ms;

using Request = http::request<http::string_body>;
using Response = http::response<http::string_body>;

std::string_view text_of(beast::string_view text) {
  return {text.data(), text.size()};
}

Response make_response(const Request& request, PageReply reply) {
  Response response{http::int_to_status(reply.status), request.version()};
  response.set(http::field::content_type, reply.content_type);
  for (const auto& [name, value] : reply.headers)
    response.set(name, value);
  response.keep_alive(request.keep_alive());
  response.body() = std::move(reply.body);
  response.prepare_payload();
  if (request.method() == http::verb::head) response.body().clear();
  return response;
}

}  // namespace

struct StatsServer::Shared {
  Shared(asio::io_context& context, Operations& node) : io(context), operations(node) {}

  asio::io_context& io;
  Operations& operations;
  std::size_t clients = 0;
};

struct StatsServer::Listener : std::enable_shared_from_this<Listener> {
  Listener(std::shared_ptr<Shared> with, config::StatsPage served, config::Endpoint where)
      : shared(std::move(with)), page(std::move(served)), endpoint(where), acceptor(shared->io) {}

  Result<void> open();
  void close();
  asio::awaitable<void> accept_clients();
  asio::awaitable<void> serve(tcp::socket client);
  [[nodiscard]] Response answer(const Request& request) const;

  std::shared_ptr<Shared> shared;
  config::StatsPage page;
  config::Endpoint endpoint;
  tcp::acceptor acceptor;
};

Result<void> StatsServer::Listener::open() {
  const tcp::endpoint where(asio::ip::address_v4(endpoint.address.value.host()), endpoint.port);
  error_code error;
  acceptor.open(where.protocol(), error);
  if (!error) acceptor.set_option(asio::socket_base::reuse_address(true), error);
  if (!error) acceptor.bind(where, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) return fail(error.message());
  asio::co_spawn(shared->io, accept_clients(), [keep = shared_from_this()](std::exception_ptr) {});
  return {};
}

void StatsServer::Listener::close() {
  error_code ignored;
  acceptor.close(ignored);
}

asio::awaitable<void> StatsServer::Listener::accept_clients() {
  asio::steady_timer pause(shared->io);
  while (acceptor.is_open()) {
    error_code error;
    tcp::socket client = co_await acceptor.async_accept(redirect_error(asio::use_awaitable, error));
    if (error == asio::error::operation_aborted) co_return;
    if (error) {
      pause.expires_after(kAcceptRetry);
      co_await pause.async_wait(redirect_error(asio::use_awaitable, error));
      continue;
    }
    if (shared->clients >= kMaxPageClients) continue;
    ++shared->clients;
    asio::co_spawn(shared->io, serve(std::move(client)),
                   [keep = shared_from_this()](std::exception_ptr) { --keep->shared->clients; });
  }
}

asio::awaitable<void> StatsServer::Listener::serve(tcp::socket client) {
  beast::basic_stream<tcp> stream(std::move(client));
  beast::flat_buffer buffer;
  for (bool keep_alive = true; keep_alive;) {
    http::request_parser<http::string_body> parser;
    parser.body_limit(kMaxRequestBytes);
    parser.header_limit(kMaxHeaderBytes);
    error_code error;
    stream.expires_after(kIdleTimeout);
    co_await http::async_read(stream, buffer, parser, redirect_error(asio::use_awaitable, error));
    if (error) co_return;
    const Response response = answer(parser.get());
    keep_alive = response.keep_alive();
    stream.expires_after(kIdleTimeout);
    co_await http::async_write(stream, response, redirect_error(asio::use_awaitable, error));
    if (error) co_return;
  }
}

Response StatsServer::Listener::answer(const Request& request) const {
  const PageRequest asked{.method = text_of(request.method_string()),
                          .target = text_of(request.target()),
                          .authorization = text_of(request[http::field::authorization]),
                          .host = text_of(request[http::field::host]),
                          .origin = text_of(request[http::field::origin]),
                          .body = request.body()};
  return make_response(request, answer_page(shared->operations, page, asked));
}

StatsServer::StatsServer(asio::io_context& io, Operations& operations)
    : shared_(std::make_shared<Shared>(io, operations)) {}

StatsServer::~StatsServer() {
  for (const auto& listener : listeners_)
    listener->close();
}

std::vector<std::string> StatsServer::configure(const std::vector<config::StatsPage>& pages) {
  auto before = std::exchange(listeners_, {});
  std::vector<std::shared_ptr<Listener>> fresh;
  for (const config::StatsPage& page : pages) {
    for (const config::Endpoint& where : page.binds) {
      const auto same = std::ranges::find_if(before, [&](const auto& listener) {
        return listener->page == page && listener->endpoint == where;
      });
      if (same == before.end()) {
        fresh.push_back(std::make_shared<Listener>(shared_, page, where));
      } else {
        listeners_.push_back(*same);
        before.erase(same);
      }
    }
  }
  // First those that go: another may take their place.
  for (const auto& listener : before)
    listener->close();
  std::vector<std::string> problems;
  for (auto& listener : fresh) {
    if (const auto opened = listener->open(); !opened) {
      problems.push_back(fmt::format("statistics page {} on {}: {}", listener->page.name,
                                     config::to_string(listener->endpoint),
                                     opened.error().message));
      listener->close();
      continue;
    }
    listeners_.push_back(std::move(listener));
  }
  return problems;
}

}  // namespace carpool::console
