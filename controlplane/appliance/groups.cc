#include "controlplane/appliance/groups.h"

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "controlplane/runtime/join.h"

namespace carpool {
namespace {

constexpr std::string_view kBackendSource = "backend ";  // what demotion by a backend is called

using config::Config;
using config::RedundancyGroup;
using config::VirtualAddress;

std::string place(const Config& config, config::Origin at) {
  if (!at.known() || at.file >= config.files.size()) return "";
  return fmt::format("{}:{}: ", config.files[at.file], at.line);
}

// Memif ports are no interfaces of the kernel.
bool is_kernel_interface(const config::PortSpec& port) {
  return port.kind != config::PortKind::Memif;
}

std::vector<Ipv4Prefix> networks_of(int link, const NetworkState& network) {
  std::vector<Ipv4Prefix> result;
  for (const InterfaceAddress& address : network.addresses) {
    if (address.link == link) result.push_back(address.prefix);
  }
  return result;
}

std::string interfaces_text(const NetworkState& network) {
  std::vector<std::string> names;
  for (const auto& [index, link] : network.links)
    names.push_back(link.name);
  return joined(names, ", ");
}

std::string networks_text(const std::vector<Ipv4Prefix>& networks) {
  if (networks.empty()) return "which has no IPv4 address";
  std::vector<std::string> texts;
  for (const Ipv4Prefix& prefix : networks)
    texts.push_back(to_string(prefix));
  return "which has " + joined(texts, ", ");
}

std::optional<std::string> check_address(const Config& config, const RedundancyGroup& group,
                                         const VirtualAddress& address,
                                         const NetworkState& network) {
  const config::PortSpec* port = config.node.find_port(address.port);
  if (port == nullptr || !is_kernel_interface(*port)) return std::nullopt;
  const Link* link = network.find_link(port->device);
  if (link == nullptr) return std::nullopt;  // said already, of the port
  const auto networks = networks_of(link->index, network);
  const auto holds = [&](const Ipv4Prefix& prefix) {
    return prefix.contains(address.prefix.address);
  };
  if (std::ranges::any_of(networks, holds)) return std::nullopt;
  return fmt::format(
      "{}address {} of group {} is in no network of its port {} ({}), {}: give the interface an "
      "address of that network, or correct the address",
      place(config, address.origin), to_string(address.prefix), group.name, port->name,
      port->device, networks_text(networks));
}

const link::RegionPort* find_port(std::span<const link::RegionPort> ports, std::string_view name) {
  const auto found = std::ranges::find(ports, name, &link::RegionPort::name);
  return found == ports.end() ? nullptr : &*found;
}

std::uint16_t index_of(std::span<const link::RegionPort> ports, const link::RegionPort& port) {
  return static_cast<std::uint16_t>(&port - ports.data());
}

Result<void> add_announced(GroupSettings& settings, const std::vector<VirtualAddress>& addresses,
                           std::span<const link::RegionPort> ports) {
  for (const VirtualAddress& address : addresses) {
    const link::RegionPort* port = find_port(ports, address.port);
    if (port == nullptr) {
      return fail(
          fmt::format("address {} of group {} is on port {}, which the data plane does not "
                      "have",
                      to_string(address.prefix), settings.name, address.port));
    }
    settings.announced.push_back({address.prefix.address, index_of(ports, *port)});
  }
  return {};
}

Result<GroupSettings> settings_of(const RedundancyGroup& group,
                                  std::span<const link::RegionPort> ports,
                                  const NetworkState& network) {
  const link::RegionPort* port = find_port(ports, group.port);
  if (port == nullptr) {
    return fail(fmt::format("group {} is on port {}, which the data plane does not have",
                            group.name, group.port));
  }
  std::vector<Ipv4Address> addresses;
  for (const VirtualAddress& address : group.addresses)
    addresses.push_back(address.prefix.address);
  auto key = make_carp_key(group.vhid, group.password, std::move(addresses), {},
                           group.address_order == config::AddressOrder::Configured
                               ? CarpAddressOrder::kConfigured
                               : CarpAddressOrder::kAscending);
  if (!key) return fail(fmt::format("group {}: {}", group.name, key.error().message));

  GroupSettings settings;
  settings.name = group.name;
  settings.key = std::move(*key);
  settings.port = index_of(ports, *port);
  settings.mac =
      group.mac == config::GroupMac::Virtual ? MacAddress::virtual_router(group.vhid) : port->mac;
  settings.carp.vhid = group.vhid;
  settings.carp.advbase = group.advbase;
  settings.carp.advskew = group.advskew;
  settings.carp.preempt = group.preempt;
  settings.carp.preempt_delay = group.preempt_delay;
  settings.carp.source = advert_source(group, port->link, network);
  for (const auto* list : {&group.addresses, &group.floating}) {
    if (auto added = add_announced(settings, *list, ports); !added) {
      return std::unexpected(added.error());
    }
  }
  return settings;
}

}  // namespace

std::vector<std::string> check_against_network(const Config& config, const NetworkState& network) {
  std::vector<std::string> wrong;
  for (const config::PortSpec& port : config.node.ports) {
    if (is_kernel_interface(port) && network.find_link(port.device) == nullptr) {
      wrong.push_back(fmt::format("{}port {}: interface {} does not exist; there are {}",
                                  place(config, port.origin), port.name, port.device,
                                  interfaces_text(network)));
    }
  }
  for (const RedundancyGroup& group : config.groups) {
    for (const auto* list : {&group.addresses, &group.floating}) {
      for (const VirtualAddress& address : *list) {
        if (auto complaint = check_address(config, group, address, network)) {
          wrong.push_back(std::move(*complaint));
        }
      }
    }
  }
  return wrong;
}

Ipv4Address advert_source(const RedundancyGroup& group, int link, const NetworkState& network) {
  const auto networks = networks_of(link, network);
  const auto in_network = std::ranges::find_if(networks, [&](const Ipv4Prefix& prefix) {
    return std::ranges::any_of(group.addresses, [&](const VirtualAddress& address) {
      return prefix.contains(address.prefix.address);
    });
  });
  if (in_network != networks.end()) return in_network->address;
  return networks.empty() ? Ipv4Address{} : networks.front().address;
}

Result<std::vector<GroupSettings>> group_settings(const Config& config,
                                                  std::span<const link::RegionPort> ports,
                                                  const NetworkState& network) {
  std::vector<GroupSettings> result;
  for (const RedundancyGroup& group : config.groups) {
    auto settings = settings_of(group, ports, network);
    if (!settings) return std::unexpected(settings.error());
    result.push_back(std::move(*settings));
  }
  return result;
}

std::optional<std::string> why_unusable(const GroupSettings& group,
                                        std::span<const link::RegionPort> ports,
                                        std::span<const PortHealth> health,
                                        const NetworkState& network) {
  if (group.port >= ports.size() || group.port >= health.size()) return "its port is missing";
  const link::RegionPort& port = ports[group.port];
  if (!health[group.port].link_up) return fmt::format("port {} has no link", port.name);
  if (const auto link = network.links.find(port.link); link != network.links.end()) {
    if (!link->second.enabled) {
      return fmt::format("port {}: interface {} is set down", port.name, link->second.name);
    }
    if (!link->second.carrier) {
      return fmt::format("port {}: interface {} has no carrier", port.name, link->second.name);
    }
  }
  if (group.carp.source.is_unspecified()) {
    return fmt::format("port {} has no IPv4 address that adverts could come from", port.name);
  }
  return std::nullopt;
}

std::vector<DemotionReason> tracked_backends(const Config& config,
                                             const link::ServerStates& servers) {
  std::vector<DemotionReason> reasons;
  for (const RedundancyGroup& group : config.groups) {
    for (const config::TrackBackend& track : group.tracks) {
      const auto& states = servers.at(track.backend_index);
      const auto usable = std::ranges::count_if(
          states, [](const link::ServerState& state) { return state.up && !state.maintenance; });
      const bool enough = usable >= static_cast<std::ptrdiff_t>(track.at_least);
      reasons.push_back({group.name, std::string(kBackendSource) + track.backend,
                         enough ? 0 : kMaxDemotion,
                         enough ? ""
                                : fmt::format("{} of {} servers up, needs {}", usable,
                                              states.size(), track.at_least)});
    }
  }
  return reasons;
}

std::vector<DemotionReason> untracked_backends(const GroupReport& group,
                                               std::span<const DemotionReason> tracked) {
  std::vector<DemotionReason> gone;
  for (const Demotion::Source& source : group.machine.demotion.sources()) {
    const auto is_source = [&](const DemotionReason& reason) {
      return reason.group == group.settings.name && reason.source == source.name;
    };
    if (source.name.starts_with(kBackendSource) && std::ranges::none_of(tracked, is_source)) {
      gone.push_back({group.settings.name, source.name, 0, ""});
    }
  }
  return gone;
}

std::vector<DemotionReason> other_ports(const GroupSettings& group,
                                        std::span<const link::RegionPort> ports,
                                        std::span<const PortHealth> health) {
  std::set<std::uint16_t> others;
  for (const auto& announced : group.announced) {
    if (announced.port != group.port) others.insert(announced.port);
  }
  std::vector<DemotionReason> reasons;
  for (const std::uint16_t port : others) {
    if (port >= ports.size() || port >= health.size()) continue;
    const bool up = health[port].link_up;
    reasons.push_back(
        {group.name, "port " + ports[port].name, up ? 0 : kMaxDemotion, up ? "" : "no link"});
  }
  return reasons;
}

}  // namespace carpool
