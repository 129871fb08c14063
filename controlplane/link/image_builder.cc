#include "controlplane/link/image_builder.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include <fmt/format.h>

#include "controlplane/link/image_draft.h"
#include "controlplane/link/local_address.h"
#include "controlplane/link/maglev.h"
#include "controlplane/link/pick_list.h"
#include "controlplane/link/service_timeouts.h"

namespace carpool::link {
namespace {

abi::Balance to_abi(config::Balance balance) {
  switch (balance) {
    case config::Balance::RoundRobin:
    case config::Balance::StaticRoundRobin:
      return abi::Balance::roundrobin;
    case config::Balance::LeastConn:
      return abi::Balance::leastconn;
    case config::Balance::Source:
      return abi::Balance::source;
    case config::Balance::Random:
      return abi::Balance::random;
    case config::Balance::First:
      return abi::Balance::first;
  }
  return abi::Balance::roundrobin;
}

abi::Forward to_abi(config::Forwarding forwarding) {
  switch (forwarding) {
    case config::Forwarding::FullNat:
      return abi::Forward::fullnat;
    case config::Forwarding::Nat:
      return abi::Forward::nat;
    case config::Forwarding::Dsr:
      return abi::Forward::dsr;
    case config::Forwarding::TunnelIpip:
      return abi::Forward::ipip;
    case config::Forwarding::TunnelGue:
      return abi::Forward::gue;
  }
  return abi::Forward::fullnat;
}

// Tables grow as indices are given.
template <class Element>
Element& entry(std::vector<Element>& table, std::uint32_t index) {
  if (table.size() <= index) table.resize(index + 1);
  return table[index];
}

// What the builder needs to know of a group while it places services.
struct GroupPlan {
  std::uint8_t index = 0;
  std::vector<GroupAddress> own;
  std::vector<GroupAddress> floating;
};

// A frontend's binds in one group, on their way to becoming a service.
struct ServicePlan {
  std::uint16_t index = 0;
  const config::Frontend& frontend;
  const config::Backend& backend;
  const config::RedundancyGroup& group;
  const GroupPlan& group_plan;
  std::string name;
};

// Who may get new connections: the backups only where nobody else is left.
struct Candidates {
  std::vector<Weighted> regular;
  std::vector<Weighted> backup;

  [[nodiscard]] std::span<const Weighted> chosen(bool all_backups) const {
    if (!regular.empty()) return regular;
    return std::span(backup).first(all_backups ? backup.size()
                                               : std::min<std::size_t>(1, backup.size()));
  }
};

class Builder {
 public:
  Builder(const BuildInput& input, Ids& ids) : input_(input), ids_(ids) {
    draft_.generation = input.generation;
    draft_.secret = input.secret;
  }

  Result<BuiltImage> build() {
    ids_.begin();
    for (const auto& group : input_.config.groups) {
      if (auto added = add_group(group); !added) return std::unexpected(added.error());
    }
    for (const auto& frontend : input_.config.frontends) {
      if (frontend.disabled) continue;
      if (auto added = add_frontend(frontend); !added) return std::unexpected(added.error());
    }
    ids_.end();
    place_maglev_tables();
    carry_over();
    return BuiltImage{flatten(draft_), std::move(problems_)};
  }

 private:
  // ---------------------------------------------------------------------------------- groups

  Result<void> add_group(const config::RedundancyGroup& group) {
    const auto index = ids_.groups.acquire(group.name);
    if (!index) return fail(fmt::format("more than {} redundancy groups", abi::kMaxGroups));
    abi::ImageGroup& image = entry(draft_.groups, *index);
    image.name = Name(group.name);
    image.vhid = group.vhid;
    image.mac = group.mac == config::GroupMac::Virtual ? MacAddress::virtual_router(group.vhid)
                                                       : mac_of(port_index(group, group.port));

    GroupPlan& plan = groups_.emplace_back();
    plan.index = static_cast<std::uint8_t>(*index);
    for (const auto& address : group.addresses)
      add_address(group, address, plan.index, abi::kRoleVirtual, plan.own);
    for (const auto& address : group.floating)
      add_address(group, address, plan.index, abi::kRoleLocal, plan.floating);
    if (draft_.addresses.size() > abi::kMaxAddresses)
      return fail(fmt::format("more than {} virtual and floating addresses", abi::kMaxAddresses));
    return {};
  }

  void add_address(const config::RedundancyGroup& group, const config::VirtualAddress& address,
                   std::uint8_t group_index, std::uint8_t role, std::vector<GroupAddress>& list) {
    const auto port = port_index(group, address.port);
    if (!port) return;
    const Ipv4Address value = address.prefix.address;
    const auto place = static_cast<std::uint32_t>(draft_.addresses.size());
    if (!address_places_.try_emplace(value, place).second) {
      report(ProblemKind::duplicate,
             fmt::format("group {}: address {} is listed twice", group.name, to_string(value)));
      return;
    }
    draft_.addresses.push_back(
        {.address = value, .port = *port, .group = group_index, .roles = role});
    list.push_back({address.prefix, *port});
  }

  std::optional<std::uint8_t> port_index(const config::RedundancyGroup& group,
                                         std::string_view name) {
    const auto at = std::ranges::find(input_.ports, name, &RegionPort::name);
    if (at != input_.ports.end()) return static_cast<std::uint8_t>(at - input_.ports.begin());
    report(ProblemKind::port_missing,
           fmt::format("group {}: the data plane has no port {}", group.name, name));
    return std::nullopt;
  }

  [[nodiscard]] MacAddress mac_of(std::optional<std::uint8_t> port) const {
    return port ? input_.ports[*port].mac : MacAddress{};
  }

  // -------------------------------------------------------------------------------- services

  Result<void> add_frontend(const config::Frontend& frontend) {
    std::vector<std::size_t> groups;  // in the order of the binds
    for (const auto& bind : frontend.binds) {
      if (std::ranges::find(groups, bind.group) == groups.end()) groups.push_back(bind.group);
    }
    for (const std::size_t group : groups) {
      if (auto added = add_service(frontend, group); !added) return added;
    }
    return {};
  }

  Result<void> add_service(const config::Frontend& frontend, std::size_t group) {
    std::string name = service_name(input_.config, frontend, group);
    if (name.size() > config::kMaxNameLength) {
      report(ProblemKind::name_too_long,
             fmt::format("frontend {}: {} is longer than {} characters: give the frontend or the "
                         "group a shorter name",
                         frontend.name, name, config::kMaxNameLength));
      return {};
    }
    const auto index = ids_.services.acquire(name);
    if (!index) return fail(fmt::format("more than {} services", abi::kMaxServices));

    const ServicePlan plan{.index = static_cast<std::uint16_t>(*index),
                           .frontend = frontend,
                           .backend = input_.config.backends[frontend.backend_index],
                           .group = input_.config.groups[group],
                           .group_plan = groups_[group],
                           .name = std::move(name)};
    const auto timeouts =
        service_timeouts(frontend.protocol, frontend.timeouts, plan.backend.timeouts);
    abi::ImageService& service = entry(draft_.services, *index);
    service.name = Name(plan.name);
    service.protocol = static_cast<std::uint8_t>(frontend.protocol);
    service.group = plan.group_plan.index;
    service.balance = to_abi(plan.backend.balance);
    service.mirror = frontend.mirror ? 1 : 0;
    service.udp_replies = plan.backend.replies;
    service.forward = to_abi(plan.backend.forwarding);
    service.connect_timeout_ms = timeouts.connect_ms;
    service.established_timeout_ms = timeouts.established_ms;
    service.closing_timeout_ms = timeouts.closing_ms;
    service.closed_timeout_ms = timeouts.closed_ms;

    for (const auto& bind : frontend.binds) {
      if (bind.group == group) add_keys(plan, bind);
    }
    return add_servers(plan);
  }

  void add_keys(const ServicePlan& plan, const config::Bind& bind) {
    const auto protocol = static_cast<std::uint8_t>(plan.frontend.protocol);
    for (std::uint32_t port = bind.port_first; port <= bind.port_last; ++port) {
      const auto id = std::uint64_t{bind.address.value.host()} << 24 | port << 8 | protocol;
      if (!taken_keys_.insert(id).second) {
        report(ProblemKind::duplicate,
               fmt::format("frontend {}: {}:{} is another frontend's", plan.frontend.name,
                           to_string(bind.address), port));
        continue;
      }
      draft_.service_keys.push_back({.address = bind.address,
                                     .port = be16(static_cast<std::uint16_t>(port)),
                                     .protocol = protocol,
                                     .service = plan.index});
    }
  }

  // --------------------------------------------------------------------------------- servers

  Result<void> add_servers(const ServicePlan& plan) {
    Candidates candidates;
    for (std::size_t at = 0; at < plan.backend.servers.size(); ++at) {
      if (auto added = add_server(plan, at, candidates); !added) return added;
    }
    const auto chosen = candidates.chosen(plan.backend.all_backups);
    abi::ImageService& service = draft_.services[plan.index];
    if (service.balance == abi::Balance::source) {
      plan_maglev(plan, chosen);
      return {};
    }
    service.picks.offset = static_cast<std::uint32_t>(draft_.picks.size());
    if (service.balance == abi::Balance::leastconn || service.balance == abi::Balance::first) {
      for (const Weighted& server : chosen)
        draft_.picks.push_back(server.server);
    } else {
      const auto picks = weighted_picks(chosen);
      draft_.picks.insert(draft_.picks.end(), picks.begin(), picks.end());
    }
    service.picks.count = static_cast<std::uint32_t>(draft_.picks.size()) - service.picks.offset;
    return {};
  }

  // How large a table is follows from who is configured, so that it stays when one goes down.
  void plan_maglev(const ServicePlan& plan, std::span<const Weighted> chosen) {
    MaglevPlan maglev{.service = plan.index, .places = maglev_places(plan.backend.servers.size())};
    for (const Weighted& server : chosen) {
      const auto name = draft_.servers[server.server].name.view();
      maglev.servers.push_back({server.server, server.weight, maglev_identity(name)});
    }
    maglev_plans_.push_back(std::move(maglev));
  }

  void place_maglev_tables() {
    MaglevTables own;
    MaglevTables& tables = input_.maglev != nullptr ? *input_.maglev : own;
    std::vector<std::uint16_t> services;
    for (const MaglevPlan& plan : maglev_plans_)
      services.push_back(plan.service);
    tables.make(std::move(maglev_plans_));
    for (const std::uint16_t service : services) {
      const auto table = tables.of(service);
      draft_.services[service].picks = {static_cast<std::uint32_t>(draft_.picks.size()),
                                        static_cast<std::uint32_t>(table.size())};
      draft_.picks.insert(draft_.picks.end(), table.begin(), table.end());
    }
  }

  Result<void> add_server(const ServicePlan& plan, std::size_t at, Candidates& candidates) {
    const config::Server& server = plan.backend.servers[at];
    const auto index = ids_.servers.acquire(server_key(plan.name, server.name));
    if (!index) {
      return fail(fmt::format("more than {} servers, each counted once per service that uses it",
                              abi::kMaxServers));
    }
    const ServerState state = state_of(plan.frontend.backend_index, at);
    const std::uint32_t weight = state.weight.value_or(server.weight);
    abi::ImageServer& image = entry(draft_.servers, *index);
    image.name = Name(server.name);
    image.address = server.address;
    image.port = be16(server.port);
    image.weight = static_cast<std::uint16_t>(weight);
    image.service = plan.index;
    image.max_connections = state.maxconn.value_or(server.maxconn);

    auto has_way = find_way(plan, server, image);
    if (!has_way) return std::unexpected(std::move(has_way.error()));
    const bool wanted =
        state.up && !state.draining && !state.maintenance && weight > 0 && !plan.backend.disabled;
    if (!wanted || !*has_way) return {};
    auto& list = server.backup ? candidates.backup : candidates.regular;
    list.push_back({static_cast<std::uint16_t>(*index), weight});
    return {};
  }

  [[nodiscard]] ServerState state_of(std::size_t backend, std::size_t server) const {
    const bool known = backend < input_.states.size() && server < input_.states[backend].size();
    return known ? input_.states[backend][server] : ServerState{};
  }

  // Fills in `local` and `next_hop`. False, and why is reported, where packets would not arrive.
  Result<bool> find_way(const ServicePlan& plan, const config::Server& server,
                        abi::ImageServer& image) {
    const auto found = input_.reachability.servers.find(server.address);
    const Reach reach = found == input_.reachability.servers.end() ? Reach{} : found->second;
    if (reach.way != Way::port || reach.port >= input_.ports.size()) {
      report_server(ProblemKind::unreachable, plan, server, why_unreachable(server, reach));
      return false;
    }
    const auto hop = add_next_hop(plan, reach);
    if (!hop) return std::unexpected(hop.error());
    image.next_hop = *hop;

    image.local = {};
    if (plan.backend.forwarding == config::Forwarding::Dsr) {
      if (!is_neighbour(plan, server, reach)) return false;
    } else {
      const auto local = local_address(plan, server, reach);
      if (!local) return false;
      image.local = *local;
    }

    if (draft_.next_hops[*hop].resolved == 0) {
      report_server(ProblemKind::resolving, plan, server,
                    fmt::format("waiting for the link-layer address of {} on port {}",
                                to_string(reach.neighbour), input_.ports[reach.port].name));
      return false;
    }
    return true;
  }

  [[nodiscard]] static std::string why_unreachable(const config::Server& server,
                                                   const Reach& reach) {
    switch (reach.way) {
      case Way::own_address:
        return fmt::format("{} is an address of this machine; a server has to be another one",
                           to_string(server.address));
      case Way::other_network:
        return fmt::format(
            "{} is reached over interface {}, which is not a port: add a `port` "
            "line for it, or a route by one of the ports",
            to_string(server.address), reach.interface);
      case Way::none:
      case Way::port:
        break;
    }
    return fmt::format("no route to {}", to_string(server.address));
  }

  Result<std::uint16_t> add_next_hop(const ServicePlan& plan, const Reach& reach) {
    const auto index = ids_.next_hops.acquire({plan.group_plan.index, reach.port, reach.neighbour});
    if (!index) return fail(fmt::format("more than {} next hops", abi::kMaxNextHops));
    abi::ImageNextHop& hop = entry(draft_.next_hops, *index);
    hop.port = reach.port;
    hop.group = plan.group_plan.index;
    hop.neighbour = reach.neighbour;
    hop.source = plan.group.mac == config::GroupMac::Virtual
                     ? MacAddress::virtual_router(plan.group.vhid)
                     : mac_of(reach.port);
    resolve(hop);
    return static_cast<std::uint16_t>(*index);
  }

  // Leaves what is there where the link-layer address is not known.
  void resolve(abi::ImageNextHop& hop) const {
    const auto known = input_.reachability.neighbours.find({hop.port, hop.neighbour});
    if (known == input_.reachability.neighbours.end()) return;
    hop.destination = known->second;
    hop.resolved = 1;
  }

  // In dsr a server is reached by its link-layer address alone.
  bool is_neighbour(const ServicePlan& plan, const config::Server& server, const Reach& reach) {
    if (reach.neighbour == server.address) return true;
    report_server(
        ProblemKind::unreachable, plan, server,
        fmt::format("`forward dsr` wants it on a network of port {}, and it is behind {}: "
                    "use `forward tunnel`",
                    input_.ports[reach.port].name, to_string(reach.neighbour)));
    return false;
  }

  // Servers at the end of a tunnel have the virtual address themselves, and would not believe a
  // packet that comes from it.
  static std::optional<Ipv4Address> choose_local(const ServicePlan& plan, const Reach& reach) {
    const GroupPlan& group = plan.group_plan;
    const bool is_tunnel = plan.backend.forwarding == config::Forwarding::TunnelIpip ||
                           plan.backend.forwarding == config::Forwarding::TunnelGue;
    if (!is_tunnel) {
      return choose_local_address(group.own, group.floating, reach.port, reach.neighbour);
    }
    const auto on_port = choose_local_address({}, group.floating, reach.port, reach.neighbour);
    if (on_port || group.floating.empty()) return on_port;
    return group.floating.front().prefix.address;
  }

  // Of fullnat and tunnels it is the source; in nat it is the servers' gateway.
  std::optional<Ipv4Address> local_address(const ServicePlan& plan, const config::Server& server,
                                           const Reach& reach) {
    const auto local = plan.backend.source ? plan.backend.source : choose_local(plan, reach);
    const auto place = local ? address_places_.find(*local) : address_places_.end();
    if (place != address_places_.end()) {
      draft_.addresses[place->second].roles |= abi::kRoleLocal;
      return local;
    }
    const std::string& port = input_.ports[reach.port].name;
    report_server(ProblemKind::no_local_address, plan, server,
                  local ? fmt::format("source {} is not an address of any group: add `floating "
                                      "{}/N port {}` to group {}",
                                      to_string(*local), to_string(*local), port, plan.group.name)
                        : fmt::format("reached over port {}, where group {} has no floating "
                                      "address: add `floating A.B.C.D/N port {}`",
                                      port, plan.group.name, port));
    return std::nullopt;
  }

  // ------------------------------------------------------------------------------ carry over

  // Entries of what is not configured any more stay as they were, for the connections that still
  // use them; only their link-layer addresses are kept up to date. No new connection finds them.
  void carry_over() {
    draft_.groups.resize(ids_.groups.size());
    draft_.services.resize(ids_.services.size());
    draft_.servers.resize(ids_.servers.size());
    draft_.next_hops.resize(ids_.next_hops.size());
    if (!input_.previous) return;
    copy_retired(ids_.groups, input_.previous.groups(), draft_.groups);
    copy_retired(ids_.services, input_.previous.services(), draft_.services);
    copy_retired(ids_.servers, input_.previous.servers(), draft_.servers);
    copy_retired(ids_.next_hops, input_.previous.next_hops(), draft_.next_hops);
    for (std::uint32_t index = 0; index < draft_.services.size(); ++index) {
      if (!ids_.services.live_key(index)) draft_.services[index].picks = {};
    }
    // Holds for every image of ours, but a damaged one may have been recovered from.
    for (abi::ImageServer& server : draft_.servers) {
      const bool holds =
          server.service < draft_.services.size() && !draft_.services[server.service].name.empty();
      if (!holds) server.name = {};
    }
    for (std::uint32_t index = 0; index < draft_.next_hops.size(); ++index) {
      if (ids_.next_hops.last_key(index) && !ids_.next_hops.live_key(index))
        resolve(draft_.next_hops[index]);
    }
  }

  template <class Pool, class Element>
  static void copy_retired(const Pool& pool, std::span<const Element> from,
                           std::vector<Element>& to) {
    const auto both = static_cast<std::uint32_t>(std::min(from.size(), to.size()));
    for (std::uint32_t index = 0; index < both; ++index) {
      if (pool.last_key(index) && !pool.live_key(index)) to[index] = from[index];
    }
  }

  // -------------------------------------------------------------------------------- problems

  void report_server(ProblemKind kind, const ServicePlan& plan, const config::Server& server,
                     std::string_view text) {
    report(kind, fmt::format("server {}/{}: {}", plan.backend.name, server.name, text));
  }

  // Once each: several services may use the same server.
  void report(ProblemKind kind, std::string text) {
    if (reported_.insert(text).second) problems_.push_back({kind, std::move(text)});
  }

  const BuildInput& input_;
  Ids& ids_;
  ImageDraft draft_;
  std::vector<GroupPlan> groups_;  // by group of the model
  std::unordered_map<Ipv4Address, std::uint32_t, Ipv4Hash> address_places_;  // in draft_.addresses
  std::unordered_set<std::uint64_t> taken_keys_;
  std::vector<MaglevPlan> maglev_plans_;
  std::vector<Problem> problems_;
  std::unordered_set<std::string> reported_;
};

}  // namespace

ServerStates initial_states(const config::Config& config) {
  ServerStates states;
  for (const auto& backend : config.backends) {
    auto& of_backend = states.emplace_back();
    for (const auto& server : backend.servers)
      of_backend.emplace_back().maintenance = server.disabled;
  }
  return states;
}

std::string service_name(const config::Config& config, const config::Frontend& frontend,
                         std::size_t group) {
  if (frontend.binds.empty() || frontend.binds.front().group == group) return frontend.name;
  return frontend.name + "@" + config.groups[group].name;
}

Result<BuiltImage> build_image(const BuildInput& input, Ids& ids) {
  return Builder(input, ids).build();
}

}  // namespace carpool::link
