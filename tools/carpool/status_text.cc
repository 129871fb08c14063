#include "tools/carpool/status_text.h"

#include <algorithm>
#include <iterator>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "controlplane/runtime/join.h"
#include "dataplane/abi/verdict.h"
#include "tools/carpool/status_fields.h"

namespace carpool::tool {
namespace {

using nlohmann::json;

constexpr std::size_t kColumns = 80;

// ---- Writing -----------------------------------------------------------------------------------

// Words in lines of at most kColumns, every line indented; words longer than that stay whole.
std::string wrapped(std::string_view text, std::size_t indent, std::string_view bullet = {}) {
  std::string result;
  std::string line = fmt::format("{:>{}}", bullet, indent);
  bool line_is_empty = true;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, end);
    if (!line_is_empty && line.size() + 1 + word.size() > kColumns) {
      result += line + '\n';
      line.assign(indent, ' ');
      line_is_empty = true;
    }
    if (!line_is_empty) line += ' ';
    line += word;
    line_is_empty = false;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return result + line + '\n';
}

// Padding counts what is seen, so it comes before the colour.
std::string cell(const Paint& paint, Tone tone, std::string_view text, int width) {
  return paint(tone, fmt::format("{:<{}}", text, width));
}

// ---- The parts of the page ---------------------------------------------------------------------

std::string groups_in_one_line(const json& status, const Paint& paint) {
  std::vector<std::string> parts;
  for (const json& group : list(status, "groups")) {
    const std::string state = string_of(group, "state");
    parts.push_back(fmt::format("{} of {} (since {})", paint(tone_of_group(state), state),
                                string_of(group, "name"),
                                duration_text(number_of(group, "since_s"))));
  }
  return parts.empty() ? "no redundancy group" : joined(parts, ", ");
}

std::string servers_in_one_line(const json& status, const Paint& paint) {
  std::size_t up = 0;
  std::size_t all = 0;
  for (const json& service : list(status, "services")) {
    const json& servers = list(service, "servers");
    all += servers.size();
    up += static_cast<std::size_t>(std::ranges::count_if(servers, is_up));
  }
  const Tone tone = up == all ? Tone::good : up == 0 ? Tone::bad : Tone::doubtful;
  return paint(tone, fmt::format("{}/{} servers up", up, all));
}

std::string dataplane_in_one_line(const json& status, const Paint& paint) {
  const std::string state = string_of(member(status, "dataplane"), "state");
  return state == "running" ? paint(Tone::good, "data plane ok")
                            : paint(Tone::bad, "data plane " + (state.empty() ? "?" : state));
}

bool is_vrrp(const json& group) {
  return string_of(group, "protocol").starts_with("vrrp");
}

std::string peer_text(const json& group) {
  const json& peer = member(group, "peer");
  const std::string rank = is_vrrp(group)
                               ? fmt::format("priority {}", integer_of(peer, "priority"))
                               : fmt::format("advbase {} advskew {}", integer_of(peer, "advbase"),
                                             integer_of(peer, "advskew"));
  return fmt::format("peer {} {}, last advert {} ago", string_of(peer, "source"), rank,
                     duration_text(number_of(peer, "age_s")));
}

std::string protocol_text(const json& group) {
  if (!is_vrrp(group)) {
    return fmt::format("{} vhid {} advbase {} advskew {}, advertises {}",
                       string_of(group, "protocol"), integer_of(group, "vhid"),
                       integer_of(group, "advbase"), integer_of(group, "advskew"),
                       integer_of(group, "effective_skew"));
  }
  std::string text =
      fmt::format("{} vrid {} priority {}, advertises {} every {:g}s", string_of(group, "protocol"),
                  integer_of(group, "vrid"), integer_of(group, "priority"),
                  integer_of(group, "effective_priority"), number_of(group, "interval_s"));
  if (!list(group, "unicast_peers").empty()) {
    text += " to " + joined(strings_of(group, "unicast_peers"), ", ");
  }
  return text;
}

std::string demotion_text(const json& group) {
  std::vector<std::string> sources;
  for (const json& source : list(group, "demotion")) {
    const std::string why = string_of(source, "why");
    sources.push_back(fmt::format("{} {}{}", string_of(source, "source"),
                                  integer_of(source, "value"), why.empty() ? "" : ", " + why));
  }
  return joined(sources, "; ");
}

std::string foreign_text(const json& foreign) {
  return fmt::format("{} adverts not accepted, last from {}: {}",
                     count_text(integer_of(foreign, "count")), string_of(foreign, "last_sender"),
                     string_of(foreign, "reason"));
}

std::string group_text(const json& group, const Paint& paint) {
  constexpr std::size_t kIndent = 11;
  const std::string state = string_of(group, "state");
  std::string result =
      fmt::format("  {} {} for {}: {}\n", cell(paint, Tone::heading, string_of(group, "name"), 8),
                  paint(tone_of_group(state), state), duration_text(number_of(group, "since_s")),
                  string_of(group, "cause"));
  result += wrapped(protocol_text(group), kIndent);
  result += wrapped("addresses " + joined(strings_of(group, "addresses"), ", "), kIndent);
  if (!list(group, "floating").empty()) {
    result += wrapped("floating " + joined(strings_of(group, "floating"), ", "), kIndent);
  }
  if (!member(group, "peer").empty()) result += wrapped(peer_text(group), kIndent);
  if (!list(group, "demotion").empty()) {
    result += wrapped("demoted: " + demotion_text(group), kIndent);
  }
  const json& foreign = member(group, "foreign_adverts");
  if (integer_of(foreign, "count") > 0) result += wrapped(foreign_text(foreign), kIndent);
  return result;
}

std::string check_text(const json& check) {
  std::string result = string_of(check, "text");
  if (result.empty()) result = string_of(check, "status");
  if (const auto streak = string_of(check, "progress"); !streak.empty()) result += "; " + streak;
  return result;
}

// Only what is not as it should be.
std::string traffic_text(const json& server) {
  const json& traffic = member(server, "traffic");
  std::vector<std::string> parts;
  const auto note = [&](const char* key, const char* what) {
    const double rate = number_of(traffic, key);
    if (rate >= 0.05) parts.push_back(fmt::format("{:.1f} {}/s", rate, what));
  };
  note("failures_per_s", "failed connections");
  note("resets_per_s", "resets");
  note("retransmits_per_s", "repeated SYNs");
  return parts.empty() ? "" : "traffic: " + joined(parts, ", ");
}

std::string server_text(const json& server, const Paint& paint) {
  std::string name = string_of(server, "name");
  if (is_true(server, "backup")) name += " backup";
  const std::string state = string_of(server, "state");
  std::string result = fmt::format(
      "    {:<12} {:<21} {} {:>7} {:>6} {:>8} {:>4.0f}%\n", name, string_of(server, "address"),
      cell(paint, tone_of_server(server), state, 11), duration_text(number_of(server, "since_s")),
      count_text(integer_of(server, "connections_active")),
      count_text(integer_of(server, "connections_total")), number_of(server, "share") * 100);
  const std::string check = check_text(member(server, "check"));
  if (!is_up(server) && !check.empty()) result += wrapped(check, 17);
  if (const std::string traffic = traffic_text(server); !traffic.empty()) {
    result += wrapped(traffic, 17);
  }
  const std::string differs = string_of(member(server, "peer_view"), "says");
  if (!differs.empty()) result += wrapped("nodes differ: " + differs, 17);
  const std::string agent = string_of(member(server, "agent"), "text");
  if (!is_up(server) && !agent.empty()) result += wrapped("agent: " + agent, 17);
  const std::string warning = string_of(member(server, "check"), "warning");
  if (!warning.empty()) result += wrapped("warning: " + warning, 17);
  return result;
}

// What is not as usual: UDP, and another way to servers than fullnat.
std::string service_text(const json& service, const Paint& paint) {
  const std::string forward = string_of(service, "forward");
  const bool is_usual = forward.empty() || forward == "fullnat";
  std::string result =
      wrapped(fmt::format("{} on {}{}, {}{}", string_of(service, "name"),
                          string_of(service, "protocol") == "udp" ? "udp " : "",
                          joined(strings_of(service, "bind"), ", "), string_of(service, "balance"),
                          is_usual ? "" : ", " + forward),
              2);
  result += fmt::format("    {:<12} {:<21} {:<11} {:>7} {:>6} {:>8} {:>5}\n", "server", "address",
                        "state", "for", "active", "total", "share");
  for (const json& server : list(service, "servers"))
    result += server_text(server, paint);
  return result;
}

std::string flows_text(const json& flows) {
  return wrapped(
      fmt::format("{} live of {}, {} half-open; {} created, {} expired",
                  count_text(integer_of(flows, "live")), count_text(integer_of(flows, "capacity")),
                  count_text(integer_of(flows, "half_open")),
                  count_text(integer_of(flows, "created")),
                  count_text(integer_of(flows, "expired"))),
      2);
}

std::string port_text(const json& port, const Paint& paint) {
  const bool link = is_true(port, "link");
  std::string result = fmt::format(
      "  {:<8} {:<13} {} rx {:>13} {:>7}  tx {:>13} {:>7}\n", string_of(port, "name"),
      string_of(port, "kind") + ":" + string_of(port, "device"),
      cell(paint, link ? Tone::good : Tone::bad, link ? "up" : "down", 4),
      count_text(integer_of(port, "rx_packets")), bytes_text(integer_of(port, "rx_bytes")),
      count_text(integer_of(port, "tx_packets")), bytes_text(integer_of(port, "tx_bytes")));
  if (const auto dropped = integer_of(port, "tx_dropped"); dropped > 0) {
    result += wrapped(count_text(dropped) + " packets were not taken by the port", 11);
  }
  return result;
}

std::string dataplane_text(const json& dataplane, const Paint& paint) {
  std::string line = string_of(dataplane, "state");
  if (integer_of(dataplane, "pid") != 0) {
    line += fmt::format(", pid {}, up {}", integer_of(dataplane, "pid"),
                        duration_text(number_of(dataplane, "uptime_s")));
  }
  if (const auto restarts = integer_of(dataplane, "restarts"); restarts > 0) {
    line += fmt::format(", {} restart{}", restarts, restarts == 1 ? "" : "s");
  }
  for (const json& worker : list(dataplane, "workers")) {
    line += fmt::format("; worker {} ", integer_of(worker, "index"));
    line += is_true(worker, "alive")
                ? fmt::format("{:.0f}% busy", number_of(worker, "busy_percent"))
                : "makes no progress";
  }
  std::string result = wrapped(line, 2);
  if (const auto error = string_of(dataplane, "last_error"); !error.empty()) {
    result += wrapped("last error: " + error, 2);
  }
  for (const json& port : list(dataplane, "ports"))
    result += port_text(port, paint);
  return result;
}

// By number, so that the flood stands on top.
std::string drops_text(const json& status) {
  struct Drop {
    std::uint64_t count;
    const abi::VerdictInfo* info;
  };
  std::vector<Drop> drops;
  for (const abi::VerdictInfo& info : abi::kVerdictInfo) {
    const auto count =
        integer_of(member(member(status, "counters"), "verdicts"), std::string(info.name).c_str());
    if (info.is_drop && count > 0) drops.push_back({count, &info});
  }
  std::ranges::stable_sort(drops, std::ranges::greater(), &Drop::count);
  std::string result;
  for (const Drop& drop : drops) {
    result += fmt::format("  {:>13}  {}\n", count_text(drop.count), drop.info->meaning);
  }
  return result;
}

// "in sync with lb2 for 3m; 451 connections told, 17 learned"
std::string mirror_text(const json& mirror, const Paint& paint) {
  const std::string state = string_of(mirror, "state");
  if (state == "off") return wrapped("off: " + string_of(mirror, "why"), 2);
  const Tone tone = state == "in sync"         ? Tone::good
                    : state == "synchronising" ? Tone::doubtful
                                               : Tone::bad;
  std::string line = paint(tone, state);
  if (state != "alone") line += " with " + string_of(mirror, "peer");
  line += fmt::format(" for {}; {} records told, {} learned",
                      duration_text(number_of(mirror, "since_s")),
                      count_text(integer_of(member(mirror, "told"), "records")),
                      count_text(integer_of(member(mirror, "learned"), "taken")));
  if (const auto lag = integer_of(mirror, "lag_records"); lag > 0) {
    line += fmt::format("; {} on their way, the oldest for {}", count_text(lag),
                        duration_text(number_of(mirror, "lag_s")));
  }
  const auto lost = integer_of(member(mirror, "told"), "lost");
  if (lost > 0) line += fmt::format("; {} could not be told", count_text(lost));
  const json& learned = member(mirror, "learned");
  const auto refused = integer_of(learned, "refused") + integer_of(learned, "unknown");
  if (refused > 0) line += fmt::format("; {} do not fit this configuration", count_text(refused));
  return wrapped(line, 2);
}

// "up; peer up, 812 heard, at most 21 ms apart; wan up, 811 heard, at most 18 ms apart; ..."
std::string hello_text(const json& hello, const Paint& paint) {
  const std::string state = string_of(hello, "state");
  if (state == "off") return wrapped("off: " + string_of(hello, "why"), 2);
  const Tone tone = state == "up" ? Tone::good : state == "peer lost" ? Tone::bad : Tone::doubtful;
  std::string line = paint(tone, state);
  for (const json& link : list(hello, "links")) {
    line += fmt::format("; {} {}, {} heard, at most {:.0f} ms apart", string_of(link, "name"),
                        string_of(link, "state"), count_text(integer_of(link, "heard")),
                        number_of(link, "longest_silence_ms"));
    if (const auto losses = integer_of(link, "losses"); losses > 0) {
      line += fmt::format(", lost {} times", losses);
    }
  }
  line += fmt::format("; priority {}", string_of(hello, "priority"));
  return wrapped(line, 2);
}

std::string section(const Paint& paint, std::string_view title, const std::string& body) {
  return body.empty() ? "" : fmt::format("\n{}\n{}", paint(Tone::heading, title), body);
}

template <class Part>
std::string each(const json& elements, Part part) {
  std::string result;
  for (const json& element : elements)
    result += part(element);
  return result;
}

}  // namespace

std::string verdict_line(const json& status, const Paint& paint) {
  const std::size_t problems = list(status, "problems").size();
  std::string line =
      fmt::format("{}: {}, {}, {}", string_of(status, "node"), groups_in_one_line(status, paint),
                  servers_in_one_line(status, paint), dataplane_in_one_line(status, paint));
  if (problems > 0) {
    line +=
        ", " + paint(Tone::bad, fmt::format("{} problem{}", problems, problems == 1 ? "" : "s"));
  }
  return line;
}

std::string status_text(const json& status, const Paint& paint) {
  std::string page = verdict_line(status, paint) + "\n";
  page += section(paint, "problems", each(list(status, "problems"), [](const json& problem) {
                    return wrapped(problem.is_string() ? problem.get<std::string>() : "", 4, "- ");
                  }));
  page += section(paint, "redundancy", each(list(status, "groups"), [&](const json& group) {
                    return group_text(group, paint);
                  }));
  if (!member(status, "mirror").empty()) {
    page += section(paint, "mirror", mirror_text(member(status, "mirror"), paint));
  }
  // Most groups do without.
  const json& hello = member(status, "hello");
  if (!hello.empty() && string_of(hello, "why") != "not configured") {
    page += section(paint, "fast-hello", hello_text(hello, paint));
  }
  page += section(paint, "services", each(list(status, "services"), [&](const json& service) {
                    return service_text(service, paint);
                  }));
  if (!member(status, "flows").empty()) {
    page += section(paint, "flows", flows_text(member(status, "flows")));
  }
  page += section(paint, "data plane", dataplane_text(member(status, "dataplane"), paint));
  page += section(paint, "dropped packets", drops_text(status));
  return page;
}

}  // namespace carpool::tool
