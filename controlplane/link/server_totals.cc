#include "controlplane/link/server_totals.h"

#include <set>

#include "controlplane/link/image_builder.h"

namespace carpool::link {

void ServerTotalsReader::configure(const config::Config& config, const Ids& ids) {
  std::vector<std::size_t> first_of_backend;
  servers_ = 0;
  for (const config::Backend& backend : config.backends) {
    first_of_backend.push_back(servers_);
    servers_ += backend.servers.size();
  }
  frontends_ = config.frontends.size();
  places_.clear();
  for (std::size_t at = 0; at < frontends_; ++at) {
    const config::Frontend& frontend = config.frontends[at];
    std::set<std::size_t> groups;
    for (const config::Bind& bind : frontend.binds)
      groups.insert(bind.group);
    const config::Backend& backend = config.backends[frontend.backend_index];
    for (const std::size_t group : groups) {
      const std::string service = service_name(config, frontend, group);
      for (std::size_t server = 0; server < backend.servers.size(); ++server) {
        const auto index = ids.servers.find(server_key(service, backend.servers[server].name));
        if (!index) continue;
        const auto place = first_of_backend[frontend.backend_index] + server;
        places_.push_back(
            {*index, static_cast<std::uint32_t>(place), static_cast<std::uint32_t>(at)});
      }
    }
  }
}

TrafficTotals ServerTotalsReader::read(const abi::Region& region) const {
  TrafficTotals totals{std::vector<ServerTotals>(servers_), std::vector<ServerTotals>(frontends_)};
  for (const Place& place : places_) {
    const ServerTotals read = read_server(region, place.index);
    totals.servers[place.server] += read;
    totals.frontends[place.frontend] += read;
  }
  return totals;
}

}  // namespace carpool::link
