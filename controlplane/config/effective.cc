#include "controlplane/config/effective.h"

#include <algorithm>
#include <string_view>

#include <fmt/format.h>

#include "controlplane/config/effective_checks.h"
#include "controlplane/config/secrets.h"
#include "controlplane/config/write_words.h"

namespace carpool::config {
namespace {

class Writer {
 public:
  std::string write(const Config& config) {
    write_global(config.global);
    write_node(config.node);
    for (const Node& node : config.other_nodes)
      write_node(node);
    for (const RedundancyGroup& group : config.groups)
      write_group(group);
    for (const Frontend& frontend : config.frontends)
      write_frontend(frontend);
    for (const Backend& backend : config.backends)
      write_backend(backend);
    for (const StatsPage& page : config.stats_pages)
      write_page(page);
    return std::move(text_);
  }

 private:
  void section(std::string_view kind, std::string_view name = {}) {
    if (!text_.empty()) text_ += "\n";
    text_ += kind;
    if (!name.empty()) text_ += fmt::format(" {}", name);
    text_ += "\n";
  }
  template <class... Words>
  void line(fmt::format_string<Words...> format, Words&&... words) {
    text_ += "    " + fmt::format(format, std::forward<Words>(words)...) + "\n";
  }
  void line_if(bool wanted, std::string_view words) {
    if (wanted) line("{}", words);
  }
  void describe(const std::string& description) {
    if (!description.empty()) line("description {}", write_word(description));
  }
  void timeout(std::string_view name, const std::optional<Duration>& time) {
    if (time) line("timeout {} {}", name, write_time(*time));
  }

  void write_global(const Global& global) {
    section("global");
    if (global.maxconn) line("maxconn {}", *global.maxconn);
    describe(global.description);
    for (const StatsSocket& socket : global.stats_sockets) {
      const auto* path = std::get_if<std::string>(&socket.where);
      constexpr std::string_view kLevels[] = {"user", "operator", "admin"};
      line("stats socket {}{} level {}",
           path != nullptr ? write_word(*path) : to_string(std::get<Endpoint>(socket.where)),
           socket.mode ? fmt::format(" mode {:o}", *socket.mode) : "",
           kLevels[static_cast<std::size_t>(socket.level)]);
    }
    line("stats timeout {}", write_time(global.stats_timeout));
    for (const LogTarget& log : global.logs) {
      line("log {}{}{}", write_word(log.target), log.facility.empty() ? "" : " " + log.facility,
           log.level.empty() ? "" : " " + log.level);
    }
    for (const PeerKey& key : global.peer_keys) {
      std::string hex;
      for (const std::uint8_t byte : key.secret)
        hex += fmt::format("{:02x}", byte);
      line("peer-key {} {}", key.id, hex);
    }
    if (global.external_checks) {
      const ExternalCheckPermit& permit = *global.external_checks;
      line("external-check{}{}", permit.user == "nobody" ? "" : " user " + permit.user,
           permit.preserve_environment ? " preserve-env" : "");
    }
    line_if(global.setuid_wanted, "insecure-setuid-wanted");
    if (!global.ca_base.empty()) line("ca-base {}", write_word(global.ca_base));
    line("ssl-server-verify {}", global.verify_server_tls ? "required" : "none");
  }

  void write_node(const Node& node) {
    section("node", node.name);
    for (const PortSpec& port : node.ports) {
      std::string options;
      for (const auto& [name, value] : port.options)
        options += fmt::format(" {}={}", name, value);
      line("port {} {} {}{}", port.name, to_string(port.kind), write_word(port.device), options);
    }
    line("workers {}", node.workers);
    line("idle {}", node.idle == IdleMode::Poll ? "poll" : "sleep");
    line("fence {}", write_time(node.fence));
    line("flows {}", node.flows);
    if (node.memory_mb != 0) line("memory {}m", node.memory_mb);
    if (node.peer) line("peer {}", to_string(*node.peer));
    for (const NodeRedundancy& part : node.redundancy) {
      const auto word = [](std::string_view name, const std::optional<std::uint8_t>& value) {
        return value ? fmt::format(" {} {}", name, *value) : std::string();
      };
      line("redundancy {}{}{}{}", part.group, word("advskew", part.advskew),
           word("advbase", part.advbase), word("priority", part.priority));
    }
  }

  void write_group(const RedundancyGroup& group) {
    section("redundancy", group.name);
    line("protocol {}", to_string(group.protocol));
    line("{} {}", group.is_vrrp() ? "vrid" : "vhid", group.vhid);
    line("port {}", group.port);
    if (!group.password.empty()) line("pass {}", write_word(group.password));
    for (const VirtualAddress& each : group.addresses)
      line("address {} port {}", carpool::to_string(each.prefix), each.port);
    for (const VirtualAddress& each : group.floating)
      line("floating {} port {}", carpool::to_string(each.prefix), each.port);
    if (group.preempt) {
      line("preempt delay {}", write_time(group.preempt_delay));
    } else {
      line("no preempt");
    }
    group.is_vrrp() ? write_vrrp(group) : write_carp(group);
    if (group.fast_hello != Duration::zero()) {
      line("fast-hello {} count {}", write_time(group.fast_hello), group.fast_hello_count);
    }
    line("mac {}", group.mac == GroupMac::Own ? "own" : "virtual");
    write_tracks(group);
    if (!group.sync_group.empty()) line("sync-group {}", group.sync_group);
    if (group.notify) line("notify {} user {}", write_command(*group.notify), group.notify->user);
  }

  void write_carp(const RedundancyGroup& group) {
    line("advbase {}", group.advbase);
    line("advskew {}", group.advskew);
    line("address-order {}",
         group.address_order == AddressOrder::Configured ? "configured" : "sorted");
  }

  void write_vrrp(const RedundancyGroup& group) {
    const VrrpOptions& vrrp = group.vrrp;
    line("priority {}", vrrp.priority);
    line("advert-interval {}", write_time(vrrp.interval));
    if (vrrp.startup_delay != Duration::zero()) {
      line("startup-delay {}", write_time(vrrp.startup_delay));
    }
    if (!vrrp.unicast_peers.empty()) {
      std::string peers;
      for (const Ipv4Address peer : vrrp.unicast_peers)
        peers += " " + carpool::to_string(peer);
      line("unicast peer{}{}", peers,
           vrrp.min_ttl == 0 ? "" : fmt::format(" min-ttl {}", vrrp.min_ttl));
    }
    line("garp count {} delay {} refresh {} refresh-count {}", vrrp.garp.count,
         write_time(vrrp.garp.delay), write_time(vrrp.garp.refresh), vrrp.garp.refresh_count);
    if (group.protocol == RedundancyProtocol::Vrrp3) {
      line("checksum {}", vrrp.checksum == VrrpChecksumForm::Rfc9568 ? "rfc9568" : "rfc5798");
    }
  }

  void write_tracks(const RedundancyGroup& group) {
    const auto weight = [](const TrackCommon& track) {
      return track.weight ? fmt::format(" weight {}", *track.weight) : std::string();
    };
    for (const TrackBackend& track : group.tracks)
      line("track backend {} at-least {}{}", track.backend, track.at_least, weight(track));
    for (const TrackPort& track : group.track_ports)
      line("track port {}{}", track.port, weight(track));
    for (const TrackScript& track : group.track_scripts) {
      line("track script {} user {} interval {} timeout {} rise {} fall {}{}",
           write_command(track.script), track.script.user, write_time(track.interval),
           write_time(track.timeout), track.rise, track.fall, weight(track));
    }
  }

  static std::string write_command(const Script& script) {
    std::string whole;
    for (const std::string& word : script.command)
      whole += (whole.empty() ? "" : " ") + word;
    return write_word(whole);
  }

  void write_frontend(const Frontend& frontend) {
    section("frontend", frontend.name);
    if (frontend.id) line("id {}", *frontend.id);
    describe(frontend.description);
    line("mode {}", to_string(frontend.protocol));
    line_if(frontend.disabled, "disabled");
    for (const Bind& bind : frontend.binds) {
      line("bind {}:{}{}", carpool::to_string(bind.address), bind.port_first,
           bind.port_last == bind.port_first ? "" : fmt::format("-{}", bind.port_last));
    }
    line("default_backend {}", frontend.default_backend);
    if (frontend.maxconn != 0) line("maxconn {}", frontend.maxconn);
    line("mirror {}", frontend.mirror ? "on" : "off");
    write_timeouts(frontend.timeouts);
  }

  void write_timeouts(const Timeouts& timeouts) {
    timeout("connect", timeouts.connect);
    timeout("client", timeouts.client);
    timeout("server", timeouts.server);
    timeout("tunnel", timeouts.tunnel);
    timeout("client-fin", timeouts.client_fin);
    timeout("server-fin", timeouts.server_fin);
    timeout("check", timeouts.check);
  }

  void write_backend(const Backend& backend) {
    section("backend", backend.name);
    if (backend.id) line("id {}", *backend.id);
    describe(backend.description);
    line("mode {}", to_string(backend.protocol));
    line_if(backend.disabled, "disabled");
    if (backend.balance == Balance::Random) {
      line("balance random({})", backend.random_draws);
    } else {
      line("balance {}", to_string(backend.balance));
    }
    line("forward {}", to_string(backend.forwarding));
    if (backend.replies != 0) line("proxy-responses {}", backend.replies);
    if (backend.source) line("source {}", carpool::to_string(*backend.source));
    write_timeouts(backend.timeouts);
    for (const std::string& words : check_lines(backend.check))
      line("{}", words);
    line_if(backend.all_backups, "option allbackups");
    line_if(backend.log_health_checks, "option log-health-checks");
    if (backend.outliers) {
      const OutlierEjection& each = *backend.outliers;
      line("outlier-ejection max-percent {} failure-percent {} min-attempts {} interval {} time {}",
           each.max_percent, each.failure_percent, each.min_attempts, write_time(each.interval),
           write_time(each.ejection));
    }
    for (const Server& server : backend.servers)
      line("{}", server_line(server));
  }

  void write_page(const StatsPage& page) {
    section("listen", page.name);
    for (const Endpoint& bind : page.binds)
      line("bind {}", to_string(bind));
    line("stats enable");
    line("stats uri {}", write_word(page.uri));
    if (page.refresh != Duration::zero()) line("stats refresh {}", write_time(page.refresh));
    for (const auto& [user, password] : page.users)
      line("stats auth {}", write_word(user + ":" + password));
    line_if(page.admin, "stats admin if TRUE");
  }

  std::string text_;
};

std::string mask_lines(std::string_view text) {
  std::string masked;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    masked += mask_secrets(line) + "\n";
  }
  return masked;
}

}  // namespace

std::string effective_text(const Config& config, bool with_secrets) {
  std::string text = Writer().write(config);
  return with_secrets ? text : mask_lines(text);
}

}  // namespace carpool::config
