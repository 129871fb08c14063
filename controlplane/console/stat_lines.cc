#include "controlplane/console/stat_lines.h"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>

namespace carpool::console {
namespace {

using enum Field;

// Columns that HAProxy fills for each kind of line, which at layer 4, or here, are always zero:
// queues, what HTTP and TLS count, the pools of idle connections.
constexpr Field kZeroOfFrontend[] = {dreq,     dresp,    ereq, rate_lim, comp_in, comp_out,
                                     comp_byp, comp_rsp, dcon, dses,     wrew,    eint};
constexpr Field kZeroOfBackend[] = {qcur,
                                    qmax,
                                    dreq,
                                    dresp,
                                    wredis,
                                    cli_abrt,
                                    comp_in,
                                    comp_out,
                                    comp_byp,
                                    comp_rsp,
                                    qtime,
                                    ctime,
                                    rtime,
                                    ttime,
                                    wrew,
                                    reuse,
                                    qtime_max,
                                    ctime_max,
                                    rtime_max,
                                    ttime_max,
                                    eint,
                                    agg_server_status,
                                    agg_server_check_status,
                                    agg_check_status};
constexpr Field kZeroOfServer[] = {qcur,      qmax,     dresp,         wredis,       cli_abrt,
                                   qtime,     ctime,    rtime,         ttime,        wrew,
                                   reuse,     srv_icur, qtime_max,     ctime_max,    rtime_max,
                                   ttime_max, eint,     idle_conn_cur, safe_conn_cur};
constexpr Field kLastOfServer = ssl_failed_handshake;  // of the columns that modules add
constexpr Field kFirstOfModules = ssl_sess;
constexpr Field kHttpResponses[] = {hrsp_1xx, hrsp_2xx, hrsp_3xx, hrsp_4xx, hrsp_5xx, hrsp_other};
constexpr Field kHttpOfFrontend[] = {req_rate, req_rate_max, req_tot};

// HAProxy gives a backend a tenth of what its frontends may take, unless `fullconn` says otherwise.
constexpr std::uint32_t kFullconnShare = 10;

template <std::size_t kCount>
void set_zero(StatLine& line, const Field (&fields)[kCount]) {
  for (const Field field : fields)
    line.set(field, 0);
}

void set_zero(StatLine& line, Field first, Field last) {
  for (auto at = static_cast<int>(first); at <= static_cast<int>(last); ++at)
    line.set(static_cast<Field>(at), 0);
}

std::int64_t whole_seconds(Duration duration) {
  return std::chrono::duration_cast<std::chrono::seconds>(duration).count();
}

std::int64_t seconds_since(const std::optional<Instant>& then, Instant now) {
  return then ? whole_seconds(now - *then) : -1;
}

std::uint32_t frontend_limit(const config::Config& config, const config::Frontend& frontend) {
  return frontend.maxconn != 0 ? frontend.maxconn : config.node.flows;
}

void set_name(StatLine& line, const Proxy& proxy, std::string_view name, StatKind kind) {
  line.set(pxname, proxy.name);
  line.set(svname, name);
  line.set(pid, 1);
  line.set(iid, line.proxy_id());
  line.set(sid, line.server_id());
  line.set(type, static_cast<int>(kind));
  line.set(mode, proxy.page == nullptr ? "tcp" : "http");
}

void set_traffic(StatLine& line, const link::ServerTotals& totals, const StatPeaks& peaks) {
  line.set(scur, totals.active);
  line.set(smax, std::max(peaks.active_max, totals.active));
  line.set(stot, totals.connections);
  line.set(bin, totals.bytes_in);
  line.set(bout, totals.bytes_out);
  line.set(rate, peaks.rate);
  line.set(rate_max, peaks.rate_max);
}

// Of servers and backends: what went wrong towards servers.
void set_trouble(StatLine& line, const link::ServerTotals& totals, const StatPeaks& peaks,
                 Instant now) {
  line.set(econ, totals.connect_timeouts + totals.refused);
  line.set(eresp, totals.resets);
  line.set(wretr, totals.syn_retransmits);
  line.set(srv_abrt, totals.resets);
  line.set(lbtot, totals.connections);
  line.set(Field::connect, totals.answered);
  line.set(lastsess, seconds_since(peaks.last_session, now));
}

// ---- Frontends ---------------------------------------------------------------------------------

StatLine frontend_line(const StatSources& from, const Proxy& proxy) {
  StatLine line(StatKind::Frontend, proxy.id, 0);
  set_name(line, proxy, "FRONTEND", StatKind::Frontend);
  set_zero(line, kZeroOfFrontend);
  set_zero(line, kFirstOfModules, h1_spliced_bytes_out);
  set_zero(line, kHttpOfFrontend);
  link::ServerTotals totals;
  StatPeaks peaks;
  line.set(slim, from.config.node.flows);
  if (proxy.frontend) {
    const config::Frontend& frontend = from.config.frontends[*proxy.frontend];
    totals = from.totals.frontends.at(*proxy.frontend);
    peaks = from.memory.frontend(*proxy.frontend);
    line.set(slim, frontend_limit(from.config, frontend));
  } else {
    set_zero(line, kHttpResponses);
    line.set(intercepted, 0);
    line.set(cache_lookups, 0);
    line.set(cache_hits, 0);
  }
  set_traffic(line, totals, peaks);
  line.set(conn_rate, peaks.rate);
  line.set(conn_rate_max, peaks.rate_max);
  line.set(conn_tot, totals.connections);
  const bool paused =
      std::ranges::find(from.paused_frontends, proxy.name) != from.paused_frontends.end();
  line.set(status, paused ? "PAUSED" : "OPEN");
  return line;
}

// ---- Servers -----------------------------------------------------------------------------------

bool has_code(CheckStatus checked) {
  return checked == CheckStatus::L7Ok || checked == CheckStatus::L7OkConditional ||
         checked == CheckStatus::L7Status || checked == CheckStatus::ProcessOk ||
         checked == CheckStatus::ProcessError;
}

bool has_finished(CheckStatus checked) {
  return checked != CheckStatus::Unknown && checked != CheckStatus::Initial;
}

std::int64_t milliseconds(Duration duration) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
}

void set_check(StatLine& line, const ServerSnapshot& known) {
  if (!known.settings || known.admin.checks_off) return;
  if (known.mode == AdminMode::Maintenance) return;
  const CheckResult& last = known.health.last;
  line.set(check_status, fmt::format("{}{}", known.probing ? "* " : "", name(last.status)));
  if (has_code(last.status)) line.set(check_code, last.code);
  if (has_finished(last.status)) line.set(check_duration, milliseconds(last.took));
  line.set(last_chk, last.text);
  line.set(check_desc, description(last.status));
  line.set(check_rise, known.settings->rise);
  line.set(check_fall, known.settings->fall);
  line.set(check_health, known.health.health);
}

void set_agent(StatLine& line, const ServerSnapshot& known) {
  if (!known.agent || known.admin.agent_off) return;
  const CheckResult& last = known.agent->last;
  line.set(agent_status, name(last.status));
  if (has_code(last.status)) line.set(agent_code, last.code);
  if (has_finished(last.status)) line.set(agent_duration, milliseconds(last.took));
  line.set(agent_desc, description(last.status));
  line.set(last_agt, last.text);
  line.set(agent_rise, 1);
  line.set(agent_fall, 1);
  line.set(agent_health, known.agent->up ? 1 : 0);
}

void set_counted_checks(StatLine& line, const StatSources& from, const ServerSnapshot& known,
                        std::size_t index) {
  if (!known.settings || known.admin.checks_off) return;
  const ServerHealth counted = from.memory.since_clear(known.health, index);
  line.set(chkfail, counted.failures);
  line.set(chkdown, counted.downs);
  line.set(Field::downtime, whole_seconds(carpool::downtime(known.health, from.now)));
}

StatLine server_line(const StatSources& from, const StatFilter& filter, const Proxy& proxy,
                     const config::Server& server, std::uint32_t id, std::size_t index) {
  const ServerSnapshot& known = from.health[index];
  const StatPeaks& peaks = from.memory.server(index);
  const link::ServerTotals& totals = from.totals.servers.at(index);
  StatLine line(StatKind::Server, proxy.id, id);
  set_name(line, proxy, server.name, StatKind::Server);
  set_zero(line, kZeroOfServer);
  set_zero(line, kFirstOfModules, kLastOfServer);
  set_traffic(line, totals, peaks);
  set_trouble(line, totals, peaks, from.now);
  const std::uint32_t limit = known.admin.maxconn.value_or(server.maxconn);
  if (limit != 0) line.set(slim, limit);
  line.set(status, stat_status(known, from.health));
  line.set(weight, weight_now(server, known));
  line.set(uweight, weight_now(server, known));
  line.set(act, server.backup ? 0 : 1);
  line.set(bck, server.backup ? 1 : 0);
  line.set(lastchg, whole_seconds(from.now - std::max(known.health.since, known.mode_since)));
  line.set(used_conn_cur, totals.active);
  line.set(need_conn_est, peaks.active_max);
  if (known.track) line.set(tracked, to_string(*known.track));
  set_counted_checks(line, from, known, index);
  if (server.observe.layer4) {
    line.set(hanafail, from.memory.since_clear(known.health, index).observed);
  }
  set_check(line, known);
  set_agent(line, known);
  if (filter.legends) {
    line.set(addr, config::to_string(config::Endpoint{server.address, server.port}));
  }
  return line;
}

// ---- Backends ----------------------------------------------------------------------------------

// Who takes connections now.
struct Usable {
  std::uint32_t active = 0;
  std::uint32_t backup = 0;
  std::uint64_t weight = 0;
};

Usable usable_servers(const StatSources& from, const config::Backend& backend, std::size_t first) {
  Usable usable;
  std::uint64_t backup_weight = 0;
  for (std::size_t at = 0; at < backend.servers.size(); ++at) {
    const config::Server& server = backend.servers[at];
    const ServerSnapshot& known = from.health[first + at];
    if (!is_usable(server, known)) continue;
    const std::uint32_t share = weight_now(server, known);
    if (!server.backup) {
      ++usable.active;
      usable.weight += share;
    } else if (++usable.backup == 1 || backend.all_backups) {
      backup_weight += share;
    }
  }
  if (usable.active == 0) usable.weight = backup_weight;
  return usable;
}

std::uint64_t backend_limit(const config::Config& config, std::size_t backend) {
  std::uint64_t limit = 0;
  for (const config::Frontend& frontend : config.frontends) {
    if (frontend.backend_index == backend) limit += frontend_limit(config, frontend);
  }
  return std::max<std::uint64_t>(1, limit / kFullconnShare);
}

StatLine backend_line(const StatSources& from, const StatFilter& filter, const Proxy& proxy,
                      std::size_t first) {
  StatLine line(StatKind::Backend, proxy.id, 0);
  set_name(line, proxy, "BACKEND", StatKind::Backend);
  set_zero(line, kZeroOfBackend);
  set_zero(line, kFirstOfModules, h1_spliced_bytes_out);
  link::ServerTotals totals;
  StatPeaks peaks;
  Usable usable;
  BackendLife life;
  std::size_t servers = 0;
  std::string_view algorithm = "roundrobin";
  line.set(slim, std::max(1u, from.config.node.flows / kFullconnShare));
  if (proxy.backend) {
    const config::Backend& backend = from.config.backends[*proxy.backend];
    totals = from.totals.backends.at(*proxy.backend);
    peaks = from.memory.backend(*proxy.backend);
    life = from.memory.life(*proxy.backend);
    usable = usable_servers(from, backend, first);
    servers = backend.servers.size();
    algorithm = config::to_string(backend.balance);
    line.set(slim, backend_limit(from.config, *proxy.backend));
    line.set(lastchg, whole_seconds(from.now - life.since));
  } else {
    set_zero(line, kHttpResponses);
    line.set(req_tot, 0);
    line.set(cache_lookups, 0);
    line.set(cache_hits, 0);
    line.set(lastchg, 0);
  }
  set_traffic(line, totals, peaks);
  set_trouble(line, totals, peaks, from.now);
  const bool up = servers == 0 || usable.weight > 0;
  std::string text = up ? "UP" : "DOWN";
  if (filter.hide_down) text += fmt::format(" ({}/{})", usable.active + usable.backup, servers);
  line.set(status, text);
  line.set(weight, usable.weight);
  line.set(uweight, usable.weight);
  line.set(act, usable.active);
  line.set(bck, usable.backup);
  line.set(chkdown, life.downs);
  if (servers > 0) line.set(Field::downtime, whole_seconds(life.downtime(from.now)));
  if (filter.legends) line.set(algo, algorithm);
  return line;
}

// ------------------------------------------------------------------------------------------------

bool is_hidden(const StatFilter& filter, const config::Server& server,
               const ServerSnapshot& known) {
  if (known.mode == AdminMode::Maintenance) return filter.hide_maintenance || filter.hide_down;
  return filter.hide_down && !(known.health.up && weight_now(server, known) > 0);
}

std::vector<std::size_t> first_servers(const config::Config& config) {
  std::vector<std::size_t> first;
  std::size_t servers = 0;
  for (const config::Backend& backend : config.backends) {
    first.push_back(servers);
    servers += backend.servers.size();
  }
  first.push_back(servers);
  return first;
}

bool is_disabled(const config::Config& config, const Proxy& proxy) {
  if (proxy.frontend) return config.frontends[*proxy.frontend].disabled;
  return proxy.backend && config.backends[*proxy.backend].disabled;
}

}  // namespace

const ServerSnapshot& judged_by(const ServerSnapshot& server,
                                std::span<const ServerSnapshot> known) {
  const ServerSnapshot* at = &server;
  for (std::size_t links = 0; at->track && links < known.size(); ++links) {
    const auto next = std::ranges::find(known, *at->track, &ServerSnapshot::key);
    if (next == known.end()) break;
    at = &*next;
  }
  return *at;
}

std::string stat_status(const ServerSnapshot& server, std::span<const ServerSnapshot> known) {
  if (server.mode == AdminMode::Maintenance) {
    const bool own = server.admin.mode == AdminMode::Maintenance || !server.track;
    return own ? "MAINT" : fmt::format("MAINT (via {})", to_string(*server.track));
  }
  const ServerSnapshot& judge = judged_by(server, known);
  std::optional<CheckSettings> settings = judge.settings;
  if (judge.admin.checks_off) settings.reset();
  ServerHealth health = judge.health;
  health.up = server.health.up;
  health.stopping = server.health.stopping;
  std::string text = status_text(health, settings);
  if (!health.up || server.mode != AdminMode::Drain) return text;
  // "UP 1/3" becomes "DRAIN 1/3".
  const auto blank = text.find(' ');
  const bool counting = settings && blank != text.npos;
  return counting ? "DRAIN" + text.substr(blank) : "DRAIN";
}

std::uint32_t weight_now(const config::Server& server, const ServerSnapshot& known) {
  return known.admin.weight ? known.admin.weight->apply(server.weight) : server.weight;
}

bool is_usable(const config::Server& server, const ServerSnapshot& known) {
  return known.mode == AdminMode::Ready && known.health.takes_new_connections() &&
         weight_now(server, known) > 0;
}

void for_each_stat_line(const StatSources& from, const StatFilter& filter,
                        const std::function<void(const StatLine&)>& take) {
  const auto first = first_servers(from.config);
  if (first.back() > from.health.size()) return;  // between two configurations
  for (const Proxy& proxy : proxies_of(from.config)) {
    if (filter.proxy && proxy.id != *filter.proxy) continue;
    if (is_disabled(from.config, proxy)) continue;
    const bool has_frontend = proxy.frontend || proxy.page != nullptr;
    const std::size_t begin = proxy.backend ? first[*proxy.backend] : 0;
    if (has_frontend && (filter.kinds & kFrontendLines) != 0 && filter.server.value_or(0) == 0) {
      take(frontend_line(from, proxy));
    }
    if (proxy.backend && (filter.kinds & kServerLines) != 0) {
      const config::Backend& backend = from.config.backends[*proxy.backend];
      const auto ids = server_ids(backend);
      for (std::size_t at = 0; at < backend.servers.size(); ++at) {
        if (filter.server && ids[at] != *filter.server) continue;
        const config::Server& server = backend.servers[at];
        if (is_hidden(filter, server, from.health[begin + at])) continue;
        take(server_line(from, filter, proxy, server, ids[at], begin + at));
      }
    }
    if (proxy.has_backend() && (filter.kinds & kBackendLines) != 0 &&
        filter.server.value_or(0) == 0) {
      take(backend_line(from, filter, proxy, begin));
    }
  }
}

}  // namespace carpool::console
