#include "controlplane/health/probe_http.h"

#include <algorithm>
#include <array>

#include <boost/asio/this_coro.hpp>
#include <fmt/format.h>

#include "controlplane/health/http_reply.h"
#include "controlplane/health/probe_socket.h"

namespace carpool {
namespace {

bool same_header(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::ranges::equal(a, b, {}, lower, lower);
}

bool has_header(const config::HttpCheck& check, std::string_view name) {
  return std::ranges::any_of(
      check.headers, [name](const auto& header) { return same_header(header.first, name); });
}

}  // namespace

std::string format_request(const config::HttpCheck& check, const config::Endpoint& target) {
  auto request = fmt::format("{} {} {}\r\n", check.method, check.uri, check.version);
  if (check.version == "HTTP/1.1" && !has_header(check, "host")) {
    request += fmt::format("Host: {}\r\n", config::to_string(target));
  }
  for (const auto& [name, value] : check.headers)
    request += fmt::format("{}: {}\r\n", name, value);
  if (!has_header(check, "connection")) request += "Connection: close\r\n";
  if (!check.body.empty() && !has_header(check, "content-length")) {
    request += fmt::format("Content-Length: {}\r\n", check.body.size());
  }
  return request + "\r\n" + check.body;
}

boost::asio::awaitable<CheckResult> probe_http(config::HttpCheck check, config::Endpoint target,
                                               ProbeTimeouts timeouts) {
  ProbeSocket socket(co_await boost::asio::this_coro::executor, target, timeouts,
                     CloseStyle::Polite);
  if (const auto connected = co_await socket.connect(); !connected) co_return connected.error();
  const auto request = format_request(check, target);
  if (const auto written = co_await socket.write(request); !written) {
    // Scripts that do not read may have answered and reset before our request was out: what they
    // said is still there to be read. A deadline that has passed is one.
    if (written.error().status == CheckStatus::L7Timeout) co_return written.error();
  }
  HttpReply reply(check);
  std::array<char, 4096> buffer;
  for (;;) {
    const auto size = co_await socket.read(buffer);
    if (!size) co_return size.error();
    if (*size == 0) co_return socket.result(reply.finish());
    if (const auto judged = reply.feed({buffer.data(), *size})) co_return socket.result(*judged);
  }
}

}  // namespace carpool
