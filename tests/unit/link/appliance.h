// A small appliance to build images for: two ports, one group, one listener with servers on the lan
// side. Tests change what they are about.
#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "controlplane/link/image_builder.h"

namespace carpool::link {

inline constexpr auto kVip = Ipv4Address::of(192, 0, 2, 10);
inline constexpr auto kFloating = Ipv4Address::of(10, 0, 0, 10);
inline constexpr std::uint8_t kWan = 0;
inline constexpr std::uint8_t kLan = 1;

inline MacAddress mac_of_server(Ipv4Address address) {
  const auto host = address.value.host();
  return {{2, 0, 0, static_cast<std::uint8_t>(host >> 16), static_cast<std::uint8_t>(host >> 8),
           static_cast<std::uint8_t>(host)}};
}

struct Appliance {
  config::Config config;
  std::vector<RegionPort> ports = {{"wan", 2, {{2, 1, 1, 1, 1, 1}}},
                                   {"lan", 3, {{2, 2, 2, 2, 2, 2}}}};
  Reachability reachability;
  ServerStates states;
  Ids ids;
  std::vector<std::byte> image;  // the last one built
  std::uint64_t generation = 0;
  std::vector<Problem> problems;  // of the last one built

  Appliance() {
    config::RedundancyGroup group;
    group.name = "public";
    group.vhid = 53;
    group.port = "wan";
    group.addresses = {{{kVip, 24}, "wan", {}}};
    group.floating = {{{kFloating, 24}, "lan", {}}};
    config.groups = {group};
    add_listen("web", 80, 0);
  }

  config::Backend& add_listen(const std::string& name, std::uint16_t port, std::size_t group) {
    config::Frontend frontend;
    frontend.name = name;
    frontend.default_backend = name;
    frontend.backend_index = config.backends.size();
    frontend.binds = {
        {config.groups[group].addresses.front().prefix.address, port, port, group, {}}};
    config.frontends.push_back(frontend);
    config.backends.emplace_back().name = name;
    states.emplace_back();
    return config.backends.back();
  }

  // A server of the first backend, or another: up, and reached over the lan.
  config::Server& add_server(const std::string& name, Ipv4Address address, std::uint32_t weight = 1,
                             std::size_t backend = 0) {
    config::Server server;
    server.name = name;
    server.address = address;
    server.port = 8080;
    server.weight = weight;
    reach(address, kLan, address);
    states[backend].emplace_back();
    return config.backends[backend].servers.emplace_back(server);
  }

  void reach(Ipv4Address server, std::uint8_t port, Ipv4Address neighbour) {
    reachability.servers[server] = {Way::port, port, neighbour, {}};
    reachability.neighbours[{port, neighbour}] = mac_of_server(neighbour);
  }

  abi::ImageView build() {
    const auto previous = std::exchange(image, {});
    const abi::ImageView before(previous.empty() ? nullptr : previous.data());
    auto built = build_image({.config = config,
                              .ports = ports,
                              .reachability = reachability,
                              .states = states,
                              .previous = before,
                              .generation = ++generation,
                              .secret = {7, 11}},
                             ids);
    if (!built) {
      ADD_FAILURE() << built.error().message;
      return {};
    }
    problems = built->problems;
    image = std::move(built->bytes);
    EXPECT_EQ(abi::validate(image), abi::ImageFault::none);
    return abi::ImageView(image.data());
  }
};

inline std::vector<std::string> problem_texts(const Appliance& appliance) {
  std::vector<std::string> texts;
  for (const Problem& problem : appliance.problems)
    texts.push_back(problem.text);
  return texts;
}

// Names of the servers that a service may choose, in the order of its list.
inline std::vector<std::string> picked(abi::ImageView image, std::string_view service_name) {
  std::vector<std::string> names;
  for (const auto& service : image.services()) {
    if (service.name.view() != service_name) continue;
    for (const std::uint16_t server : image.picks(service))
      names.emplace_back(image.servers()[server].name.view());
  }
  return names;
}

inline const abi::ImageServer* find_server(abi::ImageView image, std::string_view name) {
  const auto servers = image.servers();
  const auto at = std::ranges::find_if(
      servers, [name](const abi::ImageServer& server) { return server.name.view() == name; });
  return at == servers.end() ? nullptr : &*at;
}

}  // namespace carpool::link
