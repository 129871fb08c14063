#include "tools/carpool/top/model.h"

#include <algorithm>
#include <functional>
#include <map>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "controlplane/runtime/join.h"
#include "dataplane/abi/verdict.h"
#include "tools/carpool/status_fields.h"

namespace carpool::tool::top {
namespace {

using nlohmann::json;

// Turns two readings of a counter into a rate.
class Rate {
 public:
  Rate(const json& now, const json& before)
      : elapsed_s_(number_of(now, "uptime_s") - number_of(before, "uptime_s")),
        known_(!before.is_null() && elapsed_s_ > 0) {}

  // Nothing where there is no earlier reading, or the counter began anew in between.
  [[nodiscard]] std::optional<double> operator()(std::uint64_t now, std::uint64_t before) const {
    if (!known_ || now < before) return std::nullopt;
    return static_cast<double>(now - before) / elapsed_s_;
  }

 private:
  double elapsed_s_;
  bool known_;
};

std::uint64_t failures_of(const json& server) {
  return integer_of(server, "refused") + integer_of(server, "resets") +
         integer_of(server, "connect_timeouts");
}

using ByName = std::map<std::pair<std::string, std::string>, const json*>;

ByName servers_by_name(const json& status) {
  ByName result;
  for (const json& service : list(status, "services")) {
    for (const json& server : list(service, "servers"))
      result[{string_of(service, "name"), string_of(server, "name")}] = &server;
  }
  return result;
}

Row server_row(const json& server, const json& before, const Rate& rate) {
  const json& check = member(server, "check");
  Row row{.is_backup = is_true(server, "backup"),
          .name = string_of(server, "name"),
          .address = string_of(server, "address"),
          .state = string_of(server, "state"),
          .tone = tone_of_server(server),
          .since_s = number_of(server, "since_s"),
          .weight = integer_of(server, "weight"),
          .active = integer_of(server, "connections_active"),
          .total = integer_of(server, "connections_total"),
          .failed = failures_of(server),
          .check = string_of(check, "status"),
          .check_text = string_of(check, "text"),
          .check_ms = number_of(check, "duration_ms")};
  for (const char* key : {"warning", "progress"}) {
    if (const std::string more = string_of(check, key); !more.empty()) row.check_text = more;
  }
  const auto changed = [&](const char* key) {
    return rate(integer_of(server, key), integer_of(before, key));
  };
  row.connections_per_s = changed("connections_total");
  row.bytes_in_per_s = changed("bytes_in");
  row.bytes_out_per_s = changed("bytes_out");
  row.failed_per_s = rate(row.failed, failures_of(before));
  return row;
}

void add(std::optional<double>& sum, std::optional<double> part) {
  if (part) sum = sum.value_or(0) + *part;
}

void add_service(Model& model, const json& service, const ByName& before, const Rate& rate) {
  static const json nothing;
  Row head{.is_service = true,
           .service = string_of(service, "name"),
           .name = string_of(service, "name"),
           .backend = string_of(service, "backend"),
           .address = joined(strings_of(service, "bind"), " "),
           .active = integer_of(service, "connections_active"),
           .total = integer_of(service, "connections_total")};
  std::vector<Row> rows;
  std::size_t up = 0;
  for (const json& server : list(service, "servers")) {
    const auto found = before.find({head.service, string_of(server, "name")});
    Row row = server_row(server, found == before.end() ? nothing : *found->second, rate);
    row.service = head.service;
    row.backend = head.backend;
    up += is_up(server) ? 1u : 0u;
    head.failed += row.failed;
    add(head.connections_per_s, row.connections_per_s);
    add(head.bytes_in_per_s, row.bytes_in_per_s);
    add(head.bytes_out_per_s, row.bytes_out_per_s);
    add(head.failed_per_s, row.failed_per_s);
    rows.push_back(std::move(row));
  }
  head.state = fmt::format("{}/{} up", up, rows.size());
  head.tone = up == rows.size() ? Tone::good : up == 0 ? Tone::bad : Tone::doubtful;
  model.servers_up += up;
  model.servers += rows.size();
  model.rows.push_back(std::move(head));
  std::ranges::move(rows, std::back_inserter(model.rows));
}

GroupLine group_line(const json& group) {
  std::vector<std::string> demotions;
  for (const json& source : list(group, "demotion")) {
    demotions.push_back(
        fmt::format("{} {}", string_of(source, "source"), integer_of(source, "value")));
  }
  const std::string state = string_of(group, "state");
  return {.name = string_of(group, "name"),
          .state = state,
          .cause = string_of(group, "cause"),
          .demotion = joined(demotions, ", "),
          .since_s = number_of(group, "since_s"),
          .tone = tone_of_group(state)};
}

void set_mirror(Model& model, const json& mirror) {
  const std::string state = string_of(mirror, "state");
  const std::string peer = string_of(mirror, "peer");
  model.mirror =
      state.empty() || state == "off" || state == "alone" ? state : state + " with " + peer;
  model.mirror_tone = state == "in sync" ? Tone::good
                      : state == "off"   ? Tone::plain
                                         : Tone::doubtful;
}

struct PortSums {
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;
};

PortSums received(const json& status) {
  PortSums sums;
  for (const json& port : list(member(status, "dataplane"), "ports")) {
    sums.packets += integer_of(port, "rx_packets");
    sums.bytes += integer_of(port, "rx_bytes");
  }
  return sums;
}

void set_traffic(Model& model, const json& now, const json& before, const Rate& rate) {
  const json& flows = member(now, "flows");
  model.flows_live = integer_of(flows, "live");
  model.flows_capacity = integer_of(flows, "capacity");
  model.half_open = integer_of(flows, "half_open");
  const PortSums sums = received(now);
  const PortSums earlier = received(before);
  model.packets_per_s = rate(sums.packets, earlier.packets);
  model.bytes_per_s = rate(sums.bytes, earlier.bytes);
  model.connections_per_s =
      rate(integer_of(flows, "created"), integer_of(member(before, "flows"), "created"));
  for (const json& worker : list(member(now, "dataplane"), "workers"))
    model.workers_busy.push_back(number_of(worker, "busy_percent"));
}

// What is dropped now stands on top, then what was dropped most.
void set_drops(Model& model, const json& now, const json& before, const Rate& rate) {
  const auto count = [](const json& status, const abi::VerdictInfo& info) {
    return integer_of(member(member(status, "counters"), "verdicts"),
                      std::string(info.name).c_str());
  };
  for (const abi::VerdictInfo& info : abi::kVerdictInfo) {
    if (!info.is_drop) continue;
    const std::uint64_t total = count(now, info);
    if (total == 0) continue;
    const std::optional<double> per_s = rate(total, count(before, info));
    add(model.drops_per_s, per_s);
    model.drops.push_back({std::string(info.meaning), total, per_s});
  }
  std::ranges::stable_sort(model.drops, std::ranges::greater(), [](const DropLine& line) {
    return std::pair(line.per_s.value_or(0), line.total);
  });
}

// "2026-11-26T12:34:56.789Z"
std::string time_of_day(const std::string& iso) {
  return iso.size() >= 19 ? iso.substr(11, 8) : "";
}

}  // namespace

Model make_model(const json& now, const json& before) {
  const Rate rate(now, before);
  const ByName earlier = servers_by_name(before);
  Model model;
  model.node = string_of(now, "node");
  model.time = time_of_day(string_of(now, "time"));
  model.data_plane = string_of(member(now, "dataplane"), "state");
  model.forwards = model.data_plane == "running";
  model.problems = strings_of(now, "problems");
  for (const json& group : list(now, "groups"))
    model.groups.push_back(group_line(group));
  set_mirror(model, member(now, "mirror"));
  set_traffic(model, now, before, rate);
  set_drops(model, now, before, rate);
  for (const json& service : list(now, "services"))
    add_service(model, service, earlier, rate);
  return model;
}

}  // namespace carpool::tool::top
