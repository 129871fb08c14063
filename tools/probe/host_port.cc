#include "tools/probe/host_port.h"

#include <charconv>

#include "tools/probe/cat.h"

namespace carpool::probe {

Result<HostPort> parse_host_port(std::string_view text) {
  const auto colon = text.rfind(':');
  const auto refuse = [&] {
    return fail(cat("'", text, "' is not HOST:PORT, as in 127.0.0.1:3306 or [::1]:3306"));
  };
  if (colon == text.npos) return refuse();
  HostPort target;
  auto host = text.substr(0, colon);
  const bool bracketed = host.starts_with('[') && host.ends_with(']');
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (host.empty() || bracketed != host.contains(':')) return refuse();
  target.host = host;
  const auto port = text.substr(colon + 1);
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), target.port);
  if (error != std::errc() || end != port.data() + port.size() || target.port == 0) return refuse();
  return target;
}

std::string to_string(const HostPort& target) {
  const bool is_ipv6 = target.host.contains(':');
  return (is_ipv6 ? "[" + target.host + "]" : target.host) + ":" + std::to_string(target.port);
}

}  // namespace carpool::probe
