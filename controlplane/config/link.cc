#include "controlplane/config/link.h"

#include <algorithm>
#include <set>
#include <unordered_map>

#include <fmt/format.h>

#include "controlplane/config/link_tracks.h"
#include "controlplane/config/names.h"
#include "controlplane/config/sections.h"
#include "controlplane/config/settle_redundancy.h"
#include "controlplane/config/suggest.h"

namespace carpool::config {
namespace {

template <class Items>
std::vector<std::string> names_of(const Items& items) {
  std::vector<std::string> names;
  for (const auto& item : items)
    names.push_back(item.name);
  return names;
}

// "public (192.0.2.10, 10.0.0.10) and internal (...)", for who bound to something else.
std::string list_group_addresses(const std::vector<RedundancyGroup>& groups) {
  constexpr std::size_t kShown = 6;
  std::string text;
  std::size_t shown = 0;
  for (const RedundancyGroup& group : groups) {
    for (const auto* addresses : {&group.addresses, &group.floating}) {
      for (const VirtualAddress& address : *addresses) {
        if (++shown > kShown) continue;
        text += fmt::format("{}{} ('{}')", text.empty() ? "" : ", ",
                            carpool::to_string(address.prefix.address), group.name);
      }
    }
  }
  if (shown > kShown) text += fmt::format(" and {} more", shown - kShown);
  return text;
}

class Linker {
 public:
  Linker(Draft draft, const LoadOptions& options, Report& report)
      : draft_(std::move(draft)), options_(options), report_(report) {}

  Config link() {
    config_.global = std::move(draft_.global);
    link_external_permit();
    for (NodeDraft& node : draft_.nodes)
      link_node(std::move(node));
    for (RedundancyDraft& group : draft_.groups)
      link_group(settle_redundancy(std::move(group), report_));
    for (ProxyDraft& proxy : draft_.proxies)
      link_proxy(std::move(proxy));
    link_default_backends();
    link_tracks();
    link_tracked_servers(config_, report_);
    fill_in_server_ports();
    return std::move(config_);
  }

 private:
  void link_node(NodeDraft draft) {
    const std::uint32_t wanted = config_.global.maxconn.value_or(kDefaultFlows);
    draft.node.flows = draft.flows.value_or(std::clamp(wanted, kMinFlows, kMaxFlows));
    config_.other_nodes.push_back(std::move(draft.node));
  }

  void link_group(RedundancyGroup group) {
    const std::size_t index = config_.groups.size();
    for (auto* addresses : {&group.addresses, &group.floating}) {
      for (VirtualAddress& address : *addresses) {
        if (address.port.empty()) address.port = group.port;
        group_of_address_.emplace(address.prefix.address.value.host(), index);
      }
    }
    config_.groups.push_back(std::move(group));
  }

  // ------------------------------------------------------------------------------------ proxies

  static bool is_stats_page(const ProxyDraft& proxy) {
    return proxy.settings.stats.enabled && proxy.is_frontend() && proxy.servers.empty() &&
           proxy.settings.default_backend.name.empty();
  }

  void link_proxy(ProxyDraft proxy) {
    if (is_stats_page(proxy)) return link_stats_page(std::move(proxy));
    const ProxySettings& settings = proxy.settings;
    if (settings.stats.enabled) {
      report_.warn(proxy.origin,
                   "a statistics page among forwarded traffic is not served: HTTP is not read",
                   "give it a 'listen' section of its own, with 'bind' and 'stats' lines only");
    }
    if (settings.mode == Mode::Http) {
      report_.warn(settings.mode_at,
                   "'mode http' balances connections, not requests: HTTP passes through unread",
                   "'mode tcp' says the same without this warning");
    }
    if (proxy.is_frontend()) link_frontend(proxy);
    if (proxy.is_backend()) link_backend(std::move(proxy));
  }

  void link_stats_page(ProxyDraft proxy) {
    frontend_names_.claim(proxy.name, config_.frontends.size(), proxy.origin, report_);
    StatsPage page = std::move(proxy.settings.stats.page);
    page.name = std::move(proxy.name);
    page.origin = proxy.origin;
    for (const BindDraft& bind : proxy.binds) {
      page.binds.push_back({bind.address.address.value_or(Ipv4Address{}), bind.address.port_first});
    }
    if (page.binds.empty()) report_.warn(page.origin, "a statistics page without 'bind'");
    config_.stats_pages.push_back(std::move(page));
  }

  void link_frontend(const ProxyDraft& proxy) {
    frontend_names_.claim(proxy.name, config_.frontends.size(), proxy.origin, report_);
    Frontend frontend;
    frontend.name = proxy.name;
    frontend.id = proxy.id;
    frontend.description = proxy.description;
    frontend.timeouts = proxy.settings.timeouts;
    frontend.maxconn = proxy.settings.maxconn;
    frontend.protocol = protocol_of(proxy.settings);
    // What UDP carries is mostly over before the peer would know of it.
    frontend.mirror = proxy.settings.mirror.value_or(frontend.protocol == IpProtocol::Tcp);
    frontend.disabled = proxy.settings.disabled;
    frontend.origin = proxy.origin;
    Reference target = proxy.settings.default_backend;
    if (target.name.empty() && proxy.is_backend()) target = {proxy.name, proxy.origin};
    frontend.default_backend = target.name;
    targets_.push_back(target.at);
    for (const BindDraft& bind : proxy.binds)
      link_bind(bind, frontend);
    config_.frontends.push_back(std::move(frontend));
  }

  static IpProtocol protocol_of(const ProxySettings& settings) {
    return settings.mode == Mode::Udp ? IpProtocol::Udp : IpProtocol::Tcp;
  }

  void link_bind(const BindDraft& draft, Frontend& frontend) {
    if (draft.says_udp && frontend.protocol != IpProtocol::Udp) {
      return report_.error(draft.at, "'bind' to UDP in a section that is not 'mode udp'",
                           "write 'mode udp'; TCP on the same port is another section");
    }
    std::string hint = list_group_addresses(config_.groups);
    hint = hint.empty() ? "there is none: write a 'redundancy' section with an 'address'"
                        : "write one of " + hint;
    if (draft.address.is_any()) {
      return report_.error(draft.at,
                           "'bind' without an address: connections never enter this box's own "
                           "sockets, and only the addresses of a redundancy group are answered for",
                           std::move(hint));
    }
    const Ipv4Address address = *draft.address.address;
    const auto group = group_of_address_.find(address.value.host());
    if (group == group_of_address_.end()) {
      return report_.error(
          draft.at,
          fmt::format("{} is not an address of any redundancy group", carpool::to_string(address)),
          std::move(hint));
    }
    frontend.binds.push_back(
        {address, draft.address.port_first, draft.address.port_last, group->second, draft.at});
  }

  void link_backend(ProxyDraft proxy) {
    backend_names_.claim(proxy.name, config_.backends.size(), proxy.origin, report_);
    ProxySettings& settings = proxy.settings;
    Backend backend;
    backend.name = std::move(proxy.name);
    backend.id = proxy.id;
    backend.description = std::move(proxy.description);
    backend.balance = settings.balance;
    backend.random_draws = settings.random_draws;
    backend.forwarding = settings.forwarding;
    backend.protocol = protocol_of(settings);
    backend.replies = settings.replies;
    if (backend.replies != 0 && backend.protocol != IpProtocol::Udp) {
      report_.error(settings.replies_at, "'proxy-responses' counts datagrams of 'mode udp'");
    }
    backend.source = settings.source;
    backend.timeouts = settings.timeouts;
    backend.check = finish_check(settings, backend.name);
    warn_of_unused_rules(settings, backend, proxy.origin);
    backend.all_backups = settings.all_backups;
    backend.log_health_checks = settings.log_health_checks;
    backend.outliers = settings.outliers;
    backend.disabled = settings.disabled;
    backend.origin = proxy.origin;
    if (backend.source) check_source(*backend.source, settings.source_at);
    Names names("server");
    backend.servers.reserve(proxy.servers.size());
    for (ServerDraft& server : proxy.servers) {
      names.claim(server.server.name, backend.servers.size(), server.server.origin, report_);
      link_server(std::move(server), backend);
    }
    config_.backends.push_back(std::move(backend));
  }

  // The choice of the last option, with the rules that stood apart from it.
  HealthCheck finish_check(ProxySettings& settings, const std::string& backend) {
    HealthCheck check = std::move(settings.check);
    if (auto* http = std::get_if<HttpCheck>(&check)) {
      http->rules = finish_http_rules(settings.http_rules, settings.http_request);
      http->disable_on_404 = settings.disable_on_404;
      http->send_state = settings.send_state;
    } else if (auto* tcp = std::get_if<TcpCheck>(&check); tcp && settings.tcp_check_wanted) {
      tcp->rules = finish_tcp_rules(settings.tcp_rules);
    } else if (std::holds_alternative<ExternalCheck>(check)) {
      check = finish_external_check(settings, backend);
    }
    return check;
  }

  ExternalCheck finish_external_check(const ProxySettings& settings, const std::string& backend) {
    ExternalCheck check = settings.external.check;
    const Global& global = config_.global;
    if (!global.external_checks) {
      report_.error(settings.external_at,
                    fmt::format("'option external-check' of backend '{}' runs a program, which "
                                "'global' does not permit",
                                backend),
                    "write 'external-check' into 'global'");
    }
    if (check.command.empty()) {
      report_.error(settings.external_at,
                    fmt::format("'option external-check' of backend '{}' has no program", backend),
                    "write 'external-check command PROGRAM'");
    }
    check.permit = global.external_checks.value_or(ExternalCheckPermit{});
    check.permit.may_gain_privileges = global.setuid_wanted;
    return check;
  }

  // As whom the programs of external checks run.
  void link_external_permit() {
    auto& permit = config_.global.external_checks;
    if (!permit || !options_.find_user) return;
    const auto found = options_.find_user(permit->user);
    if (found) {
      permit->run_as = *found;
    } else {
      report_.error(permit->origin, "'external-check': " + found.error().message,
                    "write 'external-check user NAME' with a user that may do nothing else");
    }
  }

  void warn_of_unused_rules(const ProxySettings& settings, const Backend& backend, Origin at) {
    const auto unused = [](const RuleChainDraft& chain) {
      return !chain.inherited && !chain.rules.empty();
    };
    const bool http = std::holds_alternative<HttpCheck>(backend.check);
    const bool tcp = std::holds_alternative<TcpCheck>(backend.check) && settings.tcp_check_wanted;
    if (!http && unused(settings.http_rules)) {
      report_.warn(at, "the 'http-check' rules are not used", "write 'option httpchk'");
    }
    if (!std::holds_alternative<ExternalCheck>(backend.check) &&
        !settings.external.check.command.empty() && !settings.external.inherited) {
      report_.warn(at, "the 'external-check' lines are not used", "write 'option external-check'");
    }
    if (!tcp && unused(settings.tcp_rules)) {
      report_.warn(at, "the 'tcp-check' rules are not used", "write 'option tcp-check'");
    }
  }

  void check_source(Ipv4Address source, Origin at) {
    if (group_of_address_.contains(source.value.host())) return;
    report_.error(at,
                  fmt::format("source {} is not an address of any redundancy group: connections "
                              "from it would die with this node",
                              carpool::to_string(source)),
                  "write it as 'floating' into a group, or leave 'source' out");
  }

  void link_server(ServerDraft draft, Backend& backend) {
    Server& server = draft.server;
    server.fastinter = draft.fastinter.value_or(server.inter);
    server.downinter = draft.downinter.value_or(server.inter);
    if (!server.host.empty()) {
      if (const auto address = resolve(server.host, draft.address_at)) server.address = *address;
    }
    if (group_of_address_.contains(server.address.value.host())) {
      report_.error(draft.address_at,
                    fmt::format("server '{}' is an address of a redundancy group: connections "
                                "would come back here",
                                server.name));
    }
    if (draft.agent.wanted) link_agent(std::move(draft.agent), server);
    if (server.observe.layer4 && !server.check) {
      report_.error(
          server.origin,
          fmt::format("'observe' of server '{}' adjusts its check, and it has none", server.name),
          "write 'check' as well");
    }
    link_check_tls(draft, backend.check);
    backend.servers.push_back(std::move(server));
  }

  void link_agent(AgentDraft draft, Server& server) {
    if (draft.check.port == 0) {
      report_.error(draft.at, fmt::format("the agent of server '{}' has no port", server.name),
                    "write 'agent-port NUMBER'");
    }
    if (draft.check.inter == Duration::zero()) draft.check.inter = server.inter;
    server.agent = std::move(draft.check);
  }

  void link_check_tls(ServerDraft& draft, const HealthCheck& check) {
    Server& server = draft.server;
    CheckTls& tls = server.check_tls;
    tls.verify = draft.verify.value_or(config_.global.verify_server_tls);
    const bool relative =
        !tls.ca_file.empty() && !tls.ca_file.starts_with('/') && !tls.ca_file.starts_with('@');
    if (relative && !config_.global.ca_base.empty()) {
      tls.ca_file = config_.global.ca_base + "/" + tls.ca_file;
    }
    if (!server.check || !(tls.enabled || begins_tls(check))) return;
    if (!tls.verify) return;
    if (tls.ca_file.empty()) {
      return report_.error(server.origin,
                           fmt::format("the check of server '{}' verifies a certificate without a "
                                       "'ca-file'",
                                       server.name),
                           "write 'ca-file FILE', 'ca-file @system-ca' for what this machine "
                           "trusts, or 'verify none'");
    }
    if (!options_.check_ca_file || !checked_ca_files_.insert(tls.ca_file).second) return;
    if (const auto usable = options_.check_ca_file(tls.ca_file); !usable) {
      report_.error(draft.ca_file_at, usable.error().message);
    }
  }

  // Asks once per name, and reports a failure for every server of that name.
  std::optional<Ipv4Address> resolve(const std::string& host, Origin at) {
    auto known = resolved_.find(host);
    if (known == resolved_.end()) {
      auto answer = options_.resolve ? options_.resolve(host)
                                     : Result<Ipv4Address>(fail("names are not resolved here"));
      if (answer) {
        if (auto reason = why_not_a_host(*answer)) answer = fail(std::move(*reason));
      }
      known = resolved_.emplace(host, std::move(answer)).first;
    }
    if (known->second) return *known->second;
    report_.error(at, fmt::format("cannot resolve '{}': {}", host, known->second.error().message),
                  "write the address, or an entry into /etc/hosts");
    return std::nullopt;
  }

  // --------------------------------------------------------------------------------- references

  void link_default_backends() {
    for (std::size_t i = 0; i < config_.frontends.size(); ++i) {
      Frontend& frontend = config_.frontends[i];
      if (frontend.default_backend.empty()) {
        if (report_.has_errors(frontend.origin)) continue;
        report_.error(frontend.origin,
                      fmt::format("frontend '{}' has no 'default_backend': there is nowhere to "
                                  "forward to",
                                  frontend.name));
      } else if (const auto index = find_backend(frontend.default_backend, targets_[i])) {
        frontend.backend_index = *index;
      }
    }
  }

  void link_tracks() {
    for (RedundancyGroup& group : config_.groups) {
      for (TrackBackend& track : group.tracks) {
        if (const auto index = find_backend(track.backend, track.origin)) {
          track.backend_index = *index;
        }
      }
    }
  }

  std::optional<std::size_t> find_backend(const std::string& name, Origin at) {
    if (const auto index = backend_names_.find(name)) return index;
    const auto names = names_of(config_.backends);
    report_.error(at, fmt::format("there is no backend '{}'", name),
                  did_you_mean(name, names, "known: " + list_names(names)));
    return std::nullopt;
  }

  // A server without a port gets the one port that its clients come to. Where they come to several
  // it stays 0, "the same", and its health check must name one.
  void fill_in_server_ports() {
    constexpr std::uint16_t kSeveral = 0;
    std::vector<std::optional<std::uint16_t>> only_port(config_.backends.size());
    for (const Frontend& frontend : config_.frontends) {
      if (frontend.backend_index >= only_port.size()) continue;
      auto& port = only_port[frontend.backend_index];
      for (const Bind& bind : frontend.binds) {
        const bool same =
            bind.port_first == bind.port_last && port.value_or(bind.port_first) == bind.port_first;
        port = same ? bind.port_first : kSeveral;
      }
    }
    for (std::size_t i = 0; i < config_.backends.size(); ++i) {
      for (Server& server : config_.backends[i].servers) {
        if (server.port == 0) server.port = only_port[i].value_or(0);
        const HealthCheck& check = config_.backends[i].check;
        const bool needs_port = !std::holds_alternative<IcmpCheck>(check) &&
                                !std::holds_alternative<ExternalCheck>(check);
        if (server.check && needs_port && server.check_endpoint().port == 0) {
          report_.error(server.origin,
                        fmt::format("the check of server '{}' has no port", server.name),
                        "write a port after the address, or 'port NUMBER'");
        }
      }
    }
  }

  Draft draft_;
  const LoadOptions& options_;
  Report& report_;
  Config config_;
  std::unordered_map<std::uint32_t, std::size_t> group_of_address_;
  Names frontend_names_{"frontend"};
  Names backend_names_{"backend"};
  std::vector<Origin> targets_;  // per frontend, where its backend was named
  std::unordered_map<std::string, Result<Ipv4Address>> resolved_;
  std::set<std::string> checked_ca_files_;
};

}  // namespace

Config link(Draft draft, const LoadOptions& options, Report& report) {
  return Linker(std::move(draft), options, report).link();
}

void select_node(Config& config, std::string_view name, Report& report) {
  config.node_name = name;
  const auto own = std::ranges::find(config.other_nodes, name, &Node::name);
  if (own == config.other_nodes.end()) {
    const auto names = names_of(config.other_nodes);
    std::string hint = "write a section 'node NAME' with its 'port' lines for each box";
    if (!names.empty()) {
      hint = did_you_mean(name, names, "choose one of " + list_names(names) + " with --node");
    }
    return report.error({},
                        fmt::format("there is no section 'node {}', and that is this node", name),
                        std::move(hint));
  }
  config.node = std::move(*own);
  config.other_nodes.erase(own);
  for (const NodeRedundancy& part : config.node.redundancy) {
    const auto group = std::ranges::find(config.groups, part.group, &RedundancyGroup::name);
    if (group == config.groups.end()) continue;  // reported by the checks
    group->advbase = part.advbase.value_or(group->advbase);
    group->advskew = part.advskew.value_or(group->advskew);
    group->vrrp.priority = part.priority.value_or(group->vrrp.priority);
  }
}

}  // namespace carpool::config
