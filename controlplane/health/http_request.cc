#include "controlplane/health/http_request.h"

#include <algorithm>

#include <fmt/format.h>

namespace carpool {
namespace {

bool same_header(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::ranges::equal(a, b, {}, lower, lower);
}

bool has_header(const config::HttpSendRule& rule, std::string_view name) {
  return std::ranges::any_of(
      rule.headers, [name](const auto& header) { return same_header(header.first, name); });
}

}  // namespace

std::string format_request(const config::HttpSendRule& rule, const config::Endpoint& target,
                           std::string_view state) {
  std::string request = fmt::format("{} {} {}\r\n", rule.method, rule.uri, rule.version);
  if (rule.version == "HTTP/1.1" && !has_header(rule, "host")) {
    request += fmt::format("Host: {}\r\n", config::to_string(target));
  }
  for (const auto& [name, value] : rule.headers)
    request += fmt::format("{}: {}\r\n", name, value);
  if (!state.empty()) request += fmt::format("X-Haproxy-Server-State: {}\r\n", state);
  if (!has_header(rule, "connection")) request += "Connection: close\r\n";
  if (!rule.body.empty() && !has_header(rule, "content-length")) {
    request += fmt::format("Content-Length: {}\r\n", rule.body.size());
  }
  return request + "\r\n" + rule.body;
}

}  // namespace carpool
