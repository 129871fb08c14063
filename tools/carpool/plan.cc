#include "tools/carpool/plan.h"

#include <algorithm>
#include <map>
#include <span>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "controlplane/appliance/reload.h"
#include "controlplane/link/pick_list.h"

namespace carpool::tool {
namespace {

using config::Backend;
using config::Config;
using config::Frontend;
using config::Server;

template <class Value>
std::string words(const Value& value) {
  if constexpr (std::is_same_v<Value, bool>) {
    return value ? "yes" : "no";
  } else {
    return fmt::format("{}", value);
  }
}

// Collects "weight 1 -> 2".
class Details {
 public:
  template <class Value>
  Details& field(std::string_view name, const Value& before, const Value& after) {
    if (before != after) {
      lines_.push_back(fmt::format("{} {} -> {}", name, words(before), words(after)));
    }
    return *this;
  }
  // Something that takes more than a word.
  Details& also(std::string_view what, bool differs) {
    if (differs) lines_.emplace_back(what);
    return *this;
  }
  [[nodiscard]] std::vector<std::string> take() { return std::move(lines_); }

 private:
  std::vector<std::string> lines_;
};

std::string address_of(const Server& server) {
  return fmt::format("{}:{}", to_string(server.address), server.port);
}

std::vector<std::string> differences(const Server& before, const Server& after) {
  // What is left when all that is told by name is made the same.
  Server rest = before;
  rest.address = after.address;
  rest.port = after.port;
  rest.host = after.host;
  rest.weight = after.weight;
  rest.maxconn = after.maxconn;
  rest.backup = after.backup;
  rest.disabled = after.disabled;
  rest.check = after.check;
  if (rest.track && after.track) {  // indices move with their neighbours
    rest.track->backend_index = after.track->backend_index;
    rest.track->server_index = after.track->server_index;
  }
  return Details()
      .field("address", address_of(before), address_of(after))
      .field("weight", before.weight, after.weight)
      .field("maxconn", before.maxconn, after.maxconn)
      .field("backup", before.backup, after.backup)
      .field("disabled", before.disabled, after.disabled)
      .field("check", before.check, after.check)
      .also("how it is checked", rest != after)
      .take();
}

std::vector<std::string> differences(const Backend& before, const Backend& after) {
  Backend rest = before;
  rest.servers = after.servers;
  rest.balance = after.balance;
  rest.disabled = after.disabled;
  rest.check = after.check;
  rest.timeouts = after.timeouts;
  return Details()
      .field("balance", std::string(to_string(before.balance)),
             std::string(to_string(after.balance)))
      .field("disabled", before.disabled, after.disabled)
      .also("the health check", before.check != after.check)
      .also("timeouts", before.timeouts != after.timeouts)
      .also("other settings", rest != after)
      .take();
}

std::string binds_of(const Frontend& frontend) {
  std::string text;
  for (const config::Bind& bind : frontend.binds) {
    text +=
        fmt::format("{}{}:{}", text.empty() ? "" : ",", to_string(bind.address), bind.port_first);
    if (bind.port_last != bind.port_first) text += fmt::format("-{}", bind.port_last);
  }
  return text.empty() ? "none" : text;
}

std::vector<std::string> differences(const Frontend& before, const Frontend& after) {
  // Indices move with their neighbours, which is no change of this one.
  Frontend rest = before;
  rest.binds = after.binds;
  rest.backend_index = after.backend_index;
  rest.default_backend = after.default_backend;
  rest.disabled = after.disabled;
  rest.timeouts = after.timeouts;
  return Details()
      .field("bind", binds_of(before), binds_of(after))
      .field("default_backend", before.default_backend, after.default_backend)
      .field("disabled", before.disabled, after.disabled)
      .also("timeouts", before.timeouts != after.timeouts)
      .also("other settings", rest != after)
      .take();
}

std::vector<std::string> differences(const config::RedundancyGroup& before,
                                     const config::RedundancyGroup& after) {
  return Details()
      .field("protocol", std::string(to_string(before.protocol)),
             std::string(to_string(after.protocol)))
      .field("vhid", unsigned{before.vhid}, unsigned{after.vhid})
      .field("advskew", unsigned{before.advskew}, unsigned{after.advskew})
      .also("the password", before.password != after.password)
      .also("addresses", before.addresses != after.addresses || before.floating != after.floating)
      .also("what it tracks", before.tracks != after.tracks ||
                                  before.track_ports != after.track_ports ||
                                  before.track_scripts != after.track_scripts)
      .take();
}

// Indices move with their neighbours, which is no change of the group.
bool is_same(config::RedundancyGroup before, const config::RedundancyGroup& after) {
  if (before.tracks.size() != after.tracks.size()) return false;
  for (std::size_t at = 0; at < before.tracks.size(); ++at)
    before.tracks[at].backend_index = after.tracks[at].backend_index;
  return before == after;
}

template <class Item>
std::map<std::string_view, const Item*> by_name(const std::vector<Item>& items) {
  std::map<std::string_view, const Item*> named;
  for (const Item& item : items)
    named.emplace(item.name, &item);
  return named;
}

// What happens to each that is there before, after, or both times; in the order of `before`, then
// of `after`.
template <class Item, class Gone, class Come, class Stay>
void pair_up(const std::vector<Item>& before, const std::vector<Item>& after, Gone gone, Come come,
             Stay stay) {
  const auto old_ones = by_name(before);
  const auto new_ones = by_name(after);
  for (const Item& item : before) {
    const auto found = new_ones.find(item.name);
    found == new_ones.end() ? gone(item) : stay(item, *found->second);
  }
  for (const Item& item : after) {
    if (!old_ones.contains(item.name)) come(item);
  }
}

class Planner {
 public:
  Planner(const Config& running, const Config& wanted, const LiveConnections& live)
      : running_(running), wanted_(wanted), live_(live) {}

  Plan make() {
    plan_.restart = needs_restart(running_, wanted_);
    note_if(running_.global != wanted_.global, "global");
    note_if(running_.other_nodes != wanted_.other_nodes || running_.node != wanted_.node,
            "node sections");
    pair_up(
        running_.groups, wanted_.groups, [&](const auto& group) { removed("group", group.name); },
        [&](const auto& group) { added("group", group.name); },
        [&](const auto& before, const auto& after) {
          if (!is_same(before, after)) changed("group", after.name, differences(before, after));
        });
    pair_up(
        running_.frontends, wanted_.frontends, [&](const auto& each) { lose_frontend(each); },
        [&](const auto& each) { added("frontend", each.name, {"bind " + binds_of(each)}); },
        [&](const auto& before, const auto& after) {
          if (auto details = differences(before, after); !details.empty()) {
            changed("frontend", after.name, std::move(details));
          }
        });
    pair_up(
        running_.backends, wanted_.backends,
        [&](const auto& each) { removed("backend", each.name); },
        [&](const auto& each) {
          added("backend", each.name, {fmt::format("{} servers", each.servers.size())});
        },
        [&](const auto& before, const auto& after) { compare_backends(before, after); });
    note_if(running_.stats_pages != wanted_.stats_pages, "statistics pages");
    return std::move(plan_);
  }

 private:
  void added(std::string_view kind, std::string_view name, std::vector<std::string> details = {}) {
    plan_.changes.push_back(
        {ChangeKind::Added, fmt::format("{} {}", kind, name), std::move(details)});
  }
  void removed(std::string_view kind, std::string_view name,
               std::vector<std::string> details = {}) {
    plan_.changes.push_back(
        {ChangeKind::Removed, fmt::format("{} {}", kind, name), std::move(details)});
  }
  void changed(std::string_view kind, std::string_view name, std::vector<std::string> details) {
    if (details.empty()) details.emplace_back("settings");
    plan_.changes.push_back(
        {ChangeKind::Changed, fmt::format("{} {}", kind, name), std::move(details)});
  }
  void note_if(bool differs, std::string_view what) {
    if (differs) plan_.changes.push_back({ChangeKind::Changed, std::string(what), {}});
  }

  [[nodiscard]] std::uint64_t connections(const Backend& backend, const Server& server) const {
    const auto found = live_.of_servers.find(backend.name + "/" + server.name);
    return found == live_.of_servers.end() ? 0 : found->second;
  }

  std::vector<std::string> drain(std::uint64_t connections) {
    plan_.draining += connections;
    if (connections == 0) return {};
    return {fmt::format("{} connections go on until they end", connections)};
  }

  void lose_frontend(const Frontend& frontend) {
    std::uint64_t sum = 0;
    for (const auto& [service, connections] : live_.of_services) {
      if (service == frontend.name || service.starts_with(frontend.name + "@")) sum += connections;
    }
    removed("frontend", frontend.name, drain(sum));
  }

  void compare_backends(const Backend& before, const Backend& after) {
    if (auto details = differences(before, after); !details.empty()) {
      changed("backend", after.name, std::move(details));
    }
    const auto full_name = [&](const Server& server) { return after.name + "/" + server.name; };
    pair_up(
        before.servers, after.servers,
        [&](const Server& server) {
          removed("server", full_name(server), drain(connections(before, server)));
        },
        [&](const Server& server) { added("server", full_name(server), {address_of(server)}); },
        [&](const Server& old_one, const Server& new_one) {
          if (old_one == new_one) return;
          auto details = differences(old_one, new_one);
          if (address_of(old_one) != address_of(new_one)) {
            auto going = drain(connections(before, old_one));
            details.insert(details.end(), going.begin(), going.end());
          }
          changed("server", full_name(new_one), std::move(details));
        });
    add_shift(before, after);
  }

  // As if all servers were well: what they are now is not what a configuration says.
  struct Picks {
    std::vector<const Server*> servers;  // by place in the list
  };
  static Picks picks_of(const Backend& backend) {
    std::vector<link::Weighted> weighted;
    const auto collect = [&](bool backups) {
      for (std::size_t at = 0; at < backend.servers.size(); ++at) {
        const Server& server = backend.servers[at];
        const bool wanted = server.backup == backups && !server.disabled && server.weight > 0;
        if (wanted) weighted.push_back({static_cast<std::uint16_t>(at), server.weight});
        if (wanted && backups && !backend.all_backups) return;
      }
    };
    collect(false);
    if (weighted.empty()) collect(true);
    Picks picks;
    for (const std::uint16_t at : link::weighted_picks(weighted))
      picks.servers.push_back(&backend.servers[at]);
    return picks;
  }

  static std::string identity(const Server* server) {
    return server->name + " " + address_of(*server);
  }

  void add_shift(const Backend& before, const Backend& after) {
    const auto old_picks = picks_of(before).servers;
    const auto new_picks = picks_of(after).servers;
    if (old_picks.empty() || new_picks.empty()) {
      if (old_picks.size() != new_picks.size()) plan_.shifts.push_back({after.name, 1.0, false});
      return;
    }
    const bool by_hash =
        before.balance == config::Balance::Source && after.balance == config::Balance::Source;
    const double share =
        by_hash ? moved_buckets(old_picks, new_picks) : moved_share(old_picks, new_picks);
    if (share > 0) plan_.shifts.push_back({after.name, share, by_hash});
  }

  // A bucket is a place in the list; what clients hash to it goes to that server.
  static double moved_buckets(std::span<const Server* const> before,
                              std::span<const Server* const> after) {
    constexpr std::size_t kProbes = 1 << 14;
    std::size_t moved = 0;
    for (std::size_t probe = 0; probe < kProbes; ++probe) {
      const Server* old_one = before[probe * before.size() / kProbes];
      const Server* new_one = after[probe * after.size() / kProbes];
      if (identity(old_one) != identity(new_one)) ++moved;
    }
    return static_cast<double>(moved) / kProbes;
  }

  static double moved_share(std::span<const Server* const> before,
                            std::span<const Server* const> after) {
    std::map<std::string, double> gain;
    for (const Server* server : before)
      gain[identity(server)] -= 1.0 / static_cast<double>(before.size());
    for (const Server* server : after)
      gain[identity(server)] += 1.0 / static_cast<double>(after.size());
    double moved = 0;
    for (const auto& [server, more] : gain)
      moved += std::max(0.0, more);
    return moved < 1e-9 ? 0 : moved;
  }

  const Config& running_;
  const Config& wanted_;
  const LiveConnections& live_;
  Plan plan_;
};

}  // namespace

Plan make_plan(const Config& running, const Config& wanted, const LiveConnections& live) {
  return Planner(running, wanted, live).make();
}

std::string plan_text(const Plan& plan, const Paint& paint) {
  if (plan.empty()) return "nothing would change\n";
  std::string text;
  for (const std::string& what : plan.restart) {
    text +=
        paint(Tone::bad, fmt::format("! {} cannot change without a restart of carpoold", what)) +
        "\n";
  }
  for (const Change& change : plan.changes) {
    const auto [sign, tone] = change.kind == ChangeKind::Added     ? std::pair("+", Tone::good)
                              : change.kind == ChangeKind::Removed ? std::pair("-", Tone::bad)
                                                                   : std::pair("~", Tone::doubtful);
    std::string details;
    for (const std::string& detail : change.details)
      details += (details.empty() ? ": " : ", ") + detail;
    text += paint(tone, fmt::format("{} {}", sign, change.what)) + details + "\n";
  }
  for (const Shift& shift : plan.shifts) {
    text += fmt::format("  {}: {:.1f} % of {} go to another server\n", shift.backend,
                        100 * shift.share, shift.by_hash ? "the buckets" : "new connections");
  }
  text += plan.draining == 0
              ? "  no connection is touched\n"
              : fmt::format("  {} connections go on to where nothing new goes\n", plan.draining);
  return text;
}

}  // namespace carpool::tool
