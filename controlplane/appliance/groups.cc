#include "controlplane/appliance/groups.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "controlplane/runtime/join.h"

namespace carpool {
namespace {

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

std::vector<Ipv4Address> advertised_addresses(const RedundancyGroup& group) {
  std::vector<Ipv4Address> addresses;
  for (const VirtualAddress& address : group.addresses)
    addresses.push_back(address.prefix.address);
  return addresses;
}

Result<CarpSettings> carp_settings(const RedundancyGroup& group, Ipv4Address source) {
  auto key = make_carp_key(group.vhid, group.password, advertised_addresses(group), {},
                           group.address_order == config::AddressOrder::Configured
                               ? CarpAddressOrder::kConfigured
                               : CarpAddressOrder::kAscending);
  if (!key) return std::unexpected(key.error());
  CarpSettings settings;
  settings.key = std::move(*key);
  settings.config.vhid = group.vhid;
  settings.config.advbase = group.advbase;
  settings.config.advskew = group.advskew;
  settings.config.preempt = group.preempt;
  settings.config.preempt_delay = group.preempt_delay;
  settings.config.source = source;
  return settings;
}

// What tracked things add as long as all of them are well; see tracking.h for when they are not.
unsigned bonus_of(const RedundancyGroup& group) {
  unsigned bonus = 0;
  const auto add = [&bonus](const auto& tracks) {
    for (const config::TrackCommon& track : tracks)
      bonus += static_cast<unsigned>(std::max(0, track.weight.value_or(0)));
  };
  add(group.tracks);
  add(group.track_ports);
  add(group.track_scripts);
  return bonus;
}

Result<VrrpSettings> vrrp_settings(const RedundancyGroup& group, Ipv4Address source) {
  const config::VrrpOptions& options = group.vrrp;
  const auto interval = std::chrono::duration_cast<VrrpInterval>(options.interval);
  const bool v2 = group.protocol == config::RedundancyProtocol::Vrrp2;
  VrrpSettings settings;
  settings.config.version = v2 ? VrrpVersion::k2 : VrrpVersion::k3;
  settings.config.vrid = group.vhid;
  settings.config.priority = options.priority;
  settings.config.bonus = bonus_of(group);
  settings.config.interval = interval;
  settings.config.preempt = group.preempt;
  settings.config.preempt_delay = group.preempt_delay;
  settings.config.startup_delay = options.startup_delay;
  settings.config.announcements = {options.garp.count, options.garp.delay, options.garp.refresh,
                                   options.garp.refresh_count};
  settings.config.source = source;
  settings.group.version = settings.config.version;
  settings.group.vrid = group.vhid;
  settings.group.interval = interval;
  settings.group.addresses = advertised_addresses(group);
  settings.group.own = source;
  settings.group.peers = options.unicast_peers;
  // The file is the same on all nodes, so it names this one, too.
  std::erase(settings.group.peers, source);
  if (settings.group.peers.empty() && !options.unicast_peers.empty()) {
    return fail("'unicast peer' names only this node: write the addresses of all of them");
  }
  settings.group.min_ttl = options.min_ttl;
  if (!group.password.empty()) {
    auto password = make_vrrp_password(group.password);
    if (!password) return std::unexpected(password.error());
    settings.group.password = *password;
  }
  settings.checksum = options.checksum == config::VrrpChecksumForm::Rfc9568
                          ? VrrpChecksum::kMessageOnly
                          : VrrpChecksum::kWithPseudoHeader;
  return settings;
}

Result<GroupSettings> settings_of(const RedundancyGroup& group,
                                  std::span<const link::RegionPort> ports,
                                  const NetworkState& network) {
  const link::RegionPort* port = find_port(ports, group.port);
  if (port == nullptr) {
    return fail(fmt::format("group {} is on port {}, which the data plane does not have",
                            group.name, group.port));
  }
  GroupSettings settings;
  settings.name = group.name;
  settings.port = index_of(ports, *port);
  settings.port_mac = port->mac;
  settings.mac =
      group.mac == config::GroupMac::Virtual ? MacAddress::virtual_router(group.vhid) : port->mac;
  const Ipv4Address source = advert_source(group, port->link, network);
  if (group.is_vrrp()) {
    auto vrrp = vrrp_settings(group, source);
    if (!vrrp) return fail(fmt::format("group {}: {}", group.name, vrrp.error().message));
    settings.protocol = std::move(*vrrp);
  } else {
    auto carp = carp_settings(group, source);
    if (!carp) return fail(fmt::format("group {}: {}", group.name, carp.error().message));
    settings.protocol = std::move(*carp);
  }
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
  if (group.source().is_unspecified()) {
    return fmt::format("port {} has no IPv4 address that adverts could come from", port.name);
  }
  return std::nullopt;
}

}  // namespace carpool
