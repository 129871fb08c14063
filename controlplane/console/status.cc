#include "controlplane/console/status.h"

#include <algorithm>
#include <cstddef>
#include <map>
#include <string_view>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "controlplane/console/hello_json.h"
#include "controlplane/console/mirror_json.h"
#include "controlplane/console/server_views.h"
#include "controlplane/console/traffic_json.h"
#include "controlplane/console/version.h"
#include "controlplane/link/ids.h"
#include "controlplane/link/image_builder.h"
#include "dataplane/abi/verdict.h"

namespace carpool::console {
namespace {

using json = nlohmann::ordered_json;

double seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

std::string iso_time(std::chrono::system_clock::time_point time) {
  const auto whole = std::chrono::floor<std::chrono::milliseconds>(time);
  const auto ms = (whole.time_since_epoch() % std::chrono::seconds(1)).count();
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z",
                     fmt::gmtime(std::chrono::system_clock::to_time_t(time)), ms);
}

std::string iso_time(const StatusSources& from, Instant instant) {
  return iso_time(from.wall_now - std::chrono::duration_cast<std::chrono::system_clock::duration>(
                                      from.now - instant));
}

// ---- Configuration, data plane -----------------------------------------------------------------

json config_json(const StatusSources& from) {
  json warnings = json::array();
  for (const config::Diagnostic& warning : from.config.warnings)
    warnings.push_back(config::format_diagnostic(warning));
  return {{"path", from.config_path},
          {"digest", from.config_digest},
          {"warnings", std::move(warnings)}};
}

std::string_view kind_of(const config::Config& config, std::string_view port) {
  const config::PortSpec* spec = config.node.find_port(port);
  return spec == nullptr ? "" : config::to_string(spec->kind);
}

json ports_json(const StatusSources& from) {
  json ports = json::array();
  const abi::RegionHeader& header = from.region->header();
  const auto count = std::min<std::size_t>(header.port_count, abi::kMaxPorts);
  for (std::size_t index = 0; index < count; ++index) {
    const abi::PortInfo& port = header.ports[index];
    const link::PortTotals& totals = from.counters.total.ports[index];
    ports.push_back({{"name", port.name.view()},
                     {"device", port.device.view()},
                     {"kind", kind_of(from.config, port.name.view())},
                     {"link", port.link_up.load(std::memory_order_relaxed) != 0},
                     {"mac", to_string(port.mac)},
                     {"rx_packets", totals.rx_packets},
                     {"rx_bytes", totals.rx_bytes},
                     {"tx_packets", totals.tx_packets},
                     {"tx_bytes", totals.tx_bytes},
                     {"tx_dropped", totals.tx_dropped}});
  }
  return ports;
}

json workers_json(const StatusSources& from) {
  json workers = json::array();
  for (std::uint32_t index = 0; index < from.region->workers(); ++index) {
    const abi::ThreadStatus& status = from.region->status(index);
    const WorkerActivity activity =
        index < from.workers.size() ? from.workers[index] : WorkerActivity{};
    const link::WorkerTotals totals =
        index < from.counters.workers.size() ? from.counters.workers[index] : link::WorkerTotals{};
    workers.push_back({{"index", index},
                       {"alive", activity.alive},
                       {"busy_percent", activity.busy_percent},
                       {"batches", totals.batches},
                       {"received", totals.received},
                       {"flows_live", totals.flows_live},
                       {"generation", status.generation.load(std::memory_order_relaxed)},
                       {"fenced", status.fenced.load(std::memory_order_relaxed) != 0}});
  }
  return workers;
}

json dataplane_json(const StatusSources& from) {
  json result = {{"state", name(from.dataplane.state)},
                 {"pid", from.dataplane.pid},
                 {"uptime_s", seconds(from.now - from.dataplane.since)},
                 {"restarts", from.dataplane.starts > 0 ? from.dataplane.starts - 1 : 0},
                 {"last_error", from.dataplane.last_error}};
  if (std::ranges::any_of(from.workers, [](const auto& worker) { return !worker.alive; })) {
    result["state"] = "stuck";
  }
  if (from.region != nullptr) {
    result["ports"] = ports_json(from);
    result["workers"] = workers_json(from);
  }
  return result;
}

// ---- Redundancy --------------------------------------------------------------------------------

json demotion_json(const Demotion& demotion) {
  json sources = json::array();
  for (const Demotion::Source& source : demotion.sources())
    sources.push_back({{"source", source.name}, {"value", source.value}, {"why", source.why}});
  return sources;
}

json peer_json(const StatusSources& from, const CarpPeer& peer) {
  return {{"source", to_string(peer.advert.source)},
          {"advbase", peer.advert.advbase},
          {"advskew", peer.advert.advskew},
          {"age_s", seconds(from.now - peer.heard)}};
}
json peer_json(const StatusSources& from, const VrrpPeer& peer) {
  return {{"source", to_string(peer.advert.source)},
          {"priority", peer.advert.priority},
          {"interval_s", seconds(peer.advert.interval)},
          {"age_s", seconds(from.now - peer.heard)}};
}

// What a protocol has that the other one has not.
json protocol_json(const CarpSettings& settings, const Demotion& demotion) {
  const CarpConfig& carp = settings.config;
  return {{"protocol", "carp"},
          {"vhid", carp.vhid},
          {"advbase", carp.advbase},
          {"advskew", carp.advskew},
          {"effective_skew", demoted_advskew(carp.advskew, demotion)}};
}
json protocol_json(const VrrpSettings& settings, const Demotion& demotion) {
  const VrrpConfig& vrrp = settings.config;
  json peers = json::array();
  for (const Ipv4Address peer : settings.group.peers)
    peers.push_back(to_string(peer));
  return {{"protocol", vrrp.version == VrrpVersion::k2 ? "vrrp 2" : "vrrp 3"},
          {"vrid", vrrp.vrid},
          {"priority", vrrp.priority},
          {"effective_priority", effective_priority(vrrp, demotion)},
          {"interval_s", seconds(vrrp.interval)},
          {"preempt", vrrp.preempt},
          {"unicast_peers", std::move(peers)}};
}

json foreign_json(const StatusSources& from, const ForeignAdverts& foreign) {
  json result = {{"count", foreign.count}};
  if (foreign.count > 0) {
    result["last_sender"] = to_string(foreign.last_sender);
    result["reason"] = foreign.reason;
    result["age_s"] = seconds(from.now - foreign.last_seen);
  }
  return result;
}

json addresses_json(const std::vector<config::VirtualAddress>& addresses) {
  json result = json::array();
  for (const config::VirtualAddress& address : addresses)
    result.push_back(fmt::format("{} on {}", to_string(address.prefix), address.port));
  return result;
}

json group_json(const StatusSources& from, const GroupReport& group) {
  json result = {{"name", group.settings.name}};
  result.update(
      std::visit([&](const auto& settings) { return protocol_json(settings, group.demotion()); },
                 group.settings.protocol));
  result.update({{"state", group.state_name()},
                 {"since_s", seconds(from.now - group.since)},
                 {"since", iso_time(from, group.since)},
                 {"cause", group.cause},
                 {"unusable", group.why_unusable},
                 {"demotion", demotion_json(group.demotion())},
                 {"source", to_string(group.settings.source())},
                 {"mac", to_string(group.settings.mac)},
                 {"transitions", group.transitions}});
  if (const auto* configured = from.config.find_group(group.settings.name)) {
    result["addresses"] = addresses_json(configured->addresses);
    result["floating"] = addresses_json(configured->floating);
  }
  std::visit(
      [&](const auto& machine) {
        if (machine.peer) result["peer"] = peer_json(from, *machine.peer);
      },
      group.machine);
  result["foreign_adverts"] = foreign_json(from, group.foreign);
  result["malformed_adverts"] = group.malformed;
  return result;
}

// ---- Services and servers ----------------------------------------------------------------------

// What is known of one server, of either kind.
struct Known {
  const ServerSnapshot* health = nullptr;
  const ServerTraffic* traffic = nullptr;
};
using KnownByKey = std::map<ServerKey, Known>;

std::uint32_t weight_of(const config::Server& server, const ServerSnapshot* health) {
  const bool changed = health != nullptr && health->admin.weight.has_value();
  return changed ? health->admin.weight->apply(server.weight) : server.weight;
}

std::string_view state_of(const config::Server& server, const Known& known,
                          const link::Reachability& reachability) {
  const ServerSnapshot* health = known.health;
  const AdminMode mode = health != nullptr ? health->mode : AdminMode::Ready;
  if (mode == AdminMode::Maintenance) return "maint";
  if (health != nullptr && !health->health.up) return "down";
  const auto reach = reachability.servers.find(server.address);
  if (reach != reachability.servers.end()) {
    if (reach->second.way != link::Way::port) return "unreachable";
    const link::PortNeighbour hop{reach->second.port, reach->second.neighbour};
    if (!reachability.neighbours.contains(hop)) return "resolving";
  }
  if (health == nullptr) return "no check";
  if (known.traffic != nullptr && known.traffic->ejected) return "ejected";
  if (health->health.stopping || mode == AdminMode::Drain || weight_of(server, health) == 0) {
    return "drain";
  }
  return health->settings || health->agent || health->track ? "up" : "no check";
}

// What stands between the server and its next state: "2/3 failed", "1/2 passed".
std::string progress_text(const ServerSnapshot& server) {
  if (!server.settings) return "";
  const auto& [rise, fall, inter, fastinter, downinter] = *server.settings;
  const int health = server.health.health;
  if (server.health.up && health < rise + fall - 1) {
    return fmt::format("{}/{} failed", rise + fall - 1 - health, fall);
  }
  if (!server.health.up && health >= rise) return "down by its agent";
  if (!server.health.up && health > 0) return fmt::format("{}/{} passed", health, rise);
  return "";
}

json check_json(const ServerSnapshot& server) {
  const CheckResult& last = server.health.last;
  json result = {{"status", name(last.status)},
                 {"code", last.code},
                 {"duration_ms", seconds(last.took) * 1000},
                 {"text", last.text.empty() ? std::string(description(last.status)) : last.text},
                 {"warning", last.warning},
                 {"checks", server.health.checks},
                 {"failures", server.health.failures},
                 {"progress", progress_text(server)}};
  if (server.settings) {
    result["rise"] = server.settings->rise;
    result["fall"] = server.settings->fall;
  }
  return result;
}

// Both HAProxy's agent_status, agent_code, ... and what the agent made of the server.
json agent_json(const AgentState& agent) {
  const CheckResult& last = agent.last;
  return {{"status", name(last.status)},
          {"duration_ms", seconds(last.took) * 1000},
          {"text", last.text.empty() ? std::string(description(last.status)) : last.text},
          {"checks", agent.checks},
          {"up", agent.up}};
}

json admin_json(const config::Server& server, const ServerSnapshot& known) {
  return {{"mode", name(known.mode)},
          {"said_by", name(known.admin.said_by)},
          {"configured_weight", server.weight},
          {"maxconn", known.admin.maxconn.value_or(server.maxconn)}};
}

// Where the peer thinks otherwise of a server.
json peer_view_json(const ViewDifference& difference, const std::string& peer) {
  return {{"node", peer},
          {"state", name(difference.there.state)},
          {"check", difference.there.check},
          {"text", difference.there.text},
          {"differs_s", seconds(difference.lasted)},
          {"says", text(difference, peer)}};
}

json server_json(const StatusSources& from, const KnownByKey& known_by_key,
                 const config::Backend& backend, const config::Server& server,
                 const std::string& service, std::uint64_t service_connections) {
  const auto found = known_by_key.find({backend.name, server.name});
  const Known known = found == known_by_key.end() ? Known{} : found->second;
  const ServerSnapshot* health = known.health;
  const auto counted = from.counters.servers.find(link::server_key(service, server.name));
  const link::ServerTotals totals =
      counted == from.counters.servers.end() ? link::ServerTotals{} : counted->second;
  json result = {{"name", server.name},
                 {"address", config::to_string(config::Endpoint{server.address, server.port})},
                 {"state", state_of(server, known, from.reachability)}};
  if (health != nullptr) {
    result["since_s"] = seconds(from.now - health->health.since);
    result["since"] = iso_time(from, health->health.since);
    if (health->settings) result["check"] = check_json(*health);
    if (health->agent) result["agent"] = agent_json(*health->agent);
    if (health->track) result["track"] = to_string(*health->track);
    result["admin"] = admin_json(server, *health);
    if (from.mirroring) {
      const auto differs = difference(*health, *from.mirroring->peer_views, from.now);
      if (differs) result["peer_view"] = peer_view_json(*differs, from.mirroring->peer.node);
    }
  }
  if (known.traffic != nullptr) result["traffic"] = traffic_json(*known.traffic, totals);
  const double share = service_connections == 0 ? 0
                                                : static_cast<double>(totals.connections) /
                                                      static_cast<double>(service_connections);
  result.update({{"weight", weight_of(server, health)},
                 {"backup", server.backup},
                 {"connections_total", totals.connections},
                 {"connections_active", totals.active},
                 {"bytes_in", totals.bytes_in},
                 {"bytes_out", totals.bytes_out},
                 {"connections_answered", totals.answered},
                 {"connect_timeouts", totals.connect_timeouts},
                 {"refused", totals.refused},
                 {"resets", totals.resets},
                 {"syn_retransmits", totals.syn_retransmits},
                 {"answer_retransmits", totals.answer_retransmits},
                 {"share", share}});
  return result;
}

std::string bind_text(const config::Bind& bind) {
  return bind.port_first == bind.port_last
             ? fmt::format("{}:{}", to_string(bind.address), bind.port_first)
             : fmt::format("{}:{}-{}", to_string(bind.address), bind.port_first, bind.port_last);
}

// One per frontend and group that it has addresses of, as the data plane counts them.
json services_json(const StatusSources& from) {
  KnownByKey known_by_key;
  for (std::size_t i = 0; i < from.health.size(); ++i) {
    known_by_key[from.health[i].key] = {&from.health[i],
                                        i < from.traffic.size() ? &from.traffic[i] : nullptr};
  }
  json services = json::array();
  for (const config::Frontend& frontend : from.config.frontends) {
    std::map<std::size_t, json> binds_by_group;
    for (const config::Bind& bind : frontend.binds)
      binds_by_group[bind.group].push_back(bind_text(bind));
    for (auto& [group, binds] : binds_by_group) {
      const std::string service = link::service_name(from.config, frontend, group);
      const config::Backend& backend = from.config.backends.at(frontend.backend_index);
      const link::ServerTotals totals = from.counters.service(service);
      json servers = json::array();
      for (const config::Server& server : backend.servers) {
        servers.push_back(
            server_json(from, known_by_key, backend, server, service, totals.connections));
      }
      services.push_back({{"name", service},
                          {"backend", backend.name},
                          {"group", from.config.groups.at(group).name},
                          {"bind", std::move(binds)},
                          {"protocol", config::to_string(frontend.protocol)},
                          {"balance", config::to_string(backend.balance)},
                          {"forward", config::to_string(backend.forwarding)},
                          {"connections_total", totals.connections},
                          {"connections_active", totals.active},
                          {"servers", std::move(servers)}});
    }
  }
  return services;
}

// ---- Counters ----------------------------------------------------------------------------------

json flows_json(const link::WorkerTotals& totals) {
  return {{"live", totals.flows_live},
          {"half_open", totals.flows_half_open},
          {"capacity", totals.flows_capacity},
          {"half_open_capacity", totals.half_open_capacity},
          {"created", totals.flows_created},
          {"expired", totals.flows_expired},
          {"half_open_recycled", totals.half_open_recycled},
          {"closing_recycled", totals.closing_recycled},
          {"fragments_released", totals.fragments_released},
          {"fragments_lost", totals.fragments_lost}};
}

json counters_json(const link::WorkerTotals& totals) {
  json verdicts = json::object();
  for (std::size_t verdict = 0; verdict < abi::kVerdicts; ++verdict)
    verdicts[std::string(abi::kVerdictInfo[verdict].name)] = totals.verdicts[verdict];
  return {{"received", totals.received}, {"verdicts", std::move(verdicts)}};
}

}  // namespace

nlohmann::ordered_json status_json(const StatusSources& from) {
  json groups = json::array();
  for (const GroupReport& group : from.groups)
    groups.push_back(group_json(from, group));
  return {
      {"node", from.config.node_name},
      {"version", kVersion},
      {"time", iso_time(from.wall_now)},
      {"uptime_s", seconds(from.now - from.started)},
      {"config", config_json(from)},
      {"dataplane", dataplane_json(from)},
      {"groups", std::move(groups)},
      {"mirror", mirror_json(from.mirroring, from.why_no_mirroring, from.counters.total, from.now)},
      {"hello", hello_json(from.hellos, from.why_no_hellos)},
      {"services", services_json(from)},
      {"flows", flows_json(from.counters.total)},
      {"counters", counters_json(from.counters.total)},
      {"problems", from.problems}};
}

std::string status_body(const StatusSources& from) {
  // Text from servers may hold any bytes.
  return status_json(from).dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace carpool::console
