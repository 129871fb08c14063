#include "controlplane/appliance/runtime_control.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <unistd.h>

#include "controlplane/config/values.h"
#include "controlplane/runtime/files.h"

namespace carpool {
namespace {

std::int64_t wall_seconds() {
  return std::chrono::duration_cast<std::chrono::seconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

template <class Config>
auto* find_server(Config& config, const ServerKey& key) {
  for (auto& backend : config.backends) {
    if (backend.name != key.backend) continue;
    const auto found = std::ranges::find(backend.servers, key.server, &config::Server::name);
    if (found != backend.servers.end()) return &*found;
  }
  return static_cast<decltype(&config.backends.front().servers.front())>(nullptr);
}

bool is_as_configured(const AdminState& admin) {
  return admin.said_by != AdminSource::Operator && !admin.weight && !admin.maxconn &&
         !admin.checks_off && !admin.agent_off;
}

// What an agent says it will say again, so only an operator's words are kept of such a server.
AdminState operators_words(const ServerSnapshot& server) {
  AdminState admin = server.admin;
  if (admin.said_by != AdminSource::Operator) {
    admin.mode = AdminMode::Ready;
    admin.said_by = AdminSource::Configuration;
    if (server.agent) {
      admin.weight.reset();
      admin.maxconn.reset();
    }
  }
  return admin;
}

std::uint64_t open_files_limit() {
  rlimit limit{};
  return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : 0;
}

}  // namespace

RuntimeControl::RuntimeControl(Node node, std::filesystem::path file)
    : node_(std::move(node)), file_(std::move(file)), wall_start_(wall_seconds()) {}

// ---- What is kept ------------------------------------------------------------------------------

void RuntimeControl::recall() {
  const auto text = read_text(file_);
  if (!text) return;  // nobody has said anything
  auto [state, complaints] = read_runtime_state(*text);
  for (const std::string& complaint : complaints)
    spdlog::error("{}: {}, so what an operator said there is lost", file_.string(), complaint);
  node_.health.remember_wishes(std::exchange(state.servers, {}));
  state_ = std::move(state);
}

void RuntimeControl::adopt(config::Config& config) const {
  for (const auto& [key, wish] : state_.addresses) {
    config::Server* server = find_server(config, key);
    if (server == nullptr || config::Endpoint{server->address, server->port} != wish.configured) {
      continue;  // see configured()
    }
    server->address = wish.wanted.address;
    server->port = wish.wanted.port;
  }
}

void RuntimeControl::configured(Instant now) {
  std::erase_if(state_.paused_frontends, [this](const std::string& name) {
    return config().find_frontend(name) == nullptr;
  });
  std::erase_if(state_.addresses, [this](const auto& entry) {
    const auto& [key, wish] = entry;
    const config::Server* server = find_server(config(), key);
    if (server != nullptr && config::Endpoint{server->address, server->port} == wish.wanted) {
      return false;
    }
    spdlog::warn(
        "server {}: the configuration has changed, so its address is no longer {}, which "
        "an operator wanted",
        to_string(key), config::to_string(wish.wanted));
    return true;
  });
  memory_.configure(config(), now);
  node_.forwarding.set_paused(paused());
  save();
}

void RuntimeControl::save() {
  RuntimeState state = state_;
  for (const ServerSnapshot& server : node_.health.snapshot()) {
    const AdminState admin = operators_words(server);
    if (!is_as_configured(admin)) state.servers.emplace(server.key, admin);
  }
  const auto saved = replace_file(file_, write_runtime_state(state));
  const std::string error = saved ? "" : saved.error().message;
  if (!error.empty() && error != save_error_) {
    spdlog::error("{}: what operators say of servers will not outlive this process", error);
  }
  save_error_ = error;
}

std::vector<std::string> RuntimeControl::paused() const {
  return {state_.paused_frontends.begin(), state_.paused_frontends.end()};
}

// ---- What is asked -----------------------------------------------------------------------------

void RuntimeControl::look(const std::function<void(const console::StatSources&)>& use) {
  const auto health = node_.health.snapshot();
  const auto totals =
      memory_.since_clear(console::stat_totals(config(), node_.forwarding.counters()));
  const auto paused_names = paused();
  use({.config = config(),
       .health = health,
       .totals = totals,
       .memory = memory_,
       .paused_frontends = paused_names,
       .now = monotonic_now()});
}

console::InfoSources RuntimeControl::info() {
  console::InfoSources info;
  info.node = config().node_name;
  info.pid = getpid();
  info.uptime = monotonic_now() - started_;
  info.wall_start = wall_start_;
  info.descriptors = open_files_limit();
  info.max_connections = config().node.flows;
  info.workers = config().node.workers;
  look([&](const console::StatSources& from) {
    for (std::size_t at = 0; at < from.totals.frontends.size(); ++at) {
      info.connections += from.totals.frontends[at].active;
      info.connections_total += from.totals.frontends[at].connections;
      info.bytes_out += from.totals.frontends[at].bytes_out;
      info.rate += from.memory.frontend(at).rate;
      info.rate_max += from.memory.frontend(at).rate_max;
    }
    info.checked_servers = static_cast<std::size_t>(std::ranges::count_if(
        from.health, [](const ServerSnapshot& server) { return server.settings.has_value(); }));
  });
  for (const config::Frontend& frontend : config().frontends)
    info.listeners += frontend.binds.size();
  info.listeners += config().global.stats_sockets.size();
  const auto activity = node_.workers.activity();
  double busy = 0;
  for (const console::WorkerActivity& worker : activity)
    busy += worker.busy_percent;
  if (!activity.empty()) busy /= static_cast<double>(activity.size());
  info.idle_percent = static_cast<unsigned>(std::clamp(100 - busy, 0.0, 100.0));
  return info;
}

std::optional<ServerSnapshot> RuntimeControl::server(const ServerKey& key) const {
  return node_.health.find(key);
}

// ---- What is told ------------------------------------------------------------------------------

void RuntimeControl::set_mode(const ServerKey& key, AdminMode mode) {
  node_.health.set_mode(key, mode);
  save();
}

void RuntimeControl::set_weight(const ServerKey& key, std::optional<WeightOverride> weight) {
  node_.health.set_weight(key, weight);
  spdlog::info("server {}: weight set to {} by operator", to_string(key),
               weight ? fmt::format("{}{}", weight->value, weight->percent ? "%" : "")
                      : "what is configured");
  save();
}

void RuntimeControl::set_maxconn(const ServerKey& key, std::optional<std::uint32_t> maxconn) {
  node_.health.set_maxconn(key, maxconn);
  spdlog::info("server {}: maxconn set to {} by operator", to_string(key),
               maxconn ? std::to_string(*maxconn) : "what is configured");
  save();
}

void RuntimeControl::set_checks(const ServerKey& key, bool on) {
  node_.health.set_checks(key, on);
  spdlog::info("server {}: health checks {} by operator", to_string(key),
               on ? "enabled" : "disabled");
  save();
}

void RuntimeControl::set_agent_checks(const ServerKey& key, bool on) {
  node_.health.set_agent_checks(key, on);
  spdlog::info("server {}: agent checks {} by operator", to_string(key),
               on ? "enabled" : "disabled");
  save();
}

void RuntimeControl::force_health(const ServerKey& key, ForcedHealth wanted) {
  node_.health.force_health(key, wanted);
}

void RuntimeControl::force_agent(const ServerKey& key, bool up) {
  node_.health.force_agent(key, up);
}

Result<void> RuntimeControl::set_address(const ServerKey& key, config::Endpoint address) {
  config::Config changed = config();
  config::Server* server = find_server(changed, key);
  if (server == nullptr) return fail(fmt::format("there is no server {}", to_string(key)));
  if (const auto reason = config::why_not_a_host(address.address)) return fail(*reason);
  const config::Endpoint before{server->address, server->port};
  const auto wish = state_.addresses.find(key);
  const config::Endpoint configured =
      wish == state_.addresses.end() ? before : wish->second.configured;
  server->address = address.address;
  server->port = address.port;
  state_.addresses.erase(key);
  if (address != configured) state_.addresses.emplace(key, AddressWish{configured, address});
  spdlog::warn("server {}: address changed from {} to {} by operator", to_string(key),
               config::to_string(before), config::to_string(address));
  node_.readdress(std::move(changed));
  return {};
}

bool RuntimeControl::is_enabled(std::string_view frontend) const {
  return !state_.paused_frontends.contains(frontend);
}

void RuntimeControl::set_enabled(std::string_view frontend, bool enabled) {
  if (enabled) {
    const auto found = state_.paused_frontends.find(frontend);
    if (found != state_.paused_frontends.end()) state_.paused_frontends.erase(found);
  } else {
    state_.paused_frontends.emplace(frontend);
  }
  spdlog::warn("frontend {} is {} by operator", frontend, enabled ? "enabled" : "disabled");
  node_.forwarding.set_paused(paused());
  save();
}

void RuntimeControl::clear_counters(bool all) {
  memory_.clear(console::stat_totals(config(), node_.forwarding.counters()),
                node_.health.snapshot(), all);
  spdlog::info("{} cleared by operator", all ? "counters" : "highest counts");
}

}  // namespace carpool
