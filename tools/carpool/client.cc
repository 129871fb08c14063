#include "tools/carpool/client.h"

#include <chrono>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <fmt/format.h>

namespace carpool::tool {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::local::stream_protocol;
using boost::system::error_code;

// A daemon that does not answer a question within this time has stopped.
constexpr auto kLimit = std::chrono::seconds(3);

using Response = http::response<http::string_body>;

Result<Response> exchange(const std::filesystem::path& socket,
                          http::request<http::string_body> request, std::chrono::seconds limit) {
  asio::io_context io(1);
  beast::basic_stream<stream_protocol> stream(io);
  stream.expires_after(limit);

  request.set(http::field::host, "carpool");
  request.keep_alive(false);
  request.prepare_payload();
  beast::flat_buffer buffer;
  http::response_parser<http::string_body> parser;
  parser.body_limit(64 << 20);

  error_code outcome;
  const char* doing = "connect to";
  stream.async_connect(stream_protocol::endpoint(socket.string()), [&](error_code error) {
    outcome = error;
    if (error) return;
    doing = "ask";
    http::async_write(stream, request, [&](error_code write_error, std::size_t) {
      outcome = write_error;
      if (write_error) return;
      doing = "read the answer of";
      http::async_read(stream, buffer, parser,
                       [&](error_code read_error, std::size_t) { outcome = read_error; });
    });
  });
  io.run();
  if (outcome) {
    return fail(fmt::format("cannot {} {}: {}", doing, socket.string(), outcome.message()));
  }
  return parser.release();
}

}  // namespace

Result<std::string> get(const std::filesystem::path& socket, const std::string& target) {
  http::request<http::string_body> request(http::verb::get, target, 11);
  auto response = exchange(socket, std::move(request), kLimit);
  if (!response) return std::unexpected(response.error());
  if (response->result() != http::status::ok) {
    return fail(fmt::format("{} answers {} {}", socket.string(), response->result_int(),
                            std::string(response->reason())));
  }
  return std::move(response->body());
}

Result<Answer> ask_for(const std::filesystem::path& socket, const Wish& wish) {
  http::request<http::string_body> request(http::string_to_verb(wish.method), wish.target, 11,
                                           wish.body);
  request.set(http::field::content_type, "application/json");
  auto response = exchange(socket, std::move(request), wish.limit);
  if (!response) return std::unexpected(response.error());
  return Answer{response->result_int(), std::move(response->body())};
}

}  // namespace carpool::tool
