#include "controlplane/config/check_forwarding.h"

#include <algorithm>
#include <variant>

#include <fmt/format.h>

namespace carpool::config {
namespace {

void check_protocols(const Config& config, Report& report) {
  for (const Frontend& frontend : config.frontends) {
    if (frontend.backend_index >= config.backends.size()) continue;
    const Backend& backend = config.backends[frontend.backend_index];
    if (backend.name != frontend.default_backend || backend.protocol == frontend.protocol) continue;
    report.error(
        frontend.origin,
        fmt::format("frontend '{}' is 'mode {}', and its backend '{}' is 'mode {}'", frontend.name,
                    to_string(frontend.protocol), backend.name, to_string(backend.protocol)));
  }
}

// That a TCP port answers says little about a service of UDP.
void check_udp_checks(const Backend& backend, Report& report) {
  if (backend.protocol != IpProtocol::Udp || !std::holds_alternative<TcpCheck>(backend.check)) {
    return;
  }
  const auto checked = std::ranges::find_if(
      backend.servers, [](const Server& s) { return s.check && !s.check_port; });
  if (checked == backend.servers.end()) return;
  report.warn(checked->origin,
              fmt::format("the check of server '{}' opens a TCP connection to a port of UDP",
                          checked->name),
              "write 'option dns-check' or 'option udp-check', or 'port' for a port of TCP");
}

bool serves(const Backend& backend, const Frontend& frontend, const Config& config) {
  return frontend.backend_index < config.backends.size() &&
         &config.backends[frontend.backend_index] == &backend &&
         frontend.default_backend == backend.name;
}

// A server that gets packets unchanged gets the client's port.
void check_kept_ports(const Backend& backend, const Bind& bind, Report& report) {
  for (const Server& server : backend.servers) {
    const bool same = bind.port_first == server.port && bind.port_last == server.port;
    if (server.port == 0 || same) continue;
    report.error(
        server.origin,
        fmt::format("'forward {}' leaves ports as they are: clients come to port {}, and "
                    "server '{}' has port {}",
                    to_string(backend.forwarding), bind.port_first, server.name, server.port),
        "leave the server's port out; its check may have another one by 'port'");
    return;
  }
}

// Answers in nat come to the group's MAC as that of a gateway. The port's own MAC gets the kernel's
// packets as well, checks' answers among them, and nothing tells them apart.
void check_nat_mac(const Config& config, const Backend& backend, const Frontend& frontend,
                   Report& report) {
  for (const Bind& bind : frontend.binds) {
    if (bind.group >= config.groups.size()) continue;
    const RedundancyGroup& group = config.groups[bind.group];
    if (group.mac == GroupMac::Virtual) continue;
    return report.error(backend.origin,
                        fmt::format("'forward nat' of backend '{}' does not work with 'mac own' of "
                                    "redundancy '{}'",
                                    backend.name, group.name),
                        "write 'mac virtual', or 'forward fullnat'");
  }
}

void check_backend(const Config& config, const Backend& backend, Report& report) {
  for (const Frontend& frontend : config.frontends) {
    if (!serves(backend, frontend, config)) continue;
    if (backend.forwarding == Forwarding::Nat) check_nat_mac(config, backend, frontend, report);
    if (!keeps_ports(backend.forwarding)) continue;
    for (const Bind& bind : frontend.binds)
      check_kept_ports(backend, bind, report);
  }
  if (backend.replies != 0 && keeps_ports(backend.forwarding)) {
    report.error(
        backend.origin,
        fmt::format("'proxy-responses' of backend '{}' never counts any: with 'forward {}' "
                    "answers do not pass by here",
                    backend.name, to_string(backend.forwarding)),
        "leave it out; flows end by 'timeout client'");
  }
}

}  // namespace

void check_forwarding(const Config& config, Report& report) {
  check_protocols(config, report);
  for (const Backend& backend : config.backends) {
    check_udp_checks(backend, report);
    check_backend(config, backend, report);
  }
}

}  // namespace carpool::config
