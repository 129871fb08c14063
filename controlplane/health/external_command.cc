#include "controlplane/health/external_command.h"

#include <algorithm>
#include <set>
#include <tuple>

#include <fmt/format.h>

namespace carpool {
namespace {

// HAProxy's first proxy is its own runtime socket.
constexpr std::uint32_t kFirstProxyId = 2;
constexpr std::uint32_t kFirstServerId = 1;
constexpr const char* kNotUsed = "NOT_USED";

bool is_before(const config::Origin& a, const config::Origin& b) {
  return std::tie(a.file, a.line) < std::tie(b.file, b.line);
}

// A `listen` section is a frontend and a backend from the same line.
bool same_section(const config::Frontend& frontend, const config::Backend& backend) {
  return frontend.name == backend.name && !is_before(frontend.origin, backend.origin) &&
         !is_before(backend.origin, frontend.origin);
}

// Gives out the free numbers in order.
class Numbering {
 public:
  Numbering(std::uint32_t first, std::set<std::uint32_t> taken)
      : next_(first), taken_(std::move(taken)) {}

  std::uint32_t next(std::optional<std::uint32_t> configured) {
    while (!configured && taken_.contains(next_))
      ++next_;
    const std::uint32_t id = configured.value_or(next_);
    ++next_;
    return id;
  }

 private:
  std::uint32_t next_;
  std::set<std::uint32_t> taken_;
};

Numbering servers_of(const config::Backend& backend) {
  std::set<std::uint32_t> taken;
  for (const config::Server& server : backend.servers) {
    if (server.id) taken.insert(*server.id);
  }
  return {kFirstServerId, std::move(taken)};
}

struct Proxy {
  config::Origin origin;
  std::optional<std::uint32_t> id;
  const config::Backend* backend;  // none: a frontend alone
};

std::vector<Proxy> proxies_of(const config::Config& config) {
  std::vector<Proxy> proxies;
  for (const config::Backend& backend : config.backends)
    proxies.push_back({backend.origin, backend.id, &backend});
  for (const config::Frontend& frontend : config.frontends) {
    const auto is_it = [&](const config::Backend& b) { return same_section(frontend, b); };
    if (std::ranges::none_of(config.backends, is_it)) {
      proxies.push_back({frontend.origin, frontend.id, nullptr});
    }
  }
  for (const config::StatsPage& page : config.stats_pages)
    proxies.push_back({page.origin, {}, nullptr});
  std::ranges::sort(proxies, is_before, &Proxy::origin);
  return proxies;
}

// The first `bind` of a `listen` section; a `backend` has none.
const config::Bind* first_bind(const config::Config& config, const config::Backend& backend) {
  for (const config::Frontend& frontend : config.frontends) {
    if (same_section(frontend, backend) && !frontend.binds.empty()) return &frontend.binds.front();
  }
  return nullptr;
}

}  // namespace

HaproxyIds::HaproxyIds(const config::Config& config) {
  const auto proxies = proxies_of(config);
  std::set<std::uint32_t> taken;
  for (const Proxy& proxy : proxies) {
    if (proxy.id) taken.insert(*proxy.id);
  }
  Numbering numbers(kFirstProxyId, std::move(taken));
  for (const Proxy& proxy : proxies) {
    const std::uint32_t id = numbers.next(proxy.id);
    if (proxy.backend != nullptr) backends_.emplace(proxy.backend->name, id);
  }
}

std::uint32_t HaproxyIds::of(const config::Backend& backend) const {
  const auto found = backends_.find(backend.name);
  return found == backends_.end() ? 0 : found->second;
}

std::vector<ExternalCommand> external_commands(const config::Config& config,
                                               const config::Backend& backend,
                                               const HaproxyIds& ids) {
  const config::Bind* bind = first_bind(config, backend);
  const std::string address = bind == nullptr ? "" : to_string(bind->address);
  const std::string port = bind == nullptr ? "" : std::to_string(bind->port_first);
  Numbering numbers = servers_of(backend);
  std::vector<ExternalCommand> commands;
  for (const config::Server& server : backend.servers) {
    const std::string server_address = to_string(server.address);
    const std::string server_port = std::to_string(server.port);
    ExternalCommand& command = commands.emplace_back();
    command.arguments = {bind == nullptr ? kNotUsed : address, bind == nullptr ? kNotUsed : port,
                         server_address, server_port};
    command.environment = {
        "HAPROXY_PROXY_NAME=" + backend.name,
        fmt::format("HAPROXY_PROXY_ID={}", ids.of(backend)),
        "HAPROXY_PROXY_ADDR=" + address,
        "HAPROXY_PROXY_PORT=" + port,
        "HAPROXY_SERVER_NAME=" + server.name,
        fmt::format("HAPROXY_SERVER_ID={}", numbers.next(server.id)),
        fmt::format("HAPROXY_SERVER_MAXCONN={}", server.maxconn),
        "HAPROXY_SERVER_ADDR=" + server_address,
        "HAPROXY_SERVER_PORT=" + server_port,
        "HAPROXY_SERVER_SSL=0",
        "HAPROXY_SERVER_PROTO=tcp",
    };
  }
  return commands;
}

}  // namespace carpool
