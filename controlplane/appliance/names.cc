#include "controlplane/appliance/names.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <set>

#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "controlplane/config/values.h"

namespace carpool {
namespace {

// What the configuration would have been refused for.
std::optional<std::string> why_not_a_server(const config::Config& config, Ipv4Address address) {
  if (auto reason = config::why_not_a_host(address)) return reason;
  for (const config::RedundancyGroup& group : config.groups) {
    for (const auto* addresses : {&group.addresses, &group.floating}) {
      for (const config::VirtualAddress& each : *addresses) {
        if (each.prefix.address == address) return "it is an address of group " + group.name;
      }
    }
  }
  return std::nullopt;
}

}  // namespace

NameAnswer look_up(const std::string& name) {
  addrinfo hints{};
  hints.ai_family = AF_INET;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int error = getaddrinfo(name.c_str(), nullptr, &hints, &found); error != 0) {
    return fail(gai_strerror(error));
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owned(found, freeaddrinfo);
  std::vector<Ipv4Address> addresses;
  for (const addrinfo* each = found; each != nullptr; each = each->ai_next) {
    const auto* address = reinterpret_cast<const sockaddr_in*>(each->ai_addr);
    addresses.push_back(Ipv4Address{be32::from_raw(address->sin_addr.s_addr)});
  }
  if (addresses.empty()) return fail("it has no IPv4 address");
  return addresses;
}

NameAnswers look_up_all(const std::vector<std::string>& names) {
  NameAnswers answers;
  for (const std::string& name : names)
    answers.emplace(name, look_up(name));
  return answers;
}

Ipv4Address choose_address(const std::vector<Ipv4Address>& addresses, const Ipv4Address* in_use) {
  const bool stays = in_use != nullptr && std::ranges::find(addresses, *in_use) != addresses.end();
  return stays ? *in_use : addresses.front();
}

NameAddresses names_in(const config::Config& config) {
  NameAddresses names;
  for (const config::Backend& backend : config.backends) {
    for (const config::Server& server : backend.servers) {
      if (!server.host.empty()) names.emplace(server.host, server.address);
    }
  }
  return names;
}

NamesTaken take_answers(config::Config& config, const NameAnswers& answers) {
  NamesTaken taken;
  NameAddresses moved;
  for (const auto& [name, before] : names_in(config)) {
    const auto answer = answers.find(name);
    if (answer == answers.end()) continue;
    if (!answer->second) {
      taken.kept.push_back(fmt::format("{} cannot be resolved ({}), and keeps {}", name,
                                       answer->second.error().message, to_string(before)));
      continue;
    }
    const Ipv4Address now = choose_address(*answer->second, &before);
    if (now == before) continue;
    if (const auto reason = why_not_a_server(config, now)) {
      taken.kept.push_back(
          fmt::format("{} is not taken for {}: {}", to_string(now), name, *reason));
      continue;
    }
    taken.moved.push_back(
        fmt::format("{} is {} now, and was {}", name, to_string(now), to_string(before)));
    moved.emplace(name, now);
  }
  for (config::Backend& backend : config.backends) {
    for (config::Server& server : backend.servers) {
      const auto found = moved.find(server.host);
      if (found != moved.end()) server.address = found->second;
    }
  }
  return taken;
}

std::string write_names(const NameAddresses& names) {
  std::string text;
  for (const auto& [name, address] : names)
    text += fmt::format("{} {}\n", name, to_string(address));
  return text;
}

NameAddresses read_names(std::string_view text) {
  NameAddresses names;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    const std::size_t blank = line.find(' ');
    if (blank == line.npos || blank == 0) continue;
    const auto address = parse_ipv4(line.substr(blank + 1));
    if (address) names.emplace(line.substr(0, blank), *address);
  }
  return names;
}

}  // namespace carpool
